/* Every row of the product's table keeps the rules that the binder and the help rely on. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/text.h"
#include "appliance/command/bind.h"
#include "appliance/command/list.h"
#include "appliance/node/node.h"

static const Parameter *find(const Command *command, const char *name) {
        for (const Parameter *p = command->parameters; p->name; p++)
                if (strcmp(p->name, name) == 0)
                        return p;
        return NULL;
}

static void check_list(const Command *command, const char *list) {
        char name[LIST_NAME_MAX];
        while (list_next(&list, name))
                if (!find(command, name))
                        fail_msg("%s: a set names the parameter %s, which is not in the row", command->name, name);
}

/* A job runs later and for itself: it is told by -WhatIf what it would do, and cannot be given a password. */
static void check_job(const Command *command) {
        if (!command->as_job)
                return;
        if (!command->confirm)
                fail_msg("%s: -AsJob wants confirm", command->name);
        for (const Parameter *p = command->parameters; p->name; p++)
                if (p->flags & PARAMETER_SECRET)
                        fail_msg("%s: a job cannot have the secret %s", command->name, p->name);
}

static void check_parameter(const Command *command, const Parameter *p) {
        bool used = false;
        for (const ParameterSet *set = command->sets; set->name; set++)
                used = used || set_has(set, p->name);
        if (!used)
                fail_msg("%s: the parameter %s is in no set", command->name, p->name);
        if (!p->help || !*p->help)
                fail_msg("%s: the parameter %s has no help", command->name, p->name);
        if (list_has(command->refused, p->name))
                fail_msg("%s: the parameter %s is also refused", command->name, p->name);
        for (const Parameter *c = common_parameters(command); c->name; c++)
                if (text_equal_nocase(c->name, p->name))
                        fail_msg("%s: the parameter %s is a common one", command->name, p->name);
}

static void test_rows(void **state) {
        for (const Command *const *row = node_commands.rows; *row; row++) {
                const Command *command = *row;
                unsigned sets = 0, parameters = 0;

                assert_true(strchr(command->name, '-') || strcmp(command->name, "TabExpansion2") == 0);
                assert_non_null(command->module);
                assert_non_null(command->synopsis);
                assert_non_null(command->run);
                for (const Command *const *other = node_commands.rows; other != row; other++)
                        if (text_equal_nocase((*other)->name, command->name))
                                fail_msg("%s is in the table twice", command->name);
                check_job(command);
                for (const ParameterSet *set = command->sets; set->name; set++, sets++) {
                        check_list(command, set->mandatory);
                        check_list(command, set->positional);
                        check_list(command, set->optional);
                }
                for (const Parameter *p = command->parameters; p->name; p++, parameters++)
                        check_parameter(command, p);
                assert_in_range(sets, 1, 32);
                assert_in_range(parameters, 0, BIND_PARAMETERS_MAX - 16);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
