/* caller.h — who is at the other end of one HTTP connection, as holdfastd says (io.holdfast.Node.SignIn)
 *
 * One varlink connection to holdfastd per HTTP connection; closing it ends the handle.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "appliance/gateway/seal.h"

typedef struct Caller Caller;

typedef enum CallerStep { CALLER_REFUSED, CALLER_CONTINUES, CALLER_DONE } CallerStep;

/* @token: base64 for the client, or NULL.  @why: when refused; ERROR_DENIED for a sign-in that proved who it is not. */
typedef void (*CallerStepped)(void *userdata, CallerStep step, const char *token, const Error *why);

/* @address: holdfastd's socket for us. */
int caller_new(sd_event *event, const char *address, Caller **ret, Error *err) FAILS;
void caller_free(Caller *caller); /* no more @stepped; accepts NULL */

/* Brings the client's token (base64) to holdfastd; @stepped is called later, once.  @binding: base64, or NULL. */
int caller_step(Caller *caller, const char *token, const char *binding, const char *origin, CallerStepped stepped,
                void *userdata, Error *err) FAILS;

/* After CALLER_DONE, until the ticket's end: false from then on. */
bool caller_is_in(const Caller *caller);
const char *caller_user(const Caller *caller); /* "LAB\\anna" */
const char *caller_sid(const Caller *caller);
const char *caller_session(const Caller *caller); /* the handle for Run */
Seal *caller_seal(Caller *caller);
