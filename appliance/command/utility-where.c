/* Where-Object: which objects go on. */
#include "appliance/command/utility.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/condition.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"
#include "appliance/command/order.h"

static bool keeps(const Invocation *invocation, sd_json_variant *object) {
        static const char *const operators[] = { "EQ",   "NE",      "GT",       "GE",          "LT", "LE",
                                                 "Like", "NotLike", "Contains", "NotContains", "In", "NotIn" };
        sd_json_variant *block = invocation_value(invocation, "FilterScript");
        const char *name = invocation_string(invocation, "Property");
        const char *operator= invocation_has(invocation, "Value") ? "EQ" : NULL;

        if (block)
                return condition_holds(block, object);
        for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
                if (invocation_switch(invocation, operators[i]))
                        operator= operators[i];
        sd_json_variant *left = object_property(object, name);
        if (!operator)
                return order_is_true(left) != invocation_switch(invocation, "Not");
        return condition_compare(operator, left, invocation_value(invocation, "Value"),
                                 order_property_type(object, name));
}

static int run_where(Invocation *invocation, Error *err) {
        sd_json_variant *object = invocation_value(invocation, "InputObject");
        if (!object || !keeps(invocation, object))
                return 0;
        return invocation_emit(invocation, sd_json_variant_ref(object), err);
}

#define WHERE_SET(name, operator) { name, "Property," operator, "Property,Value", "InputObject" }
const Command command_where_object = {
        .name = "Where-Object",
        .module = "Microsoft.PowerShell.Core",
        .aliases = "where,?",
        .synopsis =
                "Lets only those objects pass whose property compares as wanted: Where-Object State -eq Running.",
        .role = ROLE_READER,
        .parameters =
                (const Parameter[]){
                        { "Property", "String", NULL, 0, NULL, "The property to look at." },
                        { "Value", "Object", NULL, 0, NULL, "What to compare it with." },
                        { "InputObject", "PSObject", NULL, PARAMETER_PIPELINE_BY_VALUE, NULL,
                          "The object; comes from the pipeline." },
                        { "FilterScript", "ScriptBlock", NULL, 0, NULL, "{ $_.State -eq 'Running' -and … }" },
                        { "EQ", "SwitchParameter", NULL, 0, NULL, "Equal, without case." },
                        { "NE", "SwitchParameter", NULL, 0, NULL, "Not equal." },
                        { "GT", "SwitchParameter", NULL, 0, NULL, "Greater." },
                        { "GE", "SwitchParameter", NULL, 0, NULL, "Greater or equal." },
                        { "LT", "SwitchParameter", NULL, 0, NULL, "Less." },
                        { "LE", "SwitchParameter", NULL, 0, NULL, "Less or equal." },
                        { "Like", "SwitchParameter", NULL, 0, NULL, "Matches a pattern with * and ?." },
                        { "NotLike", "SwitchParameter", NULL, 0, NULL, "Does not match the pattern." },
                        { "Contains", "SwitchParameter", NULL, 0, NULL, "Is a list that has the value." },
                        { "NotContains", "SwitchParameter", NULL, 0, NULL, "Is a list that has it not." },
                        { "In", "SwitchParameter", NULL, 0, NULL, "Is one of the values." },
                        { "NotIn", "SwitchParameter", NULL, 0, NULL, "Is none of the values." },
                        { "Not", "SwitchParameter", NULL, 0, NULL, "Is false, empty or not there." },
                        { NULL } },
        .sets = (const ParameterSet[]){ { "EqualSet", "Property", "Property,Value", "EQ,InputObject" },
                                        { "ScriptBlockSet", "FilterScript", "FilterScript", "InputObject" },
                                        WHERE_SET("NotEqualSet", "NE"),
                                        WHERE_SET("GreaterThanSet", "GT"),
                                        WHERE_SET("GreaterOrEqualSet", "GE"),
                                        WHERE_SET("LessThanSet", "LT"),
                                        WHERE_SET("LessOrEqualSet", "LE"),
                                        WHERE_SET("LikeSet", "Like"),
                                        WHERE_SET("NotLikeSet", "NotLike"),
                                        WHERE_SET("ContainsSet", "Contains"),
                                        WHERE_SET("NotContainsSet", "NotContains"),
                                        WHERE_SET("InSet", "In"),
                                        WHERE_SET("NotInSet", "NotIn"),
                                        { "NotSet", "Property,Not", "Property", "InputObject" },
                                        { NULL } },
        .refused = "Match,NotMatch,Is,IsNot,CEQ,CNE,CGT,CGE,CLT,CLE,CLike,CNotLike,CMatch,CNotMatch,CContains,"
                   "CNotContains,CIn,CNotIn",
        .run = run_where,
};
