#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "appliance/psrp/clixml-read.h"
#include "appliance/psrp/clixml-write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What can be read can be written, and what we write can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL, *again = NULL;
        auto_(clixml_clear) Clixml c = { 0 };
        auto_free char *text = NULL;
        size_t length;
        Error err = { 0 };

        if (clixml_read((const char *)data, size, &value, &err) < 0 || clixml_begin(&c, &err) < 0)
                return 0;
        clixml_value(&c, "value", value, NULL);
        if (clixml_end(&c, &text, &length, &err) == 0 && clixml_read(text, length, &again, &err) < 0)
                assert(err.kind == ERROR_LIMIT);        /* it may have grown */
        return 0;
}
