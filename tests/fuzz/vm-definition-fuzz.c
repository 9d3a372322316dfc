/* A .vm file from a share: read; what is accepted must be written and read again to the same value. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_free VmDefinition *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
        auto_free char *xml = NULL;
        Error err = { 0 };

        if (!first || !second || definition_read((const char *)data, size, first, &err) < 0)
                return 0;
        assert(definition_write(first, false, &xml, &err) == 0);
        assert(definition_read(xml, strlen(xml), second, &err) == 0);
        assert(memcmp(first, second, sizeof *first) == 0);
        return 0;
}
