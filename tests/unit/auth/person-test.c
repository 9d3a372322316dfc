/* People of the domain as users of a host: their names and numbers. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/person.h"

static const struct {
        const char *why, *text, *account, *domain;      /* NULL: nobody */
} names[] = {
        { "as Windows writes it", "LAB\\anna", "anna", "LAB" },
        { "as Kerberos writes it", "anna@lab.test", "anna", "lab.test" },
        { "as PowerShell makes it of LAB\\anna", "anna@LAB", "anna", "LAB" },
        { "a blank and a dot inside", "LAB\\Anna B. Lind", "Anna B. Lind", "LAB" },
        { "a letter beyond ASCII", "zoë@lab.test", "zoë", "lab.test" },
        { "a local user", "anna", NULL, NULL },
        { "root", "root", NULL, NULL },
        { "no account", "@lab.test", NULL, NULL },
        { "no domain", "anna@", NULL, NULL },
        { "nothing", "", NULL, NULL },
        { "two domains", "LAB\\anna@lab.test", NULL, NULL },
        { "two signs", "anna@lab@test", NULL, NULL },
        { "two slashes", "LAB\\x\\anna", NULL, NULL },
        { "a computer", "HV1$@lab.test", NULL, NULL },
        { "an option", "-anna@lab.test", NULL, NULL },
        { "a wildcard", "an*@lab.test", NULL, NULL },
        { "a folder", "../anna@lab.test", NULL, NULL },
        { "a line", "an\nna@lab.test", NULL, NULL },
        { "a field", "anna:0@lab.test", NULL, NULL },
        { "no UTF-8", "ann\xff@lab.test", NULL, NULL },
        { "a domain that is none", "anna@lab(test", NULL, NULL },
};

static void test_names(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                PersonName name = { 0 };
                bool is = person_parse(names[i].text, &name);
                if (is != (names[i].account != NULL))
                        fail_msg("%s: '%s'", names[i].why, names[i].text);
                if (!is)
                        continue;
                assert_string_equal(name.account, names[i].account);
                assert_string_equal(name.domain, names[i].domain);
        }
}

static void test_long_names(void **state) {
        char text[400];
        PersonName name;

        memset(text, 'a', sizeof text);
        (void)snprintf(text + PERSON_ACCOUNT_MAX - 1, 20, "@lab.test");
        assert_true(person_parse(text, &name));
        memset(text, 'a', sizeof text);
        (void)snprintf(text + PERSON_ACCOUNT_MAX, 20, "@lab.test");
        assert_false(person_parse(text, &name));
        memset(text, 'a', sizeof text);
        text[1] = '@';
        text[2 + PERSON_DOMAIN_MAX] = '\0';
        assert_false(person_parse(text, &name));
}

static const struct {
        const char *why, *sid;
        uint32_t uid;                   /* 0: none */
} numbers[] = {
        { "an account", "S-1-5-21-1-2-3-1104", PERSON_UID_BASE + 1104 },
        { "the administrator", "S-1-5-21-1-2-3-500", PERSON_UID_BASE + 500 },
        { "the largest", "S-1-5-21-1-2-3-268304383", PERSON_UID_BASE + PERSON_RID_MAX },
        { "too large", "S-1-5-21-1-2-3-268304384", 0 },
        { "so large that it would come round", "S-1-5-21-1-2-3-2415919104", 0 },
        { "nobody", "S-1-5-21-1-2-3-0", 0 },
        { "a domain", "S-1-5-21-1-2-3", 0 },
        { "of every computer", "S-1-5-32-544", 0 },
        { "not Windows' own", "S-1-4-21-1-2-3-1104", 0 },
};

static void test_numbers(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                uint32_t uid = 0, rid = 0;
                Sid sid;
                assert_true(sid_parse(numbers[i].sid, &sid));
                if (person_uid(&sid, &uid) != (numbers[i].uid != 0) || uid != numbers[i].uid)
                        fail_msg("%s: %s gave %u", numbers[i].why, numbers[i].sid, uid);
                if (uid == 0)
                        continue;
                assert_true(person_rid(uid, &rid));
                assert_int_equal(rid, sid.parts[4]);
        }
        /* what systemd and Debian give to others */
        static const uint32_t others[] = { 0, 1, 999, 1000, 60001, 61184, 65519, 65534, 65535, 524288, 1879048191,
                                           PERSON_UID_BASE, 0x7ffe0000, 0x7fffffff, 0x80000000, 0xffffffff };
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                uint32_t rid;
                if (person_rid(others[i], &rid))
                        fail_msg("%u is nobody's", others[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_long_names),
                cmocka_unit_test(test_numbers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
