#include "auth/leave.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/dns-pointer.h"
#include "auth/dns-record.h"
#include "auth/join.h"
#include "auth/kdcs.h"
#include "auth/ldap-link.h"
#include "auth/locate.h"
#include "auth/program.h"
#include "auth/rotate.h"
#include "auth/visitor.h"

enum { ADCLI_US = 60 * 1000000, ANSWER_US = 3 * 1000000, KDC_PORT = 88, ACCOUNT_DISABLED = 0x2 /* MS-ADTS 2.2.16 */ };

int leave_explain(const Machine *machine, const char *user, int status, const char *line, Error *err) {
        if (strstr(line, "no computer account") || strstr(line, "No computer account") || strstr(line, "doesn't exist"))
                return 0;
        if (strstr(line, "nsufficient"))
                return error_set(err, ERROR_DENIED, status,
                                 "the user %s may not delete the computer account %s; use one who may, or an "
                                 "administrator deletes it with: Remove-ADComputer '%s'",
                                 user, machine->account, machine->account);
        return error_set(err, ERROR_INTERNAL, status, "the account %s could not be deleted: %.300s (adcli ended with %d)",
                         machine->account, *line ? line : "adcli gave no reason", status);
}

static int delete_account(const Machine *machine, const char *server, const char *user, const char *password,
                          Error *err) {
        char domain[MACHINE_NAME_MAX + 16], controller[LOCATE_HOST_MAX + 32], login[MACHINE_NAME_MAX];
        char as[MACHINE_NAME_MAX + 16];
        ProgramResult result;

        if (join_login(user, machine->domain, login, sizeof login, err) < 0)
                return -1;
        (void)snprintf(domain, sizeof domain, "--domain=%s", machine->domain);
        (void)snprintf(controller, sizeof controller, "--domain-controller=%s", server);
        (void)snprintf(as, sizeof as, "--login-user=%s", login);
        const char *const argv[] = { "/usr/sbin/adcli", "delete-computer", domain, controller, as, "--stdin-password",
                                     machine->host, NULL };
        if (program_run(argv, password, NULL, ADCLI_US, &result, err) < 0)
                return error_wrap(err, "leaving %s", machine->domain);
        return result.status == 0 ? 0
                                  : leave_explain(machine, user, result.status, program_last_line(&result), err);
}

/* ---- or disabled --------------------------------------------------------------------------------------- */

typedef struct Account {
        char dn[LDAP_LINK_DN_MAX];
        unsigned long control;
} Account;

static int take_account(void *userdata, const LdapEntry *entry, Error *err) {
        Account *a = userdata;
        char control[16];

        if (strlen(ldap_entry_dn(entry)) >= sizeof a->dn ||
            !ldap_entry_text(entry, "userAccountControl", control, sizeof control))
                return error_set(err, ERROR_PROTOCOL, 0, "the directory's answer about this host's account is damaged");
        (void)snprintf(a->dn, sizeof a->dn, "%s", ldap_entry_dn(entry));
        a->control = strtoul(control, NULL, 10);
        return 0;
}

static int disable_account(const Machine *machine, const Visitor *visitor, const char *user, Error *err) {
        static const char *const attributes[] = { "userAccountControl", NULL };
        auto_(ldap_link_closep) LdapLink *link = NULL;
        char escaped[3 * MACHINE_NAME_MAX], filter[sizeof escaped + 64], control[24];
        const LdapQuery query = { NULL, false, filter, attributes, 2 };
        Account account = { "", 0 };

        if (ldap_link_escape(machine->account, escaped, sizeof escaped, err) < 0)
                return -1;
        (void)snprintf(filter, sizeof filter, "(&(objectCategory=computer)(sAMAccountName=%s))", escaped);
        if (ldap_link_open_as(machine, visitor->ccache, &link, err) < 0 ||
            ldap_link_search(link, &query, take_account, &account, err) < 0)
                return -1;
        if (!account.dn[0])
                return 0;       /* it is gone already */
        (void)snprintf(control, sizeof control, "%lu", account.control | ACCOUNT_DISABLED);
        if (ldap_link_set_value(link, account.dn, "userAccountControl", control, err) == 0)
                return 0;
        if (err->kind == ERROR_DENIED)
                return error_set(err, ERROR_DENIED, err->cause,
                                 "the user %s may not disable the computer account %s; use one who may, or an "
                                 "administrator disables it with: Disable-ADAccount '%s'",
                                 user, machine->account, machine->account);
        return -1;
}

static void delete_node(LdapLink *link, const char *node, int node_size, const char *zone) {
        char dn[LDAP_LINK_DN_MAX + 2 * MACHINE_NAME_MAX];
        Error ignored;

        (void)snprintf(dn, sizeof dn, "DC=%.*s,DC=%s,CN=MicrosoftDNS,DC=DomainDnsZones,%s", node_size, node, zone,
                       ldap_link_base(link));
        (void)!ldap_link_delete(link, dn, &ignored);
}

/* A record that was deleted by update stays in the directory as a tombstone, and belongs to our account: after that is
 * gone, another one of our name or address could never have one.  As its owner we may delete it.  Where the domain keeps its
 * zone elsewhere, the next join says what an administrator has to do. */
static void delete_tombstones(const Machine *machine, const char *address) {
        auto_(ldap_link_closep) LdapLink *link = NULL;
        char back[DNS_POINTER_NAME_MAX];
        Error ignored;

        if (ldap_link_open(machine, &link, &ignored) < 0)
                return;
        delete_node(link, machine->host, (int)strcspn(machine->host, "."), machine->domain);
        if (!dns_pointer_name(address, back))
                return;
        /* the zone may be of any size: "0.77.10.in-addr.arpa", "77.10.in-addr.arpa" … */
        for (const char *dot = strchr(back, '.'); dot && dot[1] != 'i'; dot = strchr(dot + 1, '.'))
                delete_node(link, back, (int)(dot - back), dot + 1);
}

static int forget(const Machine *machine, Error *err) {
        char beside[MACHINE_NAME_MAX + 16];

        (void)snprintf(beside, sizeof beside, "%s" ROTATE_SUFFIX, machine->keytab);
        (void)unlink(beside);
        (void)unlink(machine->ccache);
        kdcs_forget(machine);
        if (unlink(machine->keytab) < 0 && errno != ENOENT)
                return error_set(err, ERROR_INTERNAL, errno, "the account %s is deleted, but %s is not; delete it by hand",
                                 machine->account, machine->keytab);
        return 0;
}

int leave_domain(const Machine *machine, const char *user, const char *password, bool keep,
                 char ret_note[static ERROR_TEXT_MAX], Error *err) {
        auto_(visitor_done) Visitor visitor = { 0 };
        char login[MACHINE_NAME_MAX], address[LOCATE_ADDRESS_MAX], tickets[MACHINE_NAME_MAX + 32];
        Controllers all;
        Error why;

        ret_note[0] = '\0';
        if (join_login(user, machine->domain, login, sizeof login, err) < 0 ||
            visitor_sign_in(machine, user, password, &visitor, err) < 0 ||
            locate_nearest(machine->domain, ANSWER_US, &all, err) < 0 ||
            locate_probe(all.list[0].host, KDC_PORT, ANSWER_US, address, err) < 0)
                return -1;
        const char *server = all.list[0].host;
        (void)snprintf(tickets, sizeof tickets, "KRB5CCNAME=FILE:%s", machine->ccache);
        bool ours = locate_has_address(machine->host, address);
        if (ours)       /* one that stays leads to a name that is no more: harmless, and the next host replaces it */
                (void)!dns_pointer_remove(machine, server, address, &why);
        if (ours && dns_record_set(server, machine->host, NULL, tickets, &why) < 0) {
                ours = false;
                Error say;
                (void)error_set(&say, ERROR_UNREACHABLE, 0,
                                "the DNS record of %s is still there (%.200s); an administrator deletes it with: "
                                "Remove-DnsServerResourceRecord -ZoneName %s -Name %.63s -RRType %s",
                                machine->host, why.text, machine->domain, machine->host,
                                strchr(address, ':') ? "AAAA" : "A");
                memcpy(ret_note, say.text, sizeof say.text);
        }
        if (ours)
                delete_tombstones(machine, address);
        if ((keep ? disable_account(machine, &visitor, user, err)
                  : delete_account(machine, server, user, password, err)) < 0) {
                if (ours)
                        (void)!dns_record_set(server, machine->host, address, tickets, &why);
                return -1;
        }
        return forget(machine, err);
}
