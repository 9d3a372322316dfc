/* What a source says of a machine, as its destination reads it; what is accepted must be said again and read to the same
 * value.  And what a destination answers: its list of findings. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_findings(sd_json_variant *json) {
        auto_free Findings *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
        auto_(sd_json_variant_unrefp) sd_json_variant *again = NULL;
        Error err = { 0 };

        if (!first || !second || findings_append_json(first, json, &err) < 0)
                return;
        assert(findings_json(first, &again, &err) == 0);
        assert(findings_append_json(second, again, &err) == 0);
        assert(first->count == second->count);
        for (size_t i = 0; i < first->count; i++) {
                const Finding *a = &first->list[i], *b = &second->list[i];
                assert(a->id == b->id && a->kind == b->kind && a->advice == b->advice);
                assert(strcmp(a->host, b->host) == 0 && strcmp(a->message, b->message) == 0);
                assert(strcmp(a->evidence, b->evidence) == 0 && strcmp(a->remedy, b->remedy) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_free CompareRequest *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
        auto_(sd_json_variant_unrefp) sd_json_variant *json = NULL, *again = NULL;
        auto_free char *text = strndup((const char *)data, size);
        Error err = { 0 };

        if (!first || !second || !text || sd_json_parse(text, 0, &json, NULL, NULL) < 0)
                return 0;
        read_findings(json);
        if (compare_request_parse(json, first, &err) < 0)
                return 0;
        assert(compare_request_json(first, &again, &err) == 0);
        assert(compare_request_parse(again, second, &err) == 0);
        assert(memcmp(first, second, sizeof *first) == 0);
        return 0;
}
