/* accept.h — somebody signs in to this host: the acceptor's half of SPNEGO or Kerberos, with the host's keytab
 *
 * A ticket for any name of this host's account is accepted: all names share one key, and the name a ticket carries is
 * not protected, so that judging it would only look like protection.  What stops a token from being relayed is
 * message encryption (only who holds the ticket's session key can use the context) or the binding to TLS.
 *
 * Kerberos only: NTLM is refused, also inside SPNEGO.  Who the caller is comes from the ticket alone, from a PAC
 * whose signature libkrb5 has verified with our key.  The finished context can be handed to another process of
 * this host that talks to the caller from then on.  Does not block on the network.  One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "auth/machine.h"
#include "auth/pac.h"

enum {
        ACCEPT_TOKEN_MAX = 64 * 1024, /* bytes; Windows' own bound is 65535 */
        ACCEPT_BINDING_MAX = 128,     /* "tls-server-end-point:" and a hash (RFC 5929 4) */
        ACCEPT_ROUNDS_MAX = 6,
};

typedef struct Acceptance Acceptance;

/* @binding  what the caller must have bound its token to, or NULL with size 0 where there is no TLS.  A caller that
 * bound to something else is refused; one that bound to nothing only when @strict. */
int acceptance_new(const Machine *machine, const void *binding, size_t binding_size, bool strict, Acceptance **ret,
                   Error *err) FAILS;
void acceptance_free(Acceptance *acceptance); /* accepts NULL */
DEFINE_FREEP(Acceptance, acceptance_free);

/* One step; @ret_token is for the caller (may be NULL), who frees it.  ERROR_DENIED: not who it should be, NTLM, a
 * ticket of another host or without PAC, clock.  ERROR_PROTOCOL: not a token.  After -1 only free. */
int acceptance_step(Acceptance *acceptance, const void *token, size_t size, uint8_t **ret_token, size_t *ret_size,
                    bool *ret_done, Error *err) FAILS;

/* When done: who it is, and for how many seconds the ticket is still good. */
const PacLogon *acceptance_logon(const Acceptance *acceptance);
unsigned acceptance_lifetime_s(const Acceptance *acceptance);
/* The context as bytes for gss_import_sec_context(); it is gone from here.  Secret: erase and free. */
int acceptance_export(Acceptance *acceptance, uint8_t **ret, size_t *ret_size, Error *err) FAILS;
