/* The head of a saved state from a share: its length is read, and what it describes is judged. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "migrate/saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const VmDefinition d = { .name = "web01", .id = "0b0e8a34-9a53-4c1e-8a2f-0d8b4f7f7a11",
                                  .folder = "\\\\fs1.lab.test\\vms\\web01", .generation = 1,
                                  .memory_bytes = 256ULL << 20, .processor_count = 1, .disk_count = 1,
                                  .disks = { "\\\\fs1.lab.test\\vms\\web01\\web01.raw" } };
        char first[SAVED_FIRST];
        size_t length = 0;
        Error err = { 0 };

        if (size >= SAVED_FIRST) {
                (void)memcpy(first, data, sizeof first);
                if (saved_head_size(first, &length, &err) == 0)
                        assert(length > SAVED_FIRST && length <= SAVED_HEAD_MAX);
                (void)!saved_complete(first, &err);
        }
        (void)!saved_check((const char *)data, size, &d, true, "/usr/bin/qemu-system-x86_64", &err);
        return 0;
}
