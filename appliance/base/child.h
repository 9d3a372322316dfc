/* child.h — starting one of the system's programs (adcli, nsupdate, qemu-img)
 *
 * No shell.  Only the three standard descriptors are inherited; the environment is a short fixed one; signals are as a
 * fresh process expects them, whatever this thread blocks.
 */
#pragma once

#include <sys/types.h>

#include "appliance/base/error.h"

/* @argv         ends with NULL; argv[0] is an absolute path.  Never holds a secret.
 * @environment  "NAME=value", or NULL: one variable beside PATH, LC_ALL=C and our own KRB5_CONFIG and RES_OPTIONS.
 * @standard     descriptors for stdin, stdout, stderr; they stay the caller's.
 * Does not wait for it.  ERROR_NOT_FOUND: no such program. */
int child_start(const char *const argv[], const char *environment, const int standard[3], pid_t *ret, Error *err) FAILS;
