/* signin.h — remote callers: one sign-in per connection of the gateway, and the handle it ends in
 *
 * The gateway brings tokens; holdfastd accepts them with the host's keytab and decides who the caller is and what he
 * may do.  What goes back is a context for the gateway's side of the conversation and a handle of 256 random bits
 * under which Run works with that caller's name and role.  The handle dies with its ticket, with a new sign-in on the
 * same connection, and with the connection.  Loop only, but for the work on the pool.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "appliance/node/node-internal.h"

enum {
        SIGNIN_HANDLE_SIZE = 65, /* hexadecimal, with the NUL */
        SIGNIN_CALLER_MAX = 256,
        SIGNIN_ORIGIN_MAX = 80,
        SIGNIN_LIFETIME_MOST_S = 10 * 3600,
};

typedef struct SignIn SignIn;

typedef struct SignInRequest {
        Node *node;
        sd_varlink *link;                 /* answered now or later; a reference is taken */
        sd_json_variant *token, *binding; /* base64; @binding NULL without TLS */
        const char *origin;               /* the caller's address, for the record */
} SignInRequest;

/* Goes on with *at, or begins anew when that is NULL or at its end.  Negative errno when the call cannot be served;
 * else the link is answered. */
int signin_step(SignIn **at, const SignInRequest *request);
/* The connection is gone; accepts NULL. */
void signin_release(SignIn *signin);

typedef struct SignInCaller {
        const char *name; /* "LAB\\anna" */
        const char *handle;
        uint64_t ends_us; /* CLOCK_BOOTTIME; 0: never */
        const char *sid;  /* NULL: root of this host */
        const char *origin;
        Role role;
} SignInCaller;

/* Whether so much was refused lately that the journal shall hear no more of it for a while; counts one refusal. */
bool signin_is_flood(Node *node);

/* NULL when it has none, or @signin is NULL. */
const char *signin_handle(const SignIn *signin);
/* False when @signin is NULL, not finished, expired, or not the one @handle names. */
bool signin_caller(const SignIn *signin, const char *handle, SignInCaller *ret);
