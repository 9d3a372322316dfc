#include "appliance/command/order.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/lexeme.h"
#include "appliance/command/object.h"
#include "appliance/command/types.h"

enum { ORDER_TEXT_MAX = 4096 };

static bool is_absent(sd_json_variant *value) { return !value || sd_json_variant_is_null(value); }

static int order_doubles(double a, double b) { return (a > b) - (a < b); }

static int order_numbers(sd_json_variant *a, sd_json_variant *b) {
        if (sd_json_variant_is_unsigned(a) && sd_json_variant_is_unsigned(b)) {
                uint64_t x = sd_json_variant_unsigned(a), y = sd_json_variant_unsigned(b);
                return (x > y) - (x < y);
        }
        return order_doubles(sd_json_variant_real(a), sd_json_variant_real(b));
}

static bool order_timespans(sd_json_variant *left, sd_json_variant *right, int *ret) {
        uint64_t x, y;
        Error err = { 0 };
        if (!sd_json_variant_is_string(left) || !sd_json_variant_is_string(right) ||
            timespan_parse(sd_json_variant_string(left), &x, &err) < 0 ||
            timespan_parse(sd_json_variant_string(right), &y, &err) < 0)
                return false;
        *ret = (x > y) - (x < y);
        return true;
}

int order_values(sd_json_variant *left, sd_json_variant *right, const char *type) {
        char a[ORDER_TEXT_MAX], b[ORDER_TEXT_MAX];
        int order;

        if (is_absent(left) || is_absent(right))
                return (int)is_absent(right) - (int)is_absent(left);
        if (type && strcmp(type, "TimeSpan") == 0 && order_timespans(left, right, &order))
                return order;
        if (sd_json_variant_is_number(left)) {
                auto_(sd_json_variant_unrefp) sd_json_variant *number = NULL;
                if (sd_json_variant_is_number(right))
                        number = sd_json_variant_ref(right);
                else if (sd_json_variant_is_string(right))
                        number = number_parse(sd_json_variant_string(right));
                if (number)
                        return order_numbers(left, number);
        }
        object_display(left, a, sizeof a);
        object_display(right, b, sizeof b);
        return strcasecmp(a, b);
}

bool order_is_true(sd_json_variant *value) {
        if (is_absent(value))
                return false;
        if (sd_json_variant_is_boolean(value))
                return sd_json_variant_boolean(value);
        if (sd_json_variant_is_number(value))
                return fpclassify(sd_json_variant_real(value)) != FP_ZERO;
        if (sd_json_variant_is_string(value))
                return *sd_json_variant_string(value) != '\0';
        return !sd_json_variant_is_array(value) || sd_json_variant_elements(value) > 0;
}

const char *order_property_type(sd_json_variant *object, const char *name) {
        const Property *property = type_property(type_find(object_type(object)), name);
        return property ? property->type : NULL;
}
