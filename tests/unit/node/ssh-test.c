/* What people of the domain may ask sshd for. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/ssh.h"

static const struct {
        const char *why, *command;
        SshKind kind;
        bool json;
        const char *text;
} wishes[] = {
        { "a shell", NULL, SSH_SHELL, false, NULL },
        { "a shell by our name", "holdfast", SSH_SHELL, false, NULL },
        { "blanks", " \t", SSH_SHELL, false, NULL },
        { "the subsystem", "/usr/bin/holdfast psrp", SSH_POWERSHELL, false, NULL },
        { "a command", "Get-VM", SSH_COMMANDS, false, "Get-VM" },
        { "as root says it", "holdfast Get-VM -Name web01", SSH_COMMANDS, false, "Get-VM -Name web01" },
        { "in quotes", "holdfast 'Get-VM | Move-VM hv2' ", SSH_COMMANDS, false, "Get-VM | Move-VM hv2" },
        { "two pairs of quotes", "holdfast 'a' 'b'", SSH_COMMANDS, false, "'a' 'b'" },
        { "a quote alone", "holdfast '", SSH_COMMANDS, false, "'" },
        { "as JSON", "holdfast --json Get-VM", SSH_COMMANDS, true, "Get-VM" },
        { "help", "holdfast help Move-VM", SSH_COMMANDS, false, "Get-Help Move-VM" },
        { "a program", "/bin/sh -c id", SSH_COMMANDS, false, "/bin/sh -c id" },
        { "another program of ours", "/usr/bin/holdfast-x psrp", SSH_COMMANDS, false, "/usr/bin/holdfast-x psrp" },
        { "the subsystem and more", "holdfast psrp; id", SSH_COMMANDS, false, "psrp; id" },
        { "file transfer", "/usr/lib/openssh/sftp-server", SSH_COMMANDS, false, "/usr/lib/openssh/sftp-server" },
};

static void test_wishes(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
                SshWish wish = { 0 };
                Error err = { 0 };
                assert_int_equal(ssh_wish(wishes[i].command, &wish, &err), 0);
                auto_free char *text = wish.text;
                if (wish.kind != wishes[i].kind || wish.json != wishes[i].json || !text != !wishes[i].text ||
                    (text && strcmp(text, wishes[i].text) != 0))
                        fail_msg("%s: '%s' became %d '%s'", wishes[i].why, wishes[i].command, wish.kind, text);
        }
}

static void test_origins(void **state) {
        static const struct { const char *connection, *origin; } rows[] = {
                { "10.0.0.1 51000 10.0.0.2 22", "10.0.0.1" },
                { "fe80::1%eth0 51000 fe80::2%eth0 22", "fe80::1" },
                { NULL, "" },
                { "", "" },
                { "longer-than-any-address-there-is-longer-than-any-address-there-is 1", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char origin[SSH_ORIGIN_SIZE];
                ssh_origin(rows[i].connection, origin);
                assert_string_equal(origin, rows[i].origin);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_wishes), cmocka_unit_test(test_origins) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
