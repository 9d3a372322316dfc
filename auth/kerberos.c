#include "auth/kerberos.h"

#include <errno.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/sentence.h"

#define CLOCK "the clock of this host differs from the domain's by more than 5 minutes; set the time " \
              "(timedatectl set-time), then repeat the command"
#define UNREACHABLE "no domain controller of {realm} answered; check the DNS server in /etc/resolv.conf and that " \
                    "port 88 (TCP and UDP) of the domain controllers is open"
#define STALE_KEY "the key in {keytab} is no longer that of {account} (a restored backup, or another host joined " \
                  "under this name); join again with: Add-Computer -DomainName {domain}"
#define NO_KEYTAB "this host has not joined a domain (no usable key in {keytab}); join it with: " \
                  "Add-Computer -DomainName <domain> -Credential <user>"
#define PEER_KEY "{target} does not have the key the domain has for it; run Add-Computer again there, then " \
                 "repeat the command"
#define NO_TICKET "this host has no valid ticket as {account}; see why with: systemctl status holdfastd"

static const struct {
        krb5_error_code code;
        ErrorKind kind;
        const char *sentence;
} meanings[] = {
        { KRB5KRB_AP_ERR_SKEW, ERROR_DENIED, CLOCK },
        { KRB5_KDCREP_SKEW, ERROR_DENIED, CLOCK },
        { KRB5KRB_AP_ERR_TKT_NYV, ERROR_DENIED, CLOCK },
        { KRB5KDC_ERR_NEVER_VALID, ERROR_DENIED, CLOCK },

        { KRB5KDC_ERR_PREAUTH_FAILED, ERROR_DENIED, STALE_KEY },
        { KRB5KRB_AP_ERR_BAD_INTEGRITY, ERROR_DENIED, STALE_KEY },
        { KRB5_PREAUTH_FAILED, ERROR_DENIED, STALE_KEY },
        { KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERROR_DENIED,
          "the domain {domain} has no account {account} (deleted, or not replicated yet); join again with: "
          "Add-Computer -DomainName {domain}" },
        { KRB5KDC_ERR_CLIENT_REVOKED, ERROR_DENIED,
          "the account {account} is disabled or locked; an administrator enables it with: "
          "Enable-ADAccount '{account}'" },
        { KRB5KDC_ERR_KEY_EXP, ERROR_DENIED,
          "the password of {account} has expired; join again with: Add-Computer -DomainName {domain}" },
        { KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, ERROR_NOT_FOUND,
          "the domain {domain} knows no host {target}; check the name, and that {target} has joined the domain" },

        { KRB5_KDC_UNREACH, ERROR_UNREACHABLE, UNREACHABLE },
        { KRB5_REALM_UNKNOWN, ERROR_UNREACHABLE, UNREACHABLE },
        { KRB5_REALM_CANT_RESOLVE, ERROR_UNREACHABLE, UNREACHABLE },
        { KRB5KDC_ERR_SVC_UNAVAILABLE, ERROR_UNREACHABLE, UNREACHABLE },

        { ENOENT, ERROR_NOT_FOUND, NO_KEYTAB },
        { KRB5_KT_NOTFOUND, ERROR_NOT_FOUND, NO_KEYTAB },
        { KRB5_KEYTAB_BADVNO, ERROR_NOT_FOUND, NO_KEYTAB },
        { KRB5_KT_FORMAT, ERROR_NOT_FOUND, NO_KEYTAB },
        { KRB5_KT_IOERR, ERROR_NOT_FOUND, NO_KEYTAB },
        { KRB5_KT_END, ERROR_NOT_FOUND, NO_KEYTAB },

        { KRB5_FCC_NOFILE, ERROR_NOT_FOUND, NO_TICKET },
        { KRB5_CC_NOTFOUND, ERROR_NOT_FOUND, NO_TICKET },
        { KRB5_CC_FORMAT, ERROR_NOT_FOUND, NO_TICKET },
        { KRB5KRB_AP_ERR_TKT_EXPIRED, ERROR_DENIED,
          "the other side's ticket has expired; check the clocks of both hosts, then repeat the command" },

        { KRB5KRB_AP_ERR_MODIFIED, ERROR_DENIED, PEER_KEY },
        { KRB5KRB_AP_ERR_BADKEYVER, ERROR_DENIED, PEER_KEY },
        { KRB5KRB_AP_ERR_NOKEY, ERROR_DENIED, PEER_KEY },
        { KRB5KRB_AP_WRONG_PRINC, ERROR_DENIED, PEER_KEY },
        { KRB5_KT_KVNONOTFOUND, ERROR_DENIED, PEER_KEY },
        { KRB5KRB_AP_ERR_NOT_US, ERROR_DENIED, PEER_KEY },
        { KRB5KRB_AP_ERR_REPEAT, ERROR_DENIED, "a Kerberos token was sent twice; it is refused as a replay" },
};

int kerberos_error(Error *err, krb5_error_code code, const Machine *machine, const char *target,
                   const char *detail) {
        const SentenceWord words[] = {
                { "realm", machine->realm },
                { "domain", machine->domain[0] ? machine->domain : "<domain>" },
                { "account", machine->account[0] ? machine->account : "this host" },
                { "keytab", machine->keytab[0] ? machine->keytab : MACHINE_KEYTAB_PATH },
                { "target", target ? target : "the other host" },
                { NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
                if (meanings[i].code != code)
                        continue;
                char text[ERROR_TEXT_MAX];
                sentence_fill(text, sizeof text, meanings[i].sentence, words);
                return error_set(err, meanings[i].kind, code, "%s", text);
        }
        return error_set(err, ERROR_DENIED, code, "Kerberos refused %s%s%s: %s (code %d)",
                         machine->account[0] ? machine->account : "this host", target ? " towards " : "",
                         target ? target : "", detail && *detail ? detail : "no reason given", code);
}

static bool means(int cause, const char *sentence) {
        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
                if (meanings[i].code == cause && strcmp(meanings[i].sentence, sentence) == 0)
                        return true;
        return false;
}

bool kerberos_is_clock(int cause) { return means(cause, CLOCK) || cause == KRB5KRB_AP_ERR_TKT_EXPIRED; }

bool kerberos_is_old_key(int cause) { return means(cause, STALE_KEY) || cause == KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN; }

bool kerberos_is_peer_key(int cause) { return means(cause, PEER_KEY); }

bool kerberos_is_disabled(int cause) { return cause == KRB5KDC_ERR_CLIENT_REVOKED; }
