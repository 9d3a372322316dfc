#include "migrate/libvirt-error.h"

#include <stdarg.h>
#include <stdio.h>

#include "appliance/base/cleanup.h"

static const struct { int code; ErrorKind kind; } kinds[] = {
        { VIR_ERR_NO_DOMAIN, ERROR_NOT_FOUND },
        { VIR_ERR_NO_DOMAIN_METADATA, ERROR_NOT_FOUND },
        { VIR_ERR_DOM_EXIST, ERROR_CONFLICT },
        { VIR_ERR_OPERATION_INVALID, ERROR_CONFLICT },
        { VIR_ERR_OPERATION_TIMEOUT, ERROR_TIMEOUT },
        { VIR_ERR_OPERATION_ABORTED, ERROR_CANCELLED },
        { VIR_ERR_OPERATION_UNSUPPORTED, ERROR_UNSUPPORTED },
        { VIR_ERR_CONFIG_UNSUPPORTED, ERROR_UNSUPPORTED },
        { VIR_ERR_NO_SUPPORT, ERROR_UNSUPPORTED },
        { VIR_ERR_NO_CONNECT, ERROR_UNREACHABLE },
        { VIR_ERR_SYSTEM_ERROR, ERROR_UNREACHABLE },
        { VIR_ERR_RPC, ERROR_UNREACHABLE },
        { VIR_ERR_ACCESS_DENIED, ERROR_DENIED },
        { VIR_ERR_AUTH_FAILED, ERROR_DENIED },
        { VIR_ERR_XML_ERROR, ERROR_INVALID },
        { VIR_ERR_NO_MEMORY, ERROR_LIMIT },
};

int libvirt_error_from(Error *err, virErrorPtr last, const char *fmt, ...) {
        int code = last ? last->code : VIR_ERR_INTERNAL_ERROR;
        ErrorKind kind = ERROR_INTERNAL;
        char clause[ERROR_TEXT_MAX];
        va_list ap;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].code == code)
                        kind = kinds[i].kind;
        /* "connection closed due to keepalive timeout", "client socket is closed": for libvirt, internal errors */
        if (kind == ERROR_INTERNAL && last && last->domain == VIR_FROM_RPC)
                kind = ERROR_UNREACHABLE;
        va_start(ap, fmt);
        (void)vsnprintf(clause, sizeof clause, fmt, ap);
        va_end(ap);
        (void)error_set(err, kind, code, "%s: %s", clause,
                        last && last->message ? last->message : "libvirt gave no reason");
        virFreeError(last);
        return -1;
}
