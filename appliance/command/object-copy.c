/* object-copy.c — a value for another thread; see object.h */
#include "appliance/command/object.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"

enum { DEPTH_MAX = 32 };        /* of recursion; what is deeper goes the long way, over text */

typedef struct Parts {
        sd_json_variant **list;
        size_t count;
} Parts;

static void parts_done(Parts *parts) {
        for (size_t i = 0; i < parts->count; i++)
                (void)sd_json_variant_unref(parts->list[i]);
        free(parts->list);
}

static int copy_over_text(sd_json_variant *value, sd_json_variant **ret) {
        auto_free char *text = NULL;
        return sd_json_variant_format(value, 0, &text) < 0 || sd_json_parse(text, 0, ret, NULL, NULL) < 0 ? -1 : 0;
}

static int copy(sd_json_variant *value, unsigned depth, sd_json_variant **ret);

/* An object's elements are its keys and values in turn. */
static int copy_elements(sd_json_variant *value, unsigned depth, sd_json_variant **ret) {
        size_t n = sd_json_variant_elements(value);
        auto_(parts_done) Parts parts = { .list = calloc(n + 1, sizeof *parts.list) };

        if (!parts.list)
                return -1;
        for (; parts.count < n; parts.count++)
                if (copy(sd_json_variant_by_index(value, parts.count), depth + 1, &parts.list[parts.count]) < 0)
                        return -1;
        int r = sd_json_variant_is_object(value) ? sd_json_variant_new_object(ret, parts.list, n) :
                                                   sd_json_variant_new_array(ret, parts.list, n);
        return r < 0 ? -1 : 0;
}

static int copy(sd_json_variant *value, unsigned depth, sd_json_variant **ret) {
        int r;

        switch (sd_json_variant_type(value)) {
        case SD_JSON_VARIANT_STRING:
                r = sd_json_variant_new_string(ret, sd_json_variant_string(value));
                break;
        case SD_JSON_VARIANT_UNSIGNED:
                r = sd_json_variant_new_unsigned(ret, sd_json_variant_unsigned(value));
                break;
        case SD_JSON_VARIANT_INTEGER:
                r = sd_json_variant_new_integer(ret, sd_json_variant_integer(value));
                break;
        case SD_JSON_VARIANT_REAL:
                r = sd_json_variant_new_real(ret, sd_json_variant_real(value));
                break;
        case SD_JSON_VARIANT_BOOLEAN:
                r = sd_json_variant_new_boolean(ret, sd_json_variant_boolean(value));
                break;
        case SD_JSON_VARIANT_ARRAY:
        case SD_JSON_VARIANT_OBJECT:
                return depth < DEPTH_MAX ? copy_elements(value, depth, ret) : copy_over_text(value, ret);
        default:
                r = sd_json_variant_new_null(ret);
        }
        return r < 0 ? -1 : 0;
}

int object_copy(sd_json_variant *value, sd_json_variant **ret) {
        return copy(value, 0, ret);
}
