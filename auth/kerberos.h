/* kerberos.h — what libkrb5's errors mean to an administrator: the only place that translates them
 */
#pragma once

#include <krb5.h>
#include <stdbool.h>

#include "appliance/base/error.h"
#include "auth/machine.h"

#define KERBEROS_CLOCK_SKEW_S 300       /* MS-KILE 3.3.1: domains allow five minutes */

/* Fills *err from @code and returns -1.
 * @machine  who we are; fields may be empty when they are not known yet.
 * @target   the host or service we were about to reach, or NULL.
 * @detail   the library's own message, used for codes without a sentence; may be NULL. */
int kerberos_error(Error *err, krb5_error_code code, const Machine *machine, const char *target,
                   const char *detail);

/* What an Error's cause that came from here means, also when another host told it. */
bool kerberos_is_clock(int cause);
bool kerberos_is_old_key(int cause);            /* our own key is not the account's, or the account is gone */
bool kerberos_is_peer_key(int cause);           /* the other end's is not */
bool kerberos_is_disabled(int cause);
