#include "appliance/node/errand.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-varlink.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

enum {
        SIDE_BY_SIDE = 16,              /* hosts asked at once; the others follow */
        LOOK_MS = 200,                  /* for the caller's Ctrl+C */
        TURN_MAX = 32,                  /* messages of one host before the next has its turn */
};

typedef struct Known {
        char host[MACHINE_NAME_MAX];    /* as typed */
        Channel *channel;
} Known;

struct Errands {
        Node *node;
        VouchClaim claim;
        const atomic_bool *cancelled;
        bool interactive;
        struct Trip *trip;              /* the innermost */
        Known known[ERRAND_HOSTS_MAX];
        size_t known_count;
};

typedef enum LegState { LEG_WAITING, LEG_DIALLING, LEG_TALKING, LEG_ENDED } LegState;

typedef struct Leg {                    /* one host of one command */
        struct Trip *trip;
        size_t i;
        LegState state;
        pthread_t thread;
        Channel *channel;               /* of the errands, once it is dialled */
        bool kept;                      /* from an earlier command: it may have ended since */
        bool more;                      /* its turn ended before what it sent did: nothing tells of the rest again */
        sd_varlink *link;
        bool over;                      /* the last reply has come, or none ever will: why says */
        Error why;

        /* the dialling thread's, read after it has said so */
        atomic_bool dialled;
        Channel *fresh;
        Error failure;
} Leg;

typedef struct Trip {
        struct Trip *outer;             /* whose record led to this one */
        Errands *errands;
        const BatchCalls *calls;
        Leg *legs;
        int wake_fd;                    /* an eventfd: somebody has dialled */
        bool stop;
} Trip;

int errands_new(Node *node, const VouchClaim *claim, const atomic_bool *cancelled, bool interactive, Errands **ret,
                Error *err) {
        Errands *errands = calloc(1, sizeof *errands);
        if (!errands)
                return error_oom(err);
        errands->node = node;
        errands->claim = *claim;
        errands->cancelled = cancelled;
        errands->interactive = interactive;
        *ret = errands;
        return 0;
}

void errands_free(Errands *errands) {
        if (!errands)
                return;
        for (size_t i = 0; i < errands->known_count; i++)       /* all at once, then one by one */
                channel_end(errands->known[i].channel);
        for (size_t i = 0; i < errands->known_count; i++)
                channel_free(errands->known[i].channel);
        free(errands);
}

bool errands_is_here(Errands *errands, const char *host) {
        static const char *const always[] = { ".", "localhost" };
        char own[MACHINE_NAME_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
                if (text_equal_nocase(host, always[i]))
                        return true;
        vmhost_name(errands->node->vms, own);
        if (text_equal_nocase(host, own))
                return true;
        own[strcspn(own, ".")] = '\0';
        return text_equal_nocase(host, own);
}

/* ---- dialling ---------------------------------------------------------------------------------------- */

static Known *known(Errands *errands, const char *host) {
        for (size_t i = 0; i < errands->known_count; i++)
                if (text_equal_nocase(errands->known[i].host, host))
                        return &errands->known[i];
        return NULL;
}

static void *dial(void *userdata) {
        Leg *leg = userdata;
        uint64_t one = 1;

        if (live_connect(node_live(leg->trip->errands->node), leg->trip->calls->list[leg->i].host, &leg->fresh,
                         &leg->failure) < 0)
                leg->fresh = NULL;
        atomic_store(&leg->dialled, true);
        (void)!write(leg->trip->wake_fd, &one, sizeof one);
        return NULL;
}

static void end(Leg *leg, const Error *why) {
        leg->over = true;
        if (why)
                leg->why = *why;
}

/* Commands around this one may know it, too: what they say over it ends by itself, and nothing new begins there. */
static void forget(Errands *errands, Channel *channel) {
        for (Trip *trip = errands->trip; trip; trip = trip->outer)
                for (size_t i = 0; i < trip->calls->count; i++) {
                        Leg *leg = &trip->legs[i];
                        if (leg->channel != channel)
                                continue;
                        leg->channel = NULL;
                        if (leg->state == LEG_DIALLING) {       /* it has not spoken yet: it dials anew */
                                leg->kept = false;
                                leg->state = LEG_WAITING;
                        }
                }
        for (size_t i = 0; i < errands->known_count; i++)
                if (errands->known[i].channel == channel) {
                        channel_free(channel);
                        errands->known[i] = errands->known[--errands->known_count];
                        return;
                }
}

static int too_many(Error *err) {
        return error_set(err, ERROR_LIMIT, 0, "this is too many hosts for one command line; name at most %d",
                         ERRAND_HOSTS_MAX);
}

static void begin(Leg *leg) {
        const char *host = leg->trip->calls->list[leg->i].host;
        const Known *old = known(leg->trip->errands, host);
        Error err = { 0 };

        leg->state = LEG_DIALLING;
        if (old) {
                leg->channel = old->channel;
                leg->kept = true;
                return;
        }
        if (strlen(host) >= MACHINE_NAME_MAX)
                (void)error_set(&err, ERROR_INVALID, 0, "no host has so long a name");
        else if (leg->trip->errands->known_count == ERRAND_HOSTS_MAX)
                (void)too_many(&err);
        else if (pthread_create(&leg->thread, NULL, dial, leg) != 0)
                (void)error_set(&err, ERROR_LIMIT, 0, "this host has no threads left");
        else
                return;
        end(leg, &err);
}

/* ---- talking ------------------------------------------------------------------------------------------ */

int errand_record(sd_json_variant *reply, RecordStream *ret_stream, sd_json_variant **ret_value) {
        const char *name = reply && sd_json_variant_is_object(reply) ? object_string(reply, "Stream") : NULL;
        sd_json_variant *value = name ? sd_json_variant_by_key(reply, "Value") : NULL;
        RecordStream stream = name ? stream_from_name(name) : STREAM_COUNT;

        if (!name || !value || !sd_json_variant_is_object(value))
                return -1;
        if (stream == STREAM_COUNT)
                return 0;
        sd_json_variant *plain = sd_json_variant_by_key(value, "$value");
        *ret_stream = stream;
        *ret_value = plain ? plain : value;
        return 1;
}

static void refused(Leg *leg, const char *error_id, sd_json_variant *parameters) {
        const char *message = parameters && sd_json_variant_is_object(parameters) ? object_string(parameters, "Message") : NULL;
        Error err = { 0 };

        if (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0)
                (void)error_set(&err, ERROR_UNREACHABLE, 0,
                                "it ended the conversation; what became of the command is in its journal (journalctl -u "
                                "holdfastd)");
        else if (strcmp(error_id, "io.holdfast.Node.Busy") == 0)
                (void)error_set(&err, ERROR_LIMIT, 0, "%s", message ? message : "it is busy");
        else
                (void)error_set(&err, ERROR_PROTOCOL, 0, "it answered: %.200s", message ? message : error_id);
        end(leg, &err);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
                    sd_varlink_reply_flags_t flags, void *userdata) {
        Leg *leg = userdata;
        const BatchCalls *calls = leg->trip->calls;
        sd_json_variant *value = NULL;
        RecordStream stream;
        Error err = { 0 };

        if (leg->over || leg->trip->stop)
                return 0;
        if (error_id) {
                refused(leg, error_id, parameters);
                return 0;
        }
        if (!(flags & SD_VARLINK_REPLY_CONTINUES)) {
                end(leg, NULL);
                return 0;
        }
        int r = errand_record(parameters, &stream, &value);
        if (r < 0) {
                (void)error_set(&err, ERROR_PROTOCOL, 0, "it sent something that is no record");
                end(leg, &err);
        } else if (r > 0 && calls->record(calls->userdata, leg->i, stream, value) < 0) {
                leg->trip->stop = true;
        }
        return 0;
}

static int ask(Leg *leg, Error *err) {
        const BatchCall *call = &leg->trip->calls->list[leg->i];
        auto_(sd_json_variant_unrefp) sd_json_variant *claim = NULL;
        int fd = -1;

        if (vouch_json(&leg->trip->errands->claim, &claim, err) < 0 ||
            channel_open(leg->channel, LIVE_COMMANDS, &fd, err) < 0)
                return -1;
        int r = sd_varlink_connect_fd(&leg->link, fd);
        if (r < 0) {
                (void)close(fd);
                return error_set(err, ERROR_INTERNAL, -r, "this host cannot ask: %s", strerror(-r));
        }
        (void)sd_varlink_set_userdata(leg->link, leg);
        r = sd_varlink_bind_reply(leg->link, on_reply);
        if (r >= 0)
                r = sd_varlink_set_relative_timeout(leg->link, UINT64_MAX); /* a move takes as long as it takes */
        if (r >= 0)
                r = sd_varlink_observeb(
                        leg->link, "io.holdfast.Node.Run",
                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Pipeline", call->text),
                                             SD_JSON_BUILD_PAIR_CONDITION(call->variables != NULL, "Variables",
                                                                          SD_JSON_BUILD_VARIANT(call->variables)),
                                             SD_JSON_BUILD_PAIR_BOOLEAN("Interactive", leg->trip->errands->interactive),
                                             SD_JSON_BUILD_PAIR_VARIANT("Vouched", claim)));
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "this host cannot ask: %s", strerror(-r)) : 0;
}

/* Over a stream of its own: the one of the question is at work. */
void errands_answer(Errands *errands, const BatchCalls *calls, size_t i, const char *id, BatchAnswer answer) {
        const Trip *trip = errands->trip;
        sd_varlink *link = NULL;
        Error err = { 0 };
        int fd = -1;

        while (trip && trip->calls != calls)
                trip = trip->outer;
        if (!trip || !trip->legs[i].channel || channel_open(trip->legs[i].channel, LIVE_COMMANDS, &fd, &err) < 0)
                return;                 /* the question's own stream shows why */
        if (sd_varlink_connect_fd(&link, fd) < 0) {
                (void)close(fd);
                return;
        }
        if (sd_varlink_sendb(link, "io.holdfast.Node.Answer",
                             SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("Id", id),
                                                  SD_JSON_BUILD_PAIR_INTEGER("Choice", answer))) >= 0)
                (void)sd_varlink_flush(link);
        (void)sd_varlink_close_unref(link);
}

/* What dialling came to. */
static void dialled(Leg *leg) {
        Errands *errands = leg->trip->errands;
        Error err = { 0 };

        if (!leg->channel) {
                if (!atomic_load(&leg->dialled))
                        return;
                (void)pthread_join(leg->thread, NULL);
                if (!leg->fresh) {
                        end(leg, &leg->failure);
                        return;
                }
                if (errands->known_count == ERRAND_HOSTS_MAX) {         /* others were dialled meanwhile */
                        channel_free(take_ptr(leg->fresh));
                        (void)too_many(&err);
                        end(leg, &err);
                        return;
                }
                Known *new = &errands->known[errands->known_count++];
                (void)snprintf(new->host, sizeof new->host, "%s", leg->trip->calls->list[leg->i].host);
                leg->channel = new->channel = take_ptr(leg->fresh);
        }
        leg->state = LEG_TALKING;
        if (ask(leg, &err) == 0)
                return;
        if (leg->kept) {
                leg->kept = false;
                forget(errands, take_ptr(leg->channel));
                begin(leg);
        } else {
                end(leg, &err);
        }
}

static void listen_to(Leg *leg) {
        leg->more = true;
        for (unsigned n = 0; n < TURN_MAX && !leg->over && !leg->trip->stop; n++) {
                int r = sd_varlink_process(leg->link);
                leg->more = r > 0;
                if (r == 0)
                        return;
                if (r < 0)
                        refused(leg, SD_VARLINK_ERROR_DISCONNECTED, NULL);
        }
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static void leave(Leg *leg) {
        const BatchCalls *calls = leg->trip->calls;

        if (leg->state == LEG_DIALLING && !leg->channel && !leg->over) {        /* stopped meanwhile: within 10 s */
                (void)pthread_join(leg->thread, NULL);
                channel_free(leg->fresh);
        }
        leg->link = sd_varlink_close_unref(leg->link);
        if (leg->state != LEG_WAITING && !leg->trip->stop)
                calls->ended(calls->userdata, leg->i, &leg->why);
        leg->state = LEG_ENDED;
}

/* Begins as many as may be under way; gives how many are not at their end. */
static size_t set_out(Trip *trip) {
        size_t busy = 0, left = 0;

        for (size_t i = 0; i < trip->calls->count; i++)
                busy += trip->legs[i].state == LEG_DIALLING || trip->legs[i].state == LEG_TALKING;
        for (size_t i = 0; i < trip->calls->count; i++) {
                Leg *leg = &trip->legs[i];
                if (leg->state == LEG_WAITING && busy < SIDE_BY_SIDE) {
                        begin(leg);
                        busy++;
                }
                left += leg->state != LEG_ENDED;
        }
        return left;
}

static void wait_for_something(Trip *trip) {
        struct pollfd fds[ERRAND_HOSTS_MAX + 1] = { { .fd = trip->wake_fd, .events = POLLIN } };
        nfds_t count = 1;
        uint64_t n;

        for (size_t i = 0; i < trip->calls->count; i++) {
                const Leg *leg = &trip->legs[i];
                if (leg->state == LEG_ENDED)
                        continue;
                if (leg->over || leg->more || (leg->state == LEG_DIALLING && leg->channel))
                        return; /* there is something to do already */
                if (leg->state != LEG_TALKING)
                        continue;
                int events = sd_varlink_get_events(leg->link);
                fds[count++] = (struct pollfd){ .fd = sd_varlink_get_fd(leg->link), .events = events > 0 ? (short)events : 0 };
        }
        if (poll(fds, count, LOOK_MS) > 0 && fds[0].revents)
                (void)!read(trip->wake_fd, &n, sizeof n);
}

static void look_after(Leg *leg) {
        if (leg->state == LEG_DIALLING && !leg->over)
                dialled(leg);
        if (leg->state == LEG_TALKING && !leg->over)
                listen_to(leg);
        if (leg->over && leg->state != LEG_ENDED)
                leave(leg);
}

void errands_run(Errands *errands, const BatchCalls *calls) {
        Trip trip = { .outer = errands->trip, .errands = errands, .calls = calls, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        auto_free Leg *legs = calloc(calls->count + 1, sizeof *legs);
        Error err = { 0 };

        if (!legs || trip.wake_fd < 0) {
                (void)error_oom(&err);
                for (size_t i = 0; i < calls->count; i++)
                        calls->ended(calls->userdata, i, &err);
                if (trip.wake_fd >= 0)
                        (void)close(trip.wake_fd);
                return;
        }
        trip.legs = legs;
        errands->trip = &trip;
        for (size_t i = 0; i < calls->count; i++)
                legs[i] = (Leg){ .trip = &trip, .i = i };
        (void)set_out(&trip);
        if (calls->here)
                calls->here(calls->userdata);
        while (set_out(&trip) > 0 && !trip.stop && !atomic_load(errands->cancelled)) {
                wait_for_something(&trip);
                for (size_t i = 0; i < calls->count && !trip.stop; i++)
                        look_after(&legs[i]);
        }
        trip.stop = trip.stop || atomic_load(errands->cancelled);
        for (size_t i = 0; i < calls->count; i++)
                if (legs[i].state != LEG_ENDED)
                        leave(&legs[i]);
        errands->trip = trip.outer;
        (void)close(trip.wake_fd);
}
