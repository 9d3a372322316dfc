/* libvirt-error.h — the one place where libvirt's errors become ours
 */
#pragma once

#include <libvirt/virterror.h>

#include "appliance/base/error.h"

/* libvirt_error(err, fmt, …) fills *err from libvirt's last error of this thread: kind by its code, cause its
 * code, text "<fmt>: <its message>".  Gives -1.  A macro, because the arguments may call libvirt
 * (virDomainGetName()), and every call of libvirt forgets the last error: it is taken before they are looked at. */
#define libvirt_error(err, ...) __extension__({ \
        virErrorPtr last_ = virSaveLastError(); \
        libvirt_error_from((err), last_, __VA_ARGS__); \
})

/* Frees @consumed_last, which may be NULL. */
int libvirt_error_from(Error *err, virErrorPtr consumed_last, const char *fmt, ...)
        __attribute__((nonnull(1, 3), format(printf, 3, 4)));
