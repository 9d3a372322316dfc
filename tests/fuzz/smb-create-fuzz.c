#include "smb/engine/contexts.h"
#include "smb/engine/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span message = { data, size };
        SmbOpenHow how = { .lease = SMB_LEASE_READ, .durable = true };
        SmbOpened opened = { 0 };
        Error err = { 0 };
        (void)!wire_create_reply_decode(message, &how, &opened, &err);
        (void)!contexts_decode(message, &how, &opened, &err);
        return 0;
}
