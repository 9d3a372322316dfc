/* kerberos.h — SPNEGO with Kerberos as the client of cifs/HOST, one blocking step at a time
 *
 * Always mutual: a server that cannot prove itself is refused.  NTLM is never offered.  Runs on a
 * thread; shares nothing with the loop while a step is under way.
 */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

typedef struct AuthStep AuthStep;

/* Takes step->in, fills out and complete; also session_key when complete.  Blocks on the KDC. */
typedef int (*AuthTake)(AuthStep *step, Error *err);

enum { AUTH_KEY_MAX = 64, AUTH_TOKEN_MAX = 65535 };

struct AuthStep {
        const char *host, *ccache;      /* ccache NULL: the default one */
        Span in;                        /* from the server; empty at first */
        uint8_t *out;                   /* for the server; owned by the step, may be NULL */
        size_t out_size;
        bool complete;
        uint8_t session_key[AUTH_KEY_MAX];
        size_t session_key_size;
        void *state;                    /* kept between the steps of one conversation */
        void (*state_free)(void *state);
};

int kerberos_take(AuthStep *step, Error *err) FAILS;
/* Forgets the conversation, erases the key; host and ccache stay. */
void auth_step_reset(AuthStep *step);
