/* What one host says to another about commands: whose they are, and what came of them.  A claim that is accepted is said
 * again as it was; a record, whatever it holds, becomes one that can be shown. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/elsewhere.h"
#include "appliance/node/errand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_claim(sd_json_variant *json) {
        auto_(sd_json_variant_unrefp) sd_json_variant *again = NULL;
        VouchClaim first = { 0 }, second = { 0 };
        Error err = { 0 };

        if (vouch_parse(json, &first, &err) < 0)
                return;
        assert(vouch_json(&first, &again, &err) == 0);
        assert(vouch_parse(again, &second, &err) == 0);
        assert(memcmp(&first, &second, sizeof first) == 0);
}

static void read_reply(sd_json_variant *json) {
        sd_json_variant *value = NULL;
        RecordStream stream;
        ErrorRecord record;

        if (errand_record(json, &stream, &value) <= 0)
                value = json;
        record_from_json(value, "Get-VM", &record);
        auto_(sd_json_variant_unrefp) sd_json_variant *shown = record_json(&record);
        assert(shown);
        auto_(sd_json_variant_unrefp) sd_json_variant *object = elsewhere_object(value, "hv2.lab.test");
        assert(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_free char *text = strndup((const char *)data, size);
        auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL;

        if (!text || sd_json_parse(text, 0, &json, NULL, NULL) < 0)
                return 0;
        read_claim(json);
        read_reply(json);
        return 0;
}
