#include "auth/locate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Controllers found;
        Error err = { 0 };
        (void)!locate_decode(data, size, &found, &err);
        return 0;
}
