/* owner.json from a share: read; what is accepted must be written and read again to the same owner. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Ledger first = { 0 }, second = { 0 };
        auto_free char *text = NULL;
        Error err = { 0 };

        if (ledger_decode((const char *)data, size, &first, &err) < 0)
                return 0;
        assert(ledger_encode(&first, &text, &err) == 0);
        assert(ledger_decode(text, strlen(text), &second, &err) == 0);
        assert(strcmp(first.host, second.host) == 0 && first.epoch == second.epoch);
        return 0;
}
