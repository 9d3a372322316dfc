/* One HTTP request: its body is taken whole, its caller signed in, its envelope opened, served, and sealed again. */
#include "appliance/gateway/gateway.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "appliance/base/clock.h"
#include "appliance/base/memory.h"
#include "appliance/base/text.h"

#define SOAP_TYPE "application/soap+xml;charset=UTF-8"
#define TEXT_TYPE "text/plain; charset=utf-8"

typedef enum Phase { COMING, WORKING, ANSWERED } Phase;

struct Request {
        Connection *connection;
        Phase phase;
        bool suspended;
        uint8_t *body;
        size_t size, room;
        char *reply_token;  /* "Negotiate YII…" or NULL */
        const char *scheme; /* of the Authorization header, a constant */
        bool sealed;
        SealProtocol protocol;
        WsmanWait *wait;
        sd_event_source *hangup; /* while suspended: libmicrohttpd does not look then */

        unsigned status; /* the answer */
        void *answer;
        size_t answer_size;
        const char *type;
        bool challenge;
};

static const char *const schemes[] = { "Negotiate", "Kerberos" };

bool request_is_on_the_wire(const Request *r) {
        return r->phase != WORKING;
}

/* ---- answering -------------------------------------------------------------------------------------- */

static void resume(Request *r) {
        r->phase = ANSWERED;
        if (r->connection->told)
                r->connection->since_us = clock_us(CLOCK_MONOTONIC);
        r->hangup = sd_event_source_disable_unref(r->hangup);
        if (r->suspended)
                MHD_resume_connection(r->connection->http);
        r->suspended = false;
        listener_run_soon(r->connection->listener);
}

static void answer(Request *r, unsigned status, const char *type, void *consumed, size_t size) {
        r->status = status;
        r->type = type;
        r->answer = consumed;
        r->answer_size = size;
        resume(r);
}

static void say(Request *r, unsigned status, const char *text) {
        char *copy = text_format("%s\n", text);
        answer(r, status, TEXT_TYPE, copy, copy ? strlen(copy) : 0);
}

static void challenge(Request *r, const char *text) {
        r->challenge = true;
        say(r, MHD_HTTP_UNAUTHORIZED, text);
}

static void add_challenge(const Request *r, struct MHD_Response *response) {
        if (r->reply_token) {
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, r->reply_token);
                return;
        }
        for (size_t i = 0; r->challenge && i < ARRAY_SIZE(schemes); i++)
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, schemes[i]);
}

static enum MHD_Result queue(Request *r, struct MHD_Connection *http) {
        struct MHD_Response *response =
                MHD_create_response_from_buffer_with_free_callback(r->answer_size, r->answer, free);
        if (!response)
                return MHD_NO;
        r->answer = NULL;
        if (r->type)
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
        add_challenge(r, response);
        enum MHD_Result queued = MHD_queue_response(http, r->status, response);
        MHD_destroy_response(response);
        return queued;
}

/* ---- the envelope ----------------------------------------------------------------------------------- */

static void seal_answer(Request *r, unsigned status, const char *text, size_t size) {
        uint8_t *body = NULL;
        size_t body_size = 0;
        Error err = { 0 };

        if (!caller_is_in(r->connection->caller) ||
            seal_close(caller_seal(r->connection->caller), r->protocol, text, size, &body, &body_size, &err) < 0)
                challenge(r, "The sign-in has ended; sign in again.");
        else
                answer(r, status, seal_content_type(r->protocol), body, body_size);
}

static void on_served(void *userdata, unsigned status, const char *text, size_t size) {
        Request *r = userdata;
        r->wait = NULL;
        if (r->sealed) {
                seal_answer(r, status, text, size);
                return;
        }
        char *copy = malloc(size + 1);
        if (copy)
                memcpy(copy, text, size);
        answer(r, copy ? status : MHD_HTTP_INTERNAL_SERVER_ERROR, SOAP_TYPE, copy, copy ? size : 0);
}

static void serve(Request *r, const void *envelope, size_t size) {
        const Connection *c = r->connection;
        const WsmanCaller who = { .user = caller_user(c->caller),
                                  .sid = caller_sid(c->caller),
                                  .session = caller_session(c->caller),
                                  .origin = c->origin };
        WsmanWait *wait = NULL;
        wsman_request(c->listener->gateway->wsman, &who, envelope, size, on_served, r, &wait);
        r->wait = wait;
}

static void open_sealed(Request *r, const char *type) {
        SealedPart part;
        auto_free uint8_t *plain = NULL;
        size_t size = 0;
        Error err = { 0 };
        Connection *c = r->connection;

        if (seal_parse(type, r->body, r->size, &part, &err) < 0) {
                say(r, MHD_HTTP_BAD_REQUEST, err.text);
                return;
        }
        if (seal_open(caller_seal(c->caller), &part, &plain, &size, &err) < 0) {
                /* whoever sent that can go on only by signing in again */
                caller_free(take_ptr(c->caller));
                caller_free(take_ptr(c->former));
                say(r, err.kind == ERROR_INTERNAL ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_BAD_REQUEST,
                    err.text);
                return;
        }
        r->sealed = true;
        r->protocol = part.protocol;
        serve(r, plain, size);
        explicit_bzero(plain, size);
}

/* The caller is known; what does he want? */
static void take_body(Request *r) {
        const char *type =
                MHD_lookup_connection_value(r->connection->http, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);

        r->connection->told = true;
        if (r->size == 0)
                answer(r, MHD_HTTP_OK, NULL, NULL, 0);
        else if (seal_announced(type))
                open_sealed(r, type);
        else if (!r->connection->listener->tls)
                say(r, MHD_HTTP_FORBIDDEN,
                    "Unencrypted messages are not accepted on this port; use message encryption (Kerberos), or "
                    "HTTPS on "
                    "port 5986.");
        else if (!type || !text_starts_nocase(type, "application/soap+xml"))
                say(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "This service takes application/soap+xml.");
        else
                serve(r, r->body, r->size);
}

/* ---- signing in ------------------------------------------------------------------------------------- */

static void on_stepped(void *userdata, CallerStep step, const char *token, const Error *why) {
        Request *r = userdata;

        if (token && !(r->reply_token = text_format("%s %s", r->scheme, token))) {
                say(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "There is not enough memory.");
                return;
        }
        if (step == CALLER_CONTINUES) {
                challenge(r, "The sign-in goes on.");
        } else if (step == CALLER_DONE) {
                take_body(r);
        } else if (why->kind == ERROR_UNREACHABLE || why->kind == ERROR_LIMIT || why->kind == ERROR_NOT_FOUND) {
                say(r, MHD_HTTP_SERVICE_UNAVAILABLE, why->text);
        } else {
                challenge(r, why->text);
        }
}

static void sign_in(Request *r, const char *token) {
        Connection *c = r->connection;
        Gateway *g = c->listener->gateway;
        Error err = { 0 };

        /* A new conversation, also on a connection that had one: its context is used no more.  Some clients (Go's) sign in
         * for each request: a command that the last one brought must still find its handle. */
        if (c->caller && caller_is_in(c->caller)) {
                caller_free(c->former);
                c->former = take_ptr(c->caller);
        }
        if ((!c->caller && caller_new(g->event, g->node, &c->caller, &err) < 0) ||
            caller_step(c->caller, token, c->listener->tls ? g->certificate->binding : NULL, c->origin, on_stepped,
                        r, &err) < 0) {
                caller_free(take_ptr(c->caller));
                say(r, MHD_HTTP_SERVICE_UNAVAILABLE, err.text);
        }
}

static void authenticate(Request *r) {
        Connection *c = r->connection;
        const char *header = MHD_lookup_connection_value(c->http, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

        if (!header && caller_is_in(c->caller)) {
                take_body(r);
                return;
        }
        for (size_t i = 0; header && i < ARRAY_SIZE(schemes); i++) {
                size_t n = strlen(schemes[i]);
                if (!text_starts_nocase(header, schemes[i]) || header[n] != ' ')
                        continue;
                r->scheme = schemes[i];
                sign_in(r, header + n + strspn(header + n, " "));
                return;
        }
        challenge(r, header ? "This service accepts Negotiate and Kerberos only."
                            : "Sign in by Negotiate or Kerberos.");
}

/* ---- receiving -------------------------------------------------------------------------------------- */

void request_give_up(Request *r) {
        if (!r->suspended)
                return;
        if (r->wait)
                wsman_abandon(take_ptr(r->wait));
        else
                caller_free(take_ptr(r->connection->caller)); /* a sign-in under way */
        answer(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, NULL, 0);
}

/* The client went away while its answer was waited for. */
static int on_hangup(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        request_give_up(userdata);
        return 0;
}

static enum MHD_Result work(Request *r, struct MHD_Connection *http) {
        r->phase = WORKING;
        authenticate(r);
        if (r->phase == ANSWERED)
                return queue(r, http);
        MHD_suspend_connection(http);
        r->suspended = true;
        (void)sd_event_add_io(r->connection->listener->gateway->event, &r->hangup, r->connection->fd,
                              EPOLLRDHUP | EPOLLHUP | EPOLLERR, on_hangup, r);
        return MHD_YES;
}

static enum MHD_Result refuse(Request *r, struct MHD_Connection *http, unsigned status, const char *text) {
        say(r, status, text);
        return queue(r, http);
}

static enum MHD_Result begin(Request *r, struct MHD_Connection *http, const char *url, const char *method) {
        const char *length = MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

        if (strcasecmp(url, "/wsman") != 0)
                return refuse(r, http, MHD_HTTP_NOT_FOUND, "There is nothing here; the service is at /wsman.");
        if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
                return refuse(r, http, MHD_HTTP_METHOD_NOT_ALLOWED, "This service takes POST.");
        if (!length)
                return refuse(r, http, MHD_HTTP_LENGTH_REQUIRED, "A chunked request is not supported.");
        if (strlen(length) > 9 || strtoul(length, NULL, 10) > GATEWAY_BODY_MAX)
                return refuse(r, http, MHD_HTTP_CONTENT_TOO_LARGE,
                              "The message is longer than the MaxEnvelopeSize of this service, 512 KiB.");
        return MHD_YES;
}

static bool keep(Request *r, const char *data, size_t size, size_t most) {
        if (r->size > most || size > most - r->size)
                return false;
        if (r->room - r->size < size) {
                size_t room = r->size + size + r->room;
                room = room > most ? most : room;
                uint8_t *more = realloc(r->body, room);
                if (!more)
                        return false;
                r->body = more;
                r->room = room;
        }
        memcpy(r->body + r->size, data, size);
        r->size += size;
        return true;
}

/* Of a stranger's body nothing is kept, unless it comes with a token: then a little, for clients that send their first
 * envelope with it. */
static bool take(Request *r, const char *data, size_t size) {
        if (caller_is_in(r->connection->caller))
                return keep(r, data, size, GATEWAY_BODY_MAX);
        if (!MHD_lookup_connection_value(r->connection->http, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION))
                return true;
        return keep(r, data, size, GATEWAY_STRANGER_BODY_MAX);
}

enum MHD_Result request_step(void *userdata, struct MHD_Connection *http, const char *url, const char *method,
                             const char *version, const char *upload, size_t *upload_size, void **state) {
        Connection *c = connection_of(http);
        Request *r = *state;

        if (!c || !c->listener)
                return MHD_NO;
        if (!r) {
                r = calloc(1, sizeof *r);
                if (!r)
                        return MHD_NO;
                r->connection = c;
                c->request = r;
                if (c->told)
                        c->since_us = clock_us(CLOCK_MONOTONIC);
                *state = r;
                return begin(r, http, url, method);
        }
        if (*upload_size > 0) {
                if (r->phase == COMING && !take(r, upload, *upload_size))
                        return MHD_NO; /* closes the connection */
                *upload_size = 0;
                return MHD_YES;
        }
        return r->phase == COMING ? work(r, http) : r->phase == ANSWERED ? queue(r, http) : MHD_YES;
}

void request_completed(void *userdata, struct MHD_Connection *http, void **state,
                       enum MHD_RequestTerminationCode code) {
        Connection *c = connection_of(http);
        Request *r = *state;

        if (!r)
                return;
        if (r->wait)
                wsman_abandon(r->wait);
        (void)sd_event_source_disable_unref(r->hangup);
        if (c) {
                if (r->phase == WORKING) /* a sign-in may still call back for this request */
                        caller_free(take_ptr(c->caller));
                c->request = NULL;
                if (c->told)
                        c->since_us = clock_us(CLOCK_MONOTONIC);
        }
        if (r->body)
                explicit_bzero(r->body, r->size);
        free(r->body);
        free(r->answer);
        free(r->reply_token);
        free(r);
        *state = NULL;
        memory_used(((Listener *)userdata)->gateway->memory);
}
