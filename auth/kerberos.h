/* kerberos.h — what libkrb5's errors mean to an administrator: the only place that translates them
 */
#pragma once

#include <krb5.h>

#include "appliance/base/error.h"
#include "auth/machine.h"

#define KERBEROS_CLOCK_SKEW_S 300       /* MS-KILE 3.3.1: domains allow five minutes */

/* Fills *err from @code and returns -1.
 * @machine  who we are; fields may be empty when they are not known yet.
 * @target   the host or service we were about to reach, or NULL.
 * @detail   the library's own message, used for codes without a sentence; may be NULL. */
int kerberos_error(Error *err, krb5_error_code code, const Machine *machine, const char *target,
                   const char *detail);
