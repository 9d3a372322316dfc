/* libvirt-error.h — the one place where libvirt's errors become ours
 */
#pragma once

#include "appliance/base/error.h"

/* Fills *err from libvirt's last error of this thread: kind by its code, cause its code, text "<fmt>: <its message>".
 * Returns -1. */
int libvirt_error(Error *err, const char *fmt, ...) __attribute__((nonnull(1, 2), format(printf, 2, 3)));
