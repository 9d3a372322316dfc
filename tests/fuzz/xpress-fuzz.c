#include <stdlib.h>

#include "appliance/wsman/xpress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *decoded = NULL;
        size_t decoded_size = 0;
        Error err = { 0 };

        if (xpress_decode(data, size, 1024 * 1024, &decoded, &decoded_size, &err) == 0)
                free(decoded);
        return 0;
}
