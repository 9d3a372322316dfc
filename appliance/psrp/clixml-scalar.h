/* clixml-scalar.h — CLIXML's primitive types, text → JSON (used by clixml-read.c; [MS-PSRP] 2.2.5.1)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

typedef struct ClixmlScalar {
        const char *element;
        /* @text is NUL-terminated and may be changed. */
        int (*read)(char *text, int64_t low, uint64_t high, sd_json_variant **ret, Error *err);
        int64_t low;                    /* range of an integer */
        uint64_t high;
} ClixmlScalar;

const ClixmlScalar *clixml_scalar(const char *element);         /* NULL: none of that name */
/* _xHHHH_ → characters, in place ([MS-PSRP] 2.2.5.3.2); surrogates without a partner and U+0000 become U+FFFD. */
void clixml_unescape(char *text);
