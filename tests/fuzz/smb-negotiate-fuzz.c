#include "smb/engine/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span message = { data, size };
        NegotiateReply reply = { 0 };
        Error err = { 0 };
        (void)!negotiate_decode(message, &reply, &err);
        (void)!negotiate_validate_check(message, &reply, &err);
        return 0;
}
