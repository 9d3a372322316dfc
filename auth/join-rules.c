/* The pure half of join.h: names, and the meaning of adcli's answers. */
#include "auth/join.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "appliance/base/cleanup.h"
#include "auth/sentence.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum { DOMAIN_MAX = 200, USER_MAX = 200 };      /* leaves room for host and service in a principal */

int join_check_name(const char *name, Error *err) {
        size_t n = strlen(name);

        if (n == 0)
                return error_set(err, ERROR_INVALID, 0, "the computer name is empty");
        if (n > JOIN_NAME_MAX)
                return error_set(err, ERROR_INVALID, 0,
                                 "the computer name '%.64s' has %zu characters and a domain allows "
                                 "%d; choose a shorter one with: Add-Computer -NewName <name>",
                                 name, n, JOIN_NAME_MAX);
        if (strspn(name, LETTERS DIGITS "-") != n || name[0] == '-' || name[n - 1] == '-' ||
            strspn(name, DIGITS) == n)
                return error_set(err, ERROR_INVALID, 0,
                                 "'%s' is not a computer name: letters, digits and hyphens, not "
                                 "at the ends a hyphen, not digits alone",
                                 name);
        return 0;
}

int join_check_domain(const char *domain, Error *err) {
        size_t n = strlen(domain);
        bool good = n > 0 && n <= DOMAIN_MAX && strspn(domain, LETTERS DIGITS "-.") == n && strchr(domain, '.') &&
                    domain[0] != '.' && domain[0] != '-' && domain[n - 1] != '.' && domain[n - 1] != '-' &&
                    !strstr(domain, "..");
        if (!good)
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.64s' is not the DNS name of a domain; write it in full, such "
                                 "as corp.example",
                                 domain);
        return 0;
}

/* "LAB" or "lab.test" before the backslash; a domain whose short name is another one is written user@domain. */
static bool is_domain(const char *prefix, size_t size, const char *domain) {
        return (size == strlen(domain) || size == strcspn(domain, ".")) && strncasecmp(prefix, domain, size) == 0;
}

int join_login(const char *user, const char *domain, char *to, size_t size, Error *err) {
        const char *slash = strrchr(user, '\\'), *name = slash ? slash + 1 : user;

        if (slash && *name && !is_domain(user, (size_t)(slash - user), domain))
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.64s' is not a user of %s by its name; write user@domain with the domain's full "
                                 "name",
                                 user, domain);
        size_t n = strlen(name);

        bool good = n > 0 && n < USER_MAX && n < size && !strpbrk(name, "\"/[]:;|=,+*?<>") && name[0] != '@' &&
                    name[n - 1] != '@';
        for (size_t i = 0; i < n && good; i++)
                good = (unsigned char)name[i] >= ' ' && name[i] != 0x7F;
        if (!good)
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.64s' is not the name of a user; write user, DOMAIN\\user or "
                                 "user@domain",
                                 user);
        memcpy(to, name, n + 1);
        for (char *realm = strchr(to, '@'); realm && *realm; realm++)
                if (*realm >= 'a' && *realm <= 'z')
                        *realm = (char)(*realm - ('a' - 'A'));
        return 0;
}

/* The last line of adcli's stderr, as met on a Samba 4.22 domain; the first row that fits speaks. */
static const struct {
        int status;                     /* 0: any but success */
        bool prestaged;                 /* only without a user */
        const char *contains;           /* in the last line */
        ErrorKind kind;
        const char *sentence;
} meanings[] = {
        { 0, false, "Clock skew too great", ERROR_DENIED,
          "the clock of this host differs from the domain's by more than 5 minutes; set the time (timedatectl "
          "set-time), then repeat the command" },
        { 3, true, "Preauthentication failed", ERROR_DENIED,
          "the one-time password for {account} is wrong or was used before; an administrator gives a new one with: "
          "Set-ADAccountPassword '{account}' -Reset" },
        { 3, true, "not found in Kerberos database", ERROR_NOT_FOUND,
          "the domain {domain} has no pre-staged account {account}; an administrator makes it with: New-ADComputer "
          "{computer} -AccountPassword (Read-Host -AsSecureString) -Enabled $true" },
        { 3, true, "credentials have been revoked", ERROR_DENIED,
          "the account {account} is disabled; an administrator enables it with: Enable-ADAccount '{account}'" },
        { 3, false, "Preauthentication failed", ERROR_DENIED,
          "the password of {user} is wrong; nothing was changed, repeat the command" },
        { 3, false, "not found in Kerberos database", ERROR_NOT_FOUND,
          "the domain {domain} has no user {user}; check the name" },
        { 3, false, "credentials have been revoked", ERROR_DENIED,
          "the user {user} is disabled, locked or expired; an administrator looks with: Get-ADUser {user}" },
        { 3, false, "New password cannot be zero length", ERROR_DENIED,
          "the user {user} must change the password first; sign in once on another computer, then repeat the "
          "command" },
        { 3, false, "Password has expired", ERROR_DENIED,
          "the password of {user} has expired; change it on another computer, then repeat the command" },
        { 0, false, "Message stream modified", ERROR_CONFLICT,
          "the domain controller changed the password of {account} but its answer was damaged (Windows Server 2025 "
          "does that); an administrator resets the account with: Set-ADAccountPassword '{account}' -Reset, then "
          "join with -Credential '{account}'" },
        { 0, false, "usable domain controller", ERROR_UNREACHABLE,
          "no domain controller of {domain} could be used; check DNS and that ports 88, 389 and 464 are open" },
        { 0, false, "organizational unit does not exist", ERROR_NOT_FOUND,
          "the domain {domain} has no organizational unit {ou}; check it with: "
          "Get-ADOrganizationalUnit -Filter *" },
        { 0, true, "Insufficient permissions", ERROR_DENIED,
          "the account {account} may not complete its own join; an administrator deletes it and makes it again "
          "with New-ADComputer" },
        { 0, false, "Insufficient permissions", ERROR_DENIED,
          "the user {user} may not add or change the computer account {account}{inou}; an administrator delegates "
          "'create computer objects' and full control of them there, or pre-stages the account" },
        { 0, false, "Cannot contact any KDC", ERROR_UNREACHABLE,
          "no domain controller of {domain} answered Kerberos; check that port 88 (TCP and UDP) is open" },
};

int join_explain(const JoinRequest *request, const char *computer, int status, const char *line, Error *err) {
        char account[JOIN_NAME_MAX + 2], in_ou[256] = "", text[ERROR_TEXT_MAX];

        (void)snprintf(account, sizeof account, "%.*s$", JOIN_NAME_MAX, computer);
        if (request->ou)
                (void)snprintf(in_ou, sizeof in_ou, " in %s", request->ou);
        const SentenceWord words[] = {
                { "account", account },         { "computer", computer }, { "domain", request->domain },
                { "user", request->user },      { "ou", request->ou },    { "inou", in_ou },
                { NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
                if ((meanings[i].status && meanings[i].status != status) ||
                    (meanings[i].prestaged && request->user) || !strstr(line, meanings[i].contains))
                        continue;
                sentence_fill(text, sizeof text, meanings[i].sentence, words);
                return error_set(err, meanings[i].kind, status, "%s", text);
        }
        return error_set(err, ERROR_INTERNAL, status,
                         "joining %s failed: %.300s (adcli ended with %d); look at the "
                         "account %s in the directory before trying again",
                         request->domain, *line ? line : "adcli gave no reason", status, account);
}

static int krb5_conf(const char *domain, const char *libdefaults, const char *kdc, char *to, size_t size,
                     Error *err) {
        char realm[DOMAIN_MAX + 1], lower[DOMAIN_MAX + 1];

        if (join_check_domain(domain, err) < 0)
                return -1;
        size_t n = strlen(domain);
        for (size_t i = 0; i <= n; i++) {
                bool big = domain[i] >= 'A' && domain[i] <= 'Z', little = domain[i] >= 'a' && domain[i] <= 'z';
                realm[i] = (char)(little ? domain[i] - ('a' - 'A') : domain[i]);
                lower[i] = (char)(big ? domain[i] + ('a' - 'A') : domain[i]);
        }
        int wanted = snprintf(to, size,
                              "# written by Add-Computer\n"
                              "[libdefaults]\n"
                              "        default_realm = %s\n"
                              "        dns_lookup_realm = false\n"
                              "        rdns = false\n"
                              "        dns_canonicalize_hostname = false\n"
                              "%s"
                              "\n"
                              "[domain_realm]\n"
                              "        %s = %s\n"
                              "        .%s = %s\n", realm, libdefaults, lower, realm, lower, realm);
        if (wanted >= 0 && (size_t)wanted < size && kdc) {
                size_t at = (size_t)wanted;
                wanted = snprintf(to + at, size - at,
                                  "\n"
                                  "[realms]\n"
                                  "        %s = {\n"
                                  "                kdc = %s\n"
                                  "                kpasswd_server = %s\n"
                                  "        }\n", realm, kdc, kdc);
                size -= at;
        }
        if (wanted < 0 || (size_t)wanted >= size)
                return error_set(err, ERROR_LIMIT, 0, "the domain's name is too long");
        return 0;
}

int join_krb5_conf(const char *domain, char *to, size_t size, Error *err) {
        return krb5_conf(domain, "        dns_lookup_kdc = true\n", NULL, to, size, err);
}

int join_krb5_conf_pinned(const char *domain, const char *server, const char *ccache, char *to, size_t size,
                          Error *err) {
        char more[256];

        /* TCP first: it is what was seen to answer */
        (void)snprintf(more, sizeof more,
                       "        dns_lookup_kdc = false\n"
                       "        udp_preference_limit = 1\n"
                       "        default_ccache_name = FILE:%.100s\n", ccache);
        return krb5_conf(domain, more, server, to, size, err);
}
