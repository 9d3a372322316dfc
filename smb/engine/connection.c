#include "smb/engine/connection.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "smb/engine/chain.h"
#include "smb/engine/request.h"
#include "smb/engine/status.h"

enum {
        PENDING_EXTRA_US = 45 * 1000 * 1000, /* a server's lease break may last 35 s */
        ATTEMPTS_MAX = 3,
        BEGS_MAX = 8,
        FLUSH_BYTES = 256 * 1024,        /* sealed before the first byte is sent */
        OUT_BYTES_MAX = 4 * 1024 * 1024, /* sealed and waiting for the socket */
};

static Request **bucket_of(Connection *c, uint64_t id) {
        return &c->buckets[(id * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
}
static_assert(CONNECTION_BUCKETS == 1 << (64 - 54), "the hash yields bucket numbers");

static Request *find(Connection *c, uint64_t id) {
        Request *r = *bucket_of(c, id);
        while (r && r->message_id != id)
                r = r->bucket_next;
        return r;
}

static void forget(Connection *c, Request *r) {
        Request **at = bucket_of(c, r->message_id);
        while (*at != r)
                at = &(*at)->bucket_next;
        *at = r->bucket_next;
        TAILQ_REMOVE(&c->active, r, link);
        c->credits_out -= r->charge;
        c->chains.in_flight -= r->chainable && !r->pending;
        r->state = REQUEST_IDLE;
}

static void wake(Connection *c) {
        if (c->open)
                (void)sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
}

void connection_wake(Connection *c) {
        (void)sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
}

void connection_enter(Connection *c) {
        c->depth++;
}

void connection_leave(Connection *c) {
        if (--c->depth == 0 && c->released)
                c->ops->release(c->userdata);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void shut(Connection *c, const Error *err) {
        c->open = false;
        transport_close(&c->transport);
        (void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        memset(c->buckets, 0, sizeof c->buckets);
        c->chains.in_flight = 0;
        TAILQ_CONCAT(&c->ending, &c->active, link);
        TAILQ_CONCAT(&c->ending, &c->urgent, link);
        TAILQ_CONCAT(&c->ending, &c->waiting, link);
        /* An answer may free the session, which comes here again and answers the rest. */
        for (Request *r; (r = TAILQ_FIRST(&c->ending));) {
                TAILQ_REMOVE(&c->ending, r, link);
                r->state = REQUEST_IDLE;
                r->done(r, NULL, err);
                request_drop(c, r);
        }
}

void connection_lose(Connection *c, const Error *why) {
        if (!c->open)
                return;
        Error err = *why;
        (void)error_wrap(&err, "file server %s", c->peer);
        Error outstanding = err;
        if (err.kind != ERROR_TIMEOUT)
                outstanding.kind = ERROR_UNREACHABLE;
        connection_enter(c);
        shut(c, &outstanding);
        if (!c->released)
                c->ops->lost(c->userdata, &err);
        connection_leave(c);
}

void connection_close(Connection *c) {
        Error err = { 0 };
        (void)error_set(&err, ERROR_CANCELLED, 0, "the connection to file server %s was closed on purpose",
                        c->peer);
        shut(c, &err);
}

void connection_release(Connection *c) {
        connection_enter(c);
        c->released = true;
        connection_close(c);
        connection_leave(c);
}

void connection_done(Connection *c) {
        transport_done(&c->transport);
        c->turn = sd_event_source_disable_unref(c->turn);
        c->timer = sd_event_source_disable_unref(c->timer);
        seal_free(take_ptr(c->seal));
        request_memory_free(c);
        c->event = sd_event_unref(c->event);
}

/* ---- sending --------------------------------------------------------------------------------- */

static uint16_t ask(const Connection *c, const Request *r) {
        uint32_t owned = c->credits + c->credits_out;
        uint32_t more = owned < CREDITS_TARGET ? CREDITS_TARGET - owned : 0;
        return (uint16_t)(r->charge + more);
}

/* From here on @r waits for its answer. */
static void expect(Connection *c, Request *r, uint64_t now) {
        c->next_id += r->charge;
        c->credits -= r->charge;
        c->credits_out += r->charge;
        c->chains.in_flight += r->chainable;
        r->depth = c->chains.in_flight > 0 ? c->chains.in_flight : 1;
        r->sent_us = now;
        r->deadline_us = now + c->timeout_us + r->extra_us;
        r->state = REQUEST_QUEUED;
        r->pending = false;
        r->bucket_next = *bucket_of(c, r->message_id);
        *bucket_of(c, r->message_id) = r;
        TAILQ_INSERT_TAIL(&c->active, r, link);
}

/* As one message. */
static int send_together(Connection *c, Request *const *together, size_t count, Error *err) {
        WireHeader headers[CHAIN_MESSAGES_MAX];
        uint64_t id = c->next_id, now = clock_us(CLOCK_MONOTONIC);
        assert(count > 0 && count <= CHAIN_MESSAGES_MAX);
        for (size_t i = 0; i < count; i++) {
                Request *r = together[i];
                r->message_id = id;
                r->chain_size = (uint8_t)count;
                r->chain_next = i + 1 < count ? together[i + 1] : NULL;
                headers[i] = (WireHeader){
                        .charge = c->large_mtu ? r->charge : 0,
                        .command = r->command,
                        .credits = ask(c, r),
                        .message_id = id,
                        .tree_id = c->tree_id,
                        .session_id = c->session_id,
                };
                id += r->charge;
        }
        Request *first = together[0];
        int r = count > 1 ? chain_protect(c, together, count, headers, err)
                          : request_protect(c, first, headers, err);
        if (r == 0 && first->hash)
                r = seal_hash(first->hash, first->plain + WIRE_LENGTH_SIZE, first->plain_size, err);
        if (r < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                expect(c, together[i], now);
        transport_queue(&c->transport, &first->out);
        return 0;
}

static void begged(Request *r, const Reply *reply, const Error *err) {
        (void)r;
        (void)reply;
        (void)err;
}

static Request *echo_new(Connection *c, Error *err) {
        Writer w;
        Request *echo = request_new(c, SMB2_ECHO, REQUEST_INLINE, &w, err);
        if (!echo)
                return NULL;
        wire_echo_encode(&w);
        echo->plain_size = w.at;
        echo->charge = 1;
        echo->done = begged;
        return echo;
}

/* Nothing is under way that could bring credits, and the first request costs more than we have. */
static int starve(Connection *c, Request *first, Error *err) {
        if (c->credits == 0)
                return error_set(err, ERROR_PROTOCOL, 0, "it grants no credits, so nothing can be asked any more");
        if (c->begs < BEGS_MAX) {
                Request *echo = echo_new(c, err);
                if (!echo)
                        return -1;
                c->begs++;
                return send_together(c, &echo, 1, err);
        }
        Error poor = { 0 };
        (void)error_set(&poor, ERROR_UNSUPPORTED, 0,
                        "file server %s grants %u credits and this request needs %u; raise "
                        "the credits on the file server (Samba: smb2 max credits)",
                        c->peer, c->credits, first->charge);
        TAILQ_REMOVE(&c->waiting, first, link);
        first->state = REQUEST_IDLE;
        first->done(first, NULL, &poor);
        request_drop(c, first);
        return 0;
}

static int send_waiting(Connection *c, Error *err) {
        while (c->open && c->transport.out_size < OUT_BYTES_MAX) {
                struct RequestList *list = TAILQ_EMPTY(&c->urgent) ? &c->waiting : &c->urgent;
                Request *r = TAILQ_FIRST(list);
                if (!r || (c->held && list == &c->waiting))
                        break;
                if (r->charge > c->credits) {
                        if (!TAILQ_EMPTY(&c->active))
                                break;
                        if (starve(c, r, err) < 0)
                                return -1;
                        continue;
                }
                c->begs = 0;
                Request *together[CHAIN_MESSAGES_MAX];
                size_t count = chain_choose(c, r, clock_us(CLOCK_MONOTONIC), together);
                if (count == 0)
                        break;
                for (size_t i = 0; i < count; i++)
                        TAILQ_REMOVE(list, together[i], link);
                if (chain_wants_end(c, together, count)) {
                        Error ignored;
                        Request *end = echo_new(c, &ignored);
                        if (end)
                                together[count++] = end;
                }
                if (send_together(c, together, count, err) < 0) {
                        for (size_t i = count; i-- > 0;)
                                TAILQ_INSERT_HEAD(list, together[i], link); /* answered with the rest */
                        return -1;
                }
                if (c->transport.out_size >= FLUSH_BYTES)
                        transport_flush(&c->transport);
        }
        if (c->open)
                transport_flush(&c->transport);
        return 0;
}

static void arm_timer(Connection *c) {
        int enabled = SD_EVENT_OFF;
        (void)sd_event_source_get_enabled(c->timer, &enabled);
        if (!c->open || TAILQ_EMPTY(&c->active) || enabled != SD_EVENT_OFF)
                return;
        uint64_t period_us = c->timeout_us / 4 < 1000000 ? c->timeout_us / 4 : 1000000;
        (void)sd_event_source_set_time(c->timer, clock_us(CLOCK_MONOTONIC) + period_us);
        (void)sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, void *userdata) {
        (void)source;
        Connection *c = userdata;
        Error err = { 0 };
        connection_enter(c);
        if (!c->released)
                c->ops->woken(c->userdata);
        if (c->open && send_waiting(c, &err) < 0)
                connection_lose(c, &err);
        arm_timer(c);
        connection_leave(c);
        return 0;
}

int connection_submit(Connection *c, Request *r, const Writer *w, size_t transfer, Error *err) {
        if (!c->open || !writer_ok(w)) {
                bool open = c->open;
                request_drop(c, r);
                if (open)
                        return error_set(err, ERROR_INVALID, 0, "the request is too long for SMB");
                return error_set(err, ERROR_UNREACHABLE, 0, "the connection to file server %s is gone", c->peer);
        }
        r->plain_size = w->at;
        r->charge = 1;
        if (c->large_mtu && transfer > WIRE_UNIT)
                r->charge = (uint16_t)((transfer - 1) / WIRE_UNIT + 1);
        r->state = REQUEST_WAITING;
        TAILQ_INSERT_TAIL(r->urgent ? &c->urgent : &c->waiting, r, link);
        wake(c);
        return 0;
}

void connection_hold(Connection *c, bool hold) {
        c->held = hold;
        if (!hold)
                wake(c);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static uint8_t *on_place(void *userdata, const uint8_t head[static TRANSPORT_HEAD], size_t size) {
        Connection *c = userdata;
        WireHeader h;
        Error err;
        Span data;
        if (!wire_is_clear(head, TRANSPORT_HEAD) || wire_header_decode(head, TRANSPORT_HEAD, &h, &err) < 0)
                return NULL;
        Request *r = find(c, h.message_id);
        if (!r || r->state != REQUEST_SENT || h.command != SMB2_READ || r->command != SMB2_READ ||
            h.status != STATUS_SUCCESS || h.next != 0 || r->was_sealed)
                return NULL;
        static_assert((int)TRANSPORT_HEAD == (int)WIRE_READ_REPLY_SIZE, "the head is all but the data");
        /* The size of the message counts here, not what has arrived of it. */
        if (wire_read_reply_decode((Span){ head, size }, &data, &err) < 0)
                return NULL;
        if (data.data != head + TRANSPORT_HEAD || data.size != size - TRANSPORT_HEAD || data.size > r->into_size)
                return NULL;
        return r->into;
}

/* Is the reply at least as protected as the request was? */
static int check_protection(Connection *c, const Request *r, uint8_t *data, size_t size, uint8_t *placed,
                            const WireHeader *h, Error *err) {
        if (r->was_sealed)
                return error_set(err, ERROR_DENIED, 0,
                                 "a reply came unencrypted in an encrypted session; somebody on the "
                                 "network may be forging it, so the connection was ended");
        /* [MS-SMB2] 3.2.5.1.3: interim replies need no signature; they carry no data */
        if (!r->was_signed || h->status == STATUS_PENDING)
                return 0;
        if (!(h->flags & WIRE_SIGNED))
                return error_set(err, ERROR_DENIED, 0,
                                 "a reply came without the signature it must have; somebody on the "
                                 "network may be forging it, so the connection was ended");
        return request_verify(c, data, size, placed, h, err);
}

static void send_again(Connection *c, Request *r) {
        r->state = REQUEST_WAITING;
        TAILQ_INSERT_HEAD(&c->waiting, r, link);
}

static int take_reply(Connection *c, Request *r, const Reply *reply, Error *err) {
        const WireHeader *h = &reply->header;
        c->credits += h->credits;
        if (c->credits > UINT16_MAX) /* more is never used, and so cannot overflow */
                c->credits = UINT16_MAX;
        if (h->status == STATUS_PENDING) {
                if (!(h->flags & WIRE_ASYNC))
                        return error_set(err, ERROR_PROTOCOL, 0, "it sent an interim reply that is none");
                if (!r->pending) { /* once: an endless row of interim replies is no answer */
                        r->deadline_us = clock_us(CLOCK_MONOTONIC) + c->timeout_us + PENDING_EXTRA_US;
                        c->chains.in_flight -= r->chainable; /* nobody waits for company meanwhile */
                }
                r->pending = true;
                return 0;
        }
        forget(c, r);
        if (chain_was_refused(c, r, h->status)) {
                send_again(c, r);
                return 0;
        }
        if (h->status == STATUS_NETWORK_SESSION_EXPIRED && !r->urgent && ++r->attempts < ATTEMPTS_MAX) {
                send_again(c, r);
                if (!c->held) {
                        c->held = true;
                        c->ops->expired(c->userdata);
                }
                return 0;
        }
        r->done(r, reply, NULL);
        request_drop(c, r);
        return 0;
}

/* One reply; @reply has its header and bytes already. */
static int take_one(Connection *c, const Reply *reply, uint8_t *data, uint8_t *placed, bool sealed, Error *err) {
        const WireHeader *h = &reply->header;
        if (!(h->flags & WIRE_RESPONSE))
                return error_set(err, ERROR_PROTOCOL, 0, "it sent something that is no reply");
        if (h->message_id == UINT64_MAX && h->command == SMB2_OPLOCK_BREAK) {
                /* It belongs to a client, not to a session, so Samba sends it in clear and unsigned also on
                 * encrypted sessions ([MS-SMB2] 3.3.4.7): take it for a hint that anybody could have forged. */
                WireLeaseBreak lease_break;
                if (wire_lease_break_decode(reply->message, &lease_break, err) < 0)
                        return -1;
                c->ops->lease_break(c->userdata, &lease_break);
                return 0;
        }
        Request *r = find(c, h->message_id);
        if (!r || r->state != REQUEST_SENT || r->command != h->command)
                return error_set(err, ERROR_PROTOCOL, 0, "it answered a %s request that was never made",
                                 smb_command_name(h->command));
        if (sealed && h->session_id != c->session_id)
                return error_set(err, ERROR_PROTOCOL, 0, "it answered for another session");
        size_t size = reply->message.size + reply->placed_size;
        if (!sealed && check_protection(c, r, data, size, placed, h, err) < 0)
                return -1;
        if (h->next == 0)
                chain_judge(c, r, clock_us(CLOCK_MONOTONIC));
        return take_reply(c, r, reply, err);
}

/* A message in the clear: one reply, or a chain of them. */
static int take_clear(Connection *c, uint8_t *data, size_t size, uint8_t *placed, bool sealed, Error *err) {
        size_t placed_size = placed ? size - TRANSPORT_HEAD : 0, left = size - placed_size;
        if (!wire_is_clear(data, left))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "it does not speak SMB 3; enable SMB 3 on the file server");
        /* An answer may end the connection, and with it what is left of the message. */
        for (unsigned count = 0; left > 0 && c->open; count++) {
                Reply reply = { .placed = placed != NULL, .placed_size = placed_size };
                if (wire_header_decode(data, left, &reply.header, err) < 0)
                        return -1;
                size_t step = chain_step(reply.header.next, left);
                if (step == 0 || count == CHAIN_MESSAGES_MAX || (placed && reply.header.next != 0))
                        return error_set(err, ERROR_PROTOCOL, 0, "it sent a malformed chain of replies");
                reply.message = (Span){ data, step };
                if (take_one(c, &reply, data, placed, sealed, err) < 0)
                        return -1;
                data += step;
                left -= step;
        }
        return 0;
}

static int take_message(Connection *c, uint8_t *data, size_t size, uint8_t *placed, Error *err) {
        bool sealed = !placed && wire_is_sealed(data, size);
        if (!sealed)
                return take_clear(c, data, size, placed, false, err);
        if (!c->seal || !seal_can_encrypt(c->seal))
                return error_set(err, ERROR_PROTOCOL, 0, "it sent an encrypted message before there were keys");
        if (seal_decrypt(c->seal, c->session_id, data, size, err) < 0)
                return -1;
        return take_clear(c, data + WIRE_TRANSFORM_SIZE, size - WIRE_TRANSFORM_SIZE, NULL, true, err);
}

static void on_message(void *userdata, uint8_t *data, size_t size, uint8_t *placed) {
        Connection *c = userdata;
        Error err = { 0 };
        if (take_message(c, data, size, placed, &err) < 0)
                connection_lose(c, &err);
        else if (!TAILQ_EMPTY(&c->waiting) || !TAILQ_EMPTY(&c->urgent))
                wake(c);
}

static void on_written(void *userdata, TransportOut *out) {
        Connection *c = userdata;
        Request *r = (Request *)(void *)((char *)out - offsetof(Request, out));
        request_forget_sealed(c, r);
        for (; r; r = r->chain_next)
                r->state = REQUEST_SENT;
        if (!TAILQ_EMPTY(&c->waiting) || !TAILQ_EMPTY(&c->urgent))
                wake(c);
}

static void on_broken(void *userdata, const Error *why) {
        connection_lose(userdata, why);
}
static void on_enter(void *userdata) {
        connection_enter(userdata);
}
static void on_leave(void *userdata) {
        connection_leave(userdata);
}

static const TransportOps transport_ops = {
        .place = on_place,
        .message = on_message,
        .written = on_written,
        .broken = on_broken,
        .enter = on_enter,
        .leave = on_leave,
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)source;
        (void)usec;
        Connection *c = userdata;
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        Request *r;
        connection_enter(c);
        TAILQ_FOREACH(r, &c->active, link) {
                if (r->deadline_us > now)
                        continue;
                Error err = { 0 };
                (void)error_set(&err, ERROR_TIMEOUT, 0,
                                "no answer to a %s request in %llu s; check the file server and the "
                                "network",
                                smb_command_name(r->command),
                                (unsigned long long)((c->timeout_us + r->extra_us) / 1000000));
                connection_lose(c, &err);
                break;
        }
        arm_timer(c);
        connection_leave(c);
        return 0;
}

int connection_init(Connection *c, sd_event *event, const ConnectionOps *ops, void *userdata, Error *err) {
        c->ops = ops;
        c->userdata = userdata;
        transport_init(&c->transport, &transport_ops, c);
        TAILQ_INIT(&c->urgent);
        TAILQ_INIT(&c->waiting);
        TAILQ_INIT(&c->active);
        TAILQ_INIT(&c->ending);
        c->event = sd_event_ref(event);
        int r = sd_event_add_defer(event, &c->turn, on_turn, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->turn, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &c->timer, CLOCK_MONOTONIC, UINT64_MAX, 50000, on_timer, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot use the event loop: %s", strerror(-r)) : 0;
}

int connection_start(Connection *c, int consumed_fd, Error *err) {
        if (transport_start(&c->transport, c->event, consumed_fd, err) < 0)
                return -1;
        c->open = true;
        c->chains = (ChainPolicy){ 0 };
        c->credits = 1;
        c->next_id = 0;
        return 0;
}
