#include <string.h>

#include "auth/odj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As text and as what the text stands for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        OfflineJoin join = { .domain = "" };
        Error err = { 0 };

        if (odj_decode(data, size, &join, &err) == 0 &&
            (!join.password[0] || strnlen(join.password, sizeof join.password) == sizeof join.password))
                __builtin_trap();
        (void)!odj_read(data, size, &join, &err);
        odj_erase(&join);
        return 0;
}
