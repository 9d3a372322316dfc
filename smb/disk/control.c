#include "smb/disk/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-varlink-idl.h>
#include <systemd/sd-varlink.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/disk/client.h"

enum { CONNECTIONS_MAX = 64 };

typedef struct Waiter {                 /* a call that is answered later */
        struct Waiter *next;
        Control *control;
        sd_varlink *link;
        bool for_change;                /* Wait; else an operation of the drive, which keeps its pointer to us */
        OwnState seen;
        sd_event_source *timeout;
} Waiter;

struct Control {
        sd_event *event;
        sd_varlink_server *server;
        Drive *drive;
        Waiter *waiters;
};

/* ---- the interface, as varlinkctl shows it ------------------------------------------------------- */

#define STATUS_FIELDS                                                                                              \
        SD_VARLINK_FIELD_COMMENT("NONE, READER, OWNER, ARMED, GIVEN or LOST"),                                     \
        SD_VARLINK_DEFINE_OUTPUT(State, SD_VARLINK_STRING, 0),                                                     \
        SD_VARLINK_FIELD_COMMENT("of the ownership term this process holds or held; 0: none yet"),                 \
        SD_VARLINK_DEFINE_OUTPUT(Epoch, SD_VARLINK_INT, 0),                                                        \
        SD_VARLINK_DEFINE_OUTPUT(SizeBytes, SD_VARLINK_INT, 0),                                                    \
        SD_VARLINK_FIELD_COMMENT("The server's own names for the file and its volume, 16 hex digits each"),        \
        SD_VARLINK_DEFINE_OUTPUT(FileId, SD_VARLINK_STRING, 0),                                                    \
        SD_VARLINK_DEFINE_OUTPUT(VolumeId, SD_VARLINK_STRING, 0),                                                  \
        SD_VARLINK_FIELD_COMMENT("READER: the guest's first write waits for ownership"),                           \
        SD_VARLINK_DEFINE_OUTPUT(Wanted, SD_VARLINK_BOOL, 0),                                                      \
        SD_VARLINK_DEFINE_OUTPUT(BytesRead, SD_VARLINK_INT, 0),                                                    \
        SD_VARLINK_DEFINE_OUTPUT(BytesWritten, SD_VARLINK_INT, 0),                                                 \
        SD_VARLINK_DEFINE_OUTPUT(WritesParked, SD_VARLINK_INT, 0),                                                 \
        SD_VARLINK_DEFINE_OUTPUT(MaximalAccess, SD_VARLINK_INT, 0),                                                \
        SD_VARLINK_DEFINE_OUTPUT(Dialect, SD_VARLINK_INT, 0),                                                      \
        SD_VARLINK_DEFINE_OUTPUT(Cipher, SD_VARLINK_INT, 0),                                                       \
        SD_VARLINK_DEFINE_OUTPUT(Sealed, SD_VARLINK_BOOL, 0),                                                      \
        SD_VARLINK_DEFINE_OUTPUT(Durable, SD_VARLINK_BOOL, 0),                                                     \
        SD_VARLINK_FIELD_COMMENT("The connection to the file server is up"),                                       \
        SD_VARLINK_DEFINE_OUTPUT(Connected, SD_VARLINK_BOOL, 0),                                                   \
        SD_VARLINK_FIELD_COMMENT("The migration this disk is armed for; empty: none"),                             \
        SD_VARLINK_DEFINE_OUTPUT(Token, SD_VARLINK_STRING, 0),                                                     \
        SD_VARLINK_FIELD_COMMENT("NONE and LOST: why; else empty"),                                                \
        SD_VARLINK_DEFINE_OUTPUT(Reason, SD_VARLINK_STRING, 0),                                                    \
        SD_VARLINK_DEFINE_OUTPUT(ReasonKind, SD_VARLINK_STRING, 0),                                                \
        SD_VARLINK_DEFINE_OUTPUT(ReasonCause, SD_VARLINK_INT, 0)

static SD_VARLINK_DEFINE_METHOD(Status, STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(
        Wait,
        SD_VARLINK_DEFINE_INPUT(TimeoutUs, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Answer at once unless the disk is in this state; default: the present one"),
        SD_VARLINK_DEFINE_INPUT(Seen, SD_VARLINK_STRING, SD_VARLINK_NULLABLE), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Mark, STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(
        Acquire, SD_VARLINK_DEFINE_INPUT(Epoch, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Only if nobody has written since Mark; default: no"),
        SD_VARLINK_DEFINE_INPUT(Unchanged, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Arm, SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Disarm, SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Release, SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Give, SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0),
                                SD_VARLINK_DEFINE_INPUT(Epoch, SD_VARLINK_INT, 0), STATUS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(TakeBack, SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0),
                                SD_VARLINK_DEFINE_INPUT(Epoch, SD_VARLINK_INT, 0), STATUS_FIELDS);
static SD_VARLINK_DEFINE_ERROR(Failed, SD_VARLINK_DEFINE_FIELD(Kind, SD_VARLINK_STRING, 0),
                               SD_VARLINK_DEFINE_FIELD(Cause, SD_VARLINK_INT, 0),
                               SD_VARLINK_DEFINE_FIELD(Text, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_INTERFACE(
        Disk, CONTROL_INTERFACE, SD_VARLINK_INTERFACE_COMMENT("One disk on an SMB 3 share and who may write it"),
        SD_VARLINK_SYMBOL_COMMENT("Where the disk stands"), &vl_method_Status,
        SD_VARLINK_SYMBOL_COMMENT("Status after the next change, or after the timeout"), &vl_method_Wait,
        SD_VARLINK_SYMBOL_COMMENT("READER: note when the file was last written, for a later Acquire"), &vl_method_Mark,
        SD_VARLINK_SYMBOL_COMMENT("READER to OWNER: the exclusive open.  Epoch must be above every earlier one"),
        &vl_method_Acquire, SD_VARLINK_SYMBOL_COMMENT("OWNER to ARMED: an outgoing migration is under way"),
        &vl_method_Arm, SD_VARLINK_SYMBOL_COMMENT("ARMED to OWNER: it ended here"), &vl_method_Disarm,
        SD_VARLINK_SYMBOL_COMMENT("ARMED, and QEMU is inactivated: a lease break may give, too"),
        &vl_method_Release,
        SD_VARLINK_SYMBOL_COMMENT("ARMED to GIVEN: refuse writes, flush, close.  Epoch is the next owner's"),
        &vl_method_Give, SD_VARLINK_SYMBOL_COMMENT("GIVEN to OWNER: the other side stated that it never wrote"),
        &vl_method_TakeBack, &vl_error_Failed);

/* ---- replies ------------------------------------------------------------------------------------- */

static DiskState public_state(OwnState state) {
        static const DiskState states[OWN_STATE_COUNT] = {
                [OWN_NONE] = DISK_NONE,    [OWN_READER] = DISK_READER, [OWN_TAKING] = DISK_READER,
                [OWN_OWNER] = DISK_OWNER,  [OWN_ARMED] = DISK_ARMED,   [OWN_RELEASED] = DISK_ARMED,
                [OWN_GIVING] = DISK_ARMED, [OWN_GIVEN] = DISK_GIVEN,   [OWN_RETAKING] = DISK_GIVEN,
                [OWN_LOST] = DISK_LOST,
        };
        return states[state];
}

const char *control_state_name(OwnState state) { return disk_state_name(public_state(state)); }

static int reply_status(Control *c, sd_varlink *link) {
        DriveFacts f;
        char file_id[17], volume_id[17];

        drive_facts(c->drive, &f);
        text_hex(f.file_id, sizeof f.file_id, file_id);
        text_hex(f.volume_id, sizeof f.volume_id, volume_id);
        return sd_varlink_replybo(
                link, SD_JSON_BUILD_PAIR_STRING("State", control_state_name(f.own.state)),
                SD_JSON_BUILD_PAIR_UNSIGNED("Epoch", f.own.epoch),
                SD_JSON_BUILD_PAIR_UNSIGNED("SizeBytes", f.size_bytes),
                SD_JSON_BUILD_PAIR_STRING("FileId", file_id), SD_JSON_BUILD_PAIR_STRING("VolumeId", volume_id),
                SD_JSON_BUILD_PAIR_BOOLEAN("Wanted", f.wanted),
                SD_JSON_BUILD_PAIR_UNSIGNED("BytesRead", f.bytes_read),
                SD_JSON_BUILD_PAIR_UNSIGNED("BytesWritten", f.bytes_written),
                SD_JSON_BUILD_PAIR_UNSIGNED("WritesParked", f.writes_parked),
                SD_JSON_BUILD_PAIR_UNSIGNED("MaximalAccess", f.maximal_access),
                SD_JSON_BUILD_PAIR_UNSIGNED("Dialect", f.dialect), SD_JSON_BUILD_PAIR_UNSIGNED("Cipher", f.cipher),
                SD_JSON_BUILD_PAIR_BOOLEAN("Sealed", f.sealed), SD_JSON_BUILD_PAIR_BOOLEAN("Durable", f.durable),
                SD_JSON_BUILD_PAIR_BOOLEAN("Connected", f.connected),
                SD_JSON_BUILD_PAIR_STRING("Token", f.own.token), SD_JSON_BUILD_PAIR_STRING("Reason", f.reason.text),
                SD_JSON_BUILD_PAIR_STRING("ReasonKind", error_kind_name(f.reason.kind)),
                SD_JSON_BUILD_PAIR_INTEGER("ReasonCause", f.reason.cause));
}

static int reply_error(sd_varlink *link, const Error *err) {
        return sd_varlink_errorbo(
                link, CONTROL_FAILED, SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(err->kind)),
                SD_JSON_BUILD_PAIR_INTEGER("Cause", err->cause), SD_JSON_BUILD_PAIR_STRING("Text", err->text));
}

/* ---- calls that are answered later --------------------------------------------------------------- */

static Waiter *waiter_new(Control *c, sd_varlink *link) {
        Waiter *w = calloc(1, sizeof *w);
        if (!w)
                return NULL;
        w->control = c;
        w->link = sd_varlink_ref(link);
        w->next = c->waiters;
        c->waiters = w;
        return w;
}

static void waiter_free(Waiter *w) {
        for (Waiter **at = &w->control->waiters; *at; at = &(*at)->next)
                if (*at == w) {
                        *at = w->next;
                        break;
                }
        (void)sd_event_source_disable_unref(w->timeout);
        (void)sd_varlink_unref(w->link);
        free(w);
}

/* A caller that hung up is nobody's error. */
static void on_drive_done(void *userdata, const Error *err) {
        Waiter *w = userdata;
        if (err->kind == ERROR_NONE)
                (void)reply_status(w->control, w->link);
        else
                (void)reply_error(w->link, err);
        waiter_free(w);
}

static void answer_wait(Waiter *w) {
        (void)reply_status(w->control, w->link);
        waiter_free(w);
}

static int on_wait_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        answer_wait(userdata);
        return 0;
}

static bool is_worth_telling(const Waiter *w, const DriveFacts *f) {
        return public_state(f->own.state) != public_state(w->seen) || f->wanted ||
               (f->own.state == OWN_NONE && f->reason.kind != ERROR_NONE);
}

void control_changed(Control *c) {
        DriveFacts f;

        if (!c)
                return;
        drive_facts(c->drive, &f);
        for (Waiter *w = c->waiters, *next; w; w = next) {
                next = w->next;
                if (w->for_change && is_worth_telling(w, &f))
                        answer_wait(w);
        }
}

static void on_disconnect(sd_varlink_server *server, sd_varlink *link, void *userdata) {
        Control *c = userdata;
        for (Waiter *w = c->waiters, *next; w; w = next) {
                next = w->next;
                if (w->for_change && w->link == link)
                        waiter_free(w);
        }
}

/* ---- methods ------------------------------------------------------------------------------------- */

typedef struct Parameters {
        uint64_t epoch, timeout_us;
        const char *token, *seen;
        bool unchanged;
} Parameters;

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                     void *userdata) {
        static const sd_json_dispatch_field nothing[] = { { 0 } };
        int r = sd_varlink_dispatch(link, parameters, nothing, NULL);
        return r != 0 ? r : reply_status(userdata, link);
}

static int on_mark(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        Control *c = userdata;
        drive_mark(c->drive);
        return on_status(link, parameters, flags, userdata);
}

static int on_wait(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field table[] = {
                { "TimeoutUs", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Parameters, timeout_us),
                  SD_JSON_MANDATORY },
                { "Seen", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Parameters, seen),
                  SD_JSON_NULLABLE },
                { 0 },
        };
        Control *c = userdata;
        Parameters p = { 0 };
        DriveFacts f;

        int r = sd_varlink_dispatch(link, parameters, table, &p);
        if (r != 0)
                return r;
        drive_facts(c->drive, &f);
        Waiter *w = waiter_new(c, link);
        if (!w)
                return -ENOMEM;
        w->for_change = true;
        w->seen = f.own.state;
        bool differs = p.seen && strcmp(p.seen, control_state_name(f.own.state)) != 0;
        if (p.timeout_us > 0 && !differs && !is_worth_telling(w, &f))
                r = sd_event_add_time_relative(c->event, &w->timeout, CLOCK_MONOTONIC, p.timeout_us, 1000,
                                               on_wait_timeout, w);
        if (!w->timeout)
                answer_wait(w);
        return r;
}

typedef int (*Plain)(Drive *, const char *, Error *);

static int plain(sd_varlink *link, sd_json_variant *parameters, Control *c, Plain act) {
        static const sd_json_dispatch_field table[] = {
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Parameters, token),
                  SD_JSON_MANDATORY },
                { 0 },
        };
        Parameters p = { 0 };
        Error err;

        int r = sd_varlink_dispatch(link, parameters, table, &p);
        if (r != 0)
                return r;
        return act(c->drive, p.token, &err) < 0 ? reply_error(link, &err) : reply_status(c, link);
}

static int on_arm(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        return plain(link, parameters, userdata, drive_arm);
}

static int on_disarm(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                     void *userdata) {
        return plain(link, parameters, userdata, drive_disarm);
}

static int on_release(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                      void *userdata) {
        return plain(link, parameters, userdata, drive_release);
}

typedef int (*Slow)(Drive *, const Parameters *, DriveDone, void *, Error *);

static int slow(sd_varlink *link, Control *c, const Parameters *p, Slow act) {
        Error err;
        Waiter *w = waiter_new(c, link);
        if (!w)
                return -ENOMEM;
        if (act(c->drive, p, on_drive_done, w, &err) == 0)
                return 0;
        waiter_free(w);
        return reply_error(link, &err);
}

static int acquire(Drive *drive, const Parameters *p, DriveDone done, void *userdata, Error *err) {
        return drive_acquire(drive, p->epoch, p->unchanged, done, userdata, err);
}

static int give(Drive *drive, const Parameters *p, DriveDone done, void *userdata, Error *err) {
        return drive_give(drive, p->token, p->epoch, done, userdata, err);
}

static int take_back(Drive *drive, const Parameters *p, DriveDone done, void *userdata, Error *err) {
        return drive_take_back(drive, p->token, p->epoch, done, userdata, err);
}

static int on_acquire(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                      void *userdata) {
        static const sd_json_dispatch_field table[] = {
                { "Epoch", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Parameters, epoch),
                  SD_JSON_MANDATORY },
                { "Unchanged", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, offsetof(Parameters, unchanged),
                  SD_JSON_NULLABLE },
                { 0 },
        };
        Parameters p = { 0 };
        int r = sd_varlink_dispatch(link, parameters, table, &p);
        return r != 0 ? r : slow(link, userdata, &p, acquire);
}

static int with_token_and_epoch(sd_varlink *link, sd_json_variant *parameters, Control *c, Slow act) {
        static const sd_json_dispatch_field table[] = {
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Parameters, token),
                  SD_JSON_MANDATORY },
                { "Epoch", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Parameters, epoch),
                  SD_JSON_MANDATORY },
                { 0 },
        };
        Parameters p = { 0 };
        int r = sd_varlink_dispatch(link, parameters, table, &p);
        return r != 0 ? r : slow(link, c, &p, act);
}

static int on_give(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        return with_token_and_epoch(link, parameters, userdata, give);
}

static int on_take_back(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
                        void *userdata) {
        return with_token_and_epoch(link, parameters, userdata, take_back);
}

/* ---- birth and death ------------------------------------------------------------------------------ */

static int bind(sd_varlink_server *server) {
        static const struct { const char *method; sd_varlink_method_t callback; } methods[] = {
                { CONTROL_INTERFACE ".Status", on_status }, { CONTROL_INTERFACE ".Wait", on_wait },
                { CONTROL_INTERFACE ".Mark", on_mark }, { CONTROL_INTERFACE ".Acquire", on_acquire },
                { CONTROL_INTERFACE ".Arm", on_arm },
                { CONTROL_INTERFACE ".Disarm", on_disarm }, { CONTROL_INTERFACE ".Release", on_release },
                { CONTROL_INTERFACE ".Give", on_give }, { CONTROL_INTERFACE ".TakeBack", on_take_back },
        };
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(methods) && r >= 0; i++)
                r = sd_varlink_server_bind_method(server, methods[i].method, methods[i].callback);
        return r;
}

DEFINE_FREEP(Control, control_free);

int control_new(sd_event *event, const char *path, Drive *drive, Control **ret, Error *err) {
        auto_(control_freep) Control *c = calloc(1, sizeof *c);
        if (!c)
                return error_oom(err);
        c->event = sd_event_ref(event);
        c->drive = drive;
        int r = sd_varlink_server_new(&c->server, SD_VARLINK_SERVER_ROOT_ONLY | SD_VARLINK_SERVER_INHERIT_USERDATA);
        if (r < 0)
                return error_oom(err);
        (void)sd_varlink_server_set_userdata(c->server, c);
        (void)sd_varlink_server_set_info(c->server, "Holdfast", "Holdfast disk process", "1",
                                         "https://holdfast.example/");
        r = sd_varlink_server_set_connections_max(c->server, CONNECTIONS_MAX);
        if (r >= 0)
                r = sd_varlink_server_add_interface(c->server, &vl_interface_Disk);
        if (r >= 0)
                r = bind(c->server);
        if (r >= 0)
                r = sd_varlink_server_bind_disconnect(c->server, on_disconnect);
        if (r >= 0)
                r = sd_varlink_server_listen_address(c->server, path, 0600);
        if (r >= 0)
                r = sd_varlink_server_attach_event(c->server, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot listen on the control socket %s: %s", path,
                                 strerror(-r));
        *ret = take_ptr(c);
        return 0;
}

void control_free(Control *c) {
        if (!c)
                return;
        while (c->waiters)
                waiter_free(c->waiters);
        (void)sd_varlink_server_unref(c->server);
        (void)sd_event_unref(c->event);
        free(c);
}
