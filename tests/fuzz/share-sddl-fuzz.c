#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "smb/share/sddl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is understood is written so that it is understood again, and written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Sid domain = { .authority = 5, .parts = { 21, 1, 2, 3 }, .count = 4 };
        char *text = malloc(size + 1), *one = NULL, *two = NULL;
        Descriptor d = { 0 }, second = { 0 };
        Error err = { 0 };

        assert(text);
        if (size)
                memcpy(text, data, size);
        text[size] = '\0';
        if (sddl_parse(text, &domain, &d, &err) == 0) {
                if (sddl_format(&d, &domain, &one, &err) == 0) {
                        assert(sddl_parse(one, &domain, &second, &err) == 0);
                        assert(sddl_format(&second, &domain, &two, &err) == 0);
                        assert(strcmp(one, two) == 0);
                }
                descriptor_done(&d);
                descriptor_done(&second);
        }
        free(one);
        free(two);
        free(text);
        return 0;
}
