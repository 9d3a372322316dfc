/* The framing of encrypted messages: the first byte chooses the Content-Type. */
#include "appliance/gateway/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SealedPart part;
        Error err = { 0 };

        if (size < 1)
                return 0;
        const char *type = data[0] == 'k' ? seal_content_type(SEAL_KERBEROS) : seal_content_type(SEAL_SPNEGO);
        if (seal_parse(type, data + 1, size - 1, &part, &err) == 0 && part.token.size > 0)
                (void)*(volatile const uint8_t *)(part.token.data + part.token.size - 1);
        return 0;
}
