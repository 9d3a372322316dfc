#include <assert.h>

#include "smb/share/space.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Space space = { .free_bytes = 1, .total_bytes = 2 };
        Error err = { 0 };

        if (space_decode(data, size, &space, &err) == 0)
                assert(size == 32);
        else
                assert(space.free_bytes == 1 && space.total_bytes == 2 && err.kind == ERROR_PROTOCOL);
        return 0;
}
