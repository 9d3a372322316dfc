/* status.h — NTSTATUS of a file server → Error, in the one place where it happens */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {  /* [MS-ERREF] 2.3.1; those that the engine itself acts on */
        STATUS_SUCCESS = 0,
        STATUS_PENDING = 0x103,
};
#define STATUS_BUFFER_OVERFLOW 0x80000005u
#define STATUS_END_OF_FILE 0xC0000011u
#define STATUS_MORE_PROCESSING_REQUIRED 0xC0000016u
#define STATUS_NOT_SUPPORTED 0xC00000BBu
#define STATUS_NETWORK_SESSION_EXPIRED 0xC000035Cu

/* Fills *err for a @status that is a failure and returns -1.
 * @action  what was tried, e.g. "open"; @object  on what, e.g. \\fs1\vms\web01\disk.raw.
 * err->cause is the NTSTATUS. */
int status_error(uint32_t status, const char *action, const char *object, Error *err);
