#include "appliance/node/vm-edit.h"

#include <string.h>

#include "appliance/base/text.h"
#include "appliance/node/vm-target.h"

int vm_check_fixed(const Invocation *invocation, const VmFixed *fixed, Error *err) {
        for (; fixed->parameter; fixed++) {
                sd_json_variant *value = invocation_value(invocation, fixed->parameter);
                if (!value)
                        continue;
                const char *text = sd_json_variant_is_boolean(value) ? sd_json_variant_boolean(value) ? "true" : "false"
                                   : sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
                if (!text_equal_nocase(text, fixed->only))
                        return error_set(err, ERROR_UNSUPPORTED, 0, "-%s can only be %s%s: %s", fixed->parameter,
                                         sd_json_variant_is_boolean(value) ? "$" : "", fixed->only, fixed->why);
        }
        return 0;
}

int vm_take_number(const Invocation *invocation, const char *parameter, uint64_t min, uint64_t max, uint64_t *ret,
                   Error *err) {
        sd_json_variant *value = invocation_value(invocation, parameter);

        if (!value)
                return 0;
        if (!sd_json_variant_is_unsigned(value) || sd_json_variant_unsigned(value) < min ||
            sd_json_variant_unsigned(value) > max)
                return error_set(err, ERROR_INVALID, 0, "-%s must be a number from %llu to %llu", parameter,
                                 (unsigned long long)min, (unsigned long long)max);
        *ret = sd_json_variant_unsigned(value);
        return 0;
}

int vm_edit(Invocation *invocation, const VmInfo *info, VmEdit edit, Error *err) {
        VmHost *host = vm_host_of(invocation);

        if (vmhost_edit(host, info->definition.id, edit, invocation, err) == 0)
                return 0;
        return node_denied(invocation_userdata(invocation), err)
                       ? vmhost_edit(host, info->definition.id, edit, invocation, err)
                       : -1;
}
