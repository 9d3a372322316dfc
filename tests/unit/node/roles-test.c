/* Groups give roles: the highest counts, none is said by name. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/roles.h"

DEFINE_FREEP(Roles, roles_free);

#define DOMAIN "S-1-5-21-1-2-3-"

/* Groups by SID, so that no directory is asked. */
static const NodeConfig config = {
        .groups = { [ROLE_READER] = { DOMAIN "1001", DOMAIN "1002" },
                    [ROLE_OPERATOR] = { DOMAIN "1003" },
                    [ROLE_ADMINISTRATOR] = { DOMAIN "1004" } },
};

static const struct {
        const char *why, *groups[4];
        int role;                       /* -1: refused */
} rows[] = {
        { "in none", { DOMAIN "513" }, -1 },
        { "in no group at all", { NULL }, -1 },
        { "a reader", { DOMAIN "513", DOMAIN "1002" }, ROLE_READER },
        { "an operator", { DOMAIN "1003" }, ROLE_OPERATOR },
        { "the highest counts", { DOMAIN "1004", DOMAIN "1001", DOMAIN "1003" }, ROLE_ADMINISTRATOR },
        { "another domain's group of that number", { "S-1-5-21-1-2-4-1004" }, -1 },
        { "a longer SID", { DOMAIN "1004-1" }, -1 },
};

static PacLogon *logon_of(const char *const *groups) {
        PacLogon *logon = calloc(1, sizeof *logon + 4 * sizeof logon->groups[0]);
        (void)snprintf(logon->user, sizeof logon->user, "anna");
        (void)snprintf(logon->domain, sizeof logon->domain, "LAB");
        for (size_t i = 0; i < 4 && groups[i]; i++)
                assert_true(sid_parse(groups[i], &logon->groups[logon->group_count++]));
        return logon;
}

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(roles_freep) Roles *roles = NULL;
                auto_free PacLogon *logon = logon_of(rows[i].groups);
                Role role = ROLE_READER;
                Error err = { 0 };

                assert_int_equal(roles_new(&config, &roles, &err), 0);
                int r = roles_judge(roles, NULL, logon, &role, &err);
                if (r != (rows[i].role < 0 ? -1 : 0) || (r == 0 && (int)role != rows[i].role))
                        fail_msg("%s: %d, role %d, '%s'", rows[i].why, r, (int)role, err.text);
                if (r < 0 && (err.kind != ERROR_DENIED || !strstr(err.text, "LAB\\anna") || !strstr(err.text, DOMAIN "1003")))
                        fail_msg("%s: '%s'", rows[i].why, err.text);
        }
}

/* Without a directory, names cannot be told: nobody is let in on a guess. */
static void test_no_directory(void **state) {
        static const NodeConfig names = { .groups = { [ROLE_ADMINISTRATOR] = { "Holdfast Admins" } } };
        static const char *const groups[4] = { DOMAIN "1004" };
        auto_(roles_freep) Roles *roles = NULL;
        auto_free PacLogon *logon = logon_of(groups);
        Role role = ROLE_READER;
        Error err = { 0 };

        assert_int_equal(roles_new(&names, &roles, &err), 0);
        assert_int_equal(roles_judge(roles, NULL, logon, &role, &err), -1);
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_no_directory) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
