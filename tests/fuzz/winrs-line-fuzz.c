#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"
#include "appliance/wsman/commandline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        CommandLine line = { 0 };
        Error err = { 0 };
        char *text = strndup((const char *)data, size);

        if (text && commandline_parse(text, &line, &err) == 0)
                free(line.text);
        free(text);
        return 0;
}
