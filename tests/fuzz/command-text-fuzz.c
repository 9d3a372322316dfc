/* Command text from anybody who may connect: grammar, binding, execution against a small table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/command/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);
        if (!text)
                abort();
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        free(fixture_run(text, ROLE_ADMINISTRATOR));
        free(text);
        return 0;
}
