/* compare-identity.c — whether a host is in its domain what it says it is: clock, name, key, group; pure
 *
 * compare_identity() judges the host it runs on.  compare_identity_peer() judges another host that could not be
 * reached, by what the domain has of it and by the words in which it refused: only where both fit is there a finding.
 */
#include "migrate/compare-internal.h"

#include <errno.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "auth/kerberos.h"
#include "auth/spn.h"
#include "migrate/channel.h"

#define REPAIR "Test-ComputerSecureChannel -Repair"
#define REPAIR_BY_HAND REPAIR " -Credential Administrator"
#define CLOCK_REMEDY "timedatectl set-ntp true"

/* ---- findings that both have ---------------------------------------------------------------------------- */

static void not_in_group(const char *account, bool group_there, Findings *findings) {
        char remedy[FINDING_EXTRA_MAX];
        Finding *f;

        if (!group_there) {
                f = finding_add(findings, FINDING_FABRIC, ERROR_NOT_FOUND,
                                "the domain of %s has no group '" DIRECTORY_FABRIC_GROUP "', which says who may receive "
                                "virtual machines; an administrator makes it and adds the accounts of the hosts",
                                findings->host);
                finding_because(f, "New-ADGroup '" DIRECTORY_FABRIC_GROUP "' -GroupScope Global",
                                "no group '" DIRECTORY_FABRIC_GROUP "'");
                return;
        }
        f = finding_add(findings, FINDING_FABRIC, ERROR_DENIED,
                        "%s is not in the group '" DIRECTORY_FABRIC_GROUP "', so that no other host lets it in; an "
                        "administrator adds it", account);
        (void)snprintf(remedy, sizeof remedy, "Add-ADGroupMember '" DIRECTORY_FABRIC_GROUP "' '%.100s'", account);
        finding_because(f, remedy, "%s is not among the members, nor in a group among them", account);
}

static void disabled(const char *account, Findings *findings) {
        char remedy[FINDING_EXTRA_MAX];
        Finding *f = finding_add(findings, FINDING_ACCOUNT, ERROR_DENIED,
                                 "the computer account %s is disabled, so that nobody lets it in; an administrator "
                                 "enables it", account);

        (void)snprintf(remedy, sizeof remedy, "Enable-ADAccount '%.100s'", account);
        finding_because(f, remedy, "userAccountControl has ACCOUNTDISABLE");
}

/* A name that somebody may have chosen so that it does more in a shell. */
static bool is_plain(const char *account) {
        return strspn(account, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               strcspn(account, "$") && strlen(account) <= strcspn(account, "$") + 1;
}

static void lacks_names(const char *account, unsigned missing, const char *spn, const char *holder, Findings *findings) {
        Finding *f;

        if (*holder)
                f = finding_add(findings, FINDING_SPN, ERROR_CONFLICT,
                                "the service principal name %s belongs to the account %s and not to %s: who asks for a "
                                "ticket for %s by it gets one that this host cannot open; an administrator moves it",
                                spn, holder, account, findings->host);
        else
                f = finding_add(findings, FINDING_SPN, ERROR_NOT_FOUND,
                                "the account %s lacks the service principal name %s: nobody gets a ticket for %s by it; "
                                "let the host write it again", account, spn, findings->host);
        finding_because(f, *holder ? NULL : REPAIR, "%u of %d names are missing, the first is %.100s%s%.60s", missing,
                        SPN_COUNT, spn, *holder ? ", which is on " : "", holder);
        if (*holder && is_plain(holder)) {
                finding_remedy(f, NULL, "setspn -D \"%s\" %s", spn, holder);
                finding_remedy(f, NULL, "setspn -S \"%s\" %s", spn, account);
        }
}

/* ---- this host --------------------------------------------------------------------------------------------- */

static void check_clock(const Standing *s, Findings *findings) {
        uint64_t off = s->ahead_s < 0 ? (uint64_t)-s->ahead_s : (uint64_t)s->ahead_s;

        if (!s->controller[0] || off <= KERBEROS_CLOCK_SKEW_S)
                return;
        Finding *f = finding_add(findings, FINDING_CLOCK, ERROR_DENIED,
                                 "the clock of %s is %llu minutes %s that of the domain controller %s and Kerberos "
                                 "allows 5; set it from the domain's time source", findings->host,
                                 (unsigned long long)(off / 60), s->ahead_s < 0 ? "behind" : "ahead of", s->controller);
        finding_because(f, CLOCK_REMEDY, "%lld seconds against %s", (long long)s->ahead_s, s->controller);
}

static void check_name(const Machine *machine, const Standing *s, Findings *findings) {
        char list[FINDING_EXTRA_MAX / 2] = "";
        Finding *f;

        if (!s->dns_answered || s->dns_right)
                return;
        for (size_t i = 0, n = 0; i < s->in_dns.count && n < sizeof list; i++)
                n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", s->in_dns.list[i]);
        if (s->in_dns.count == 0)
                f = finding_add(findings, FINDING_NAME, ERROR_NOT_FOUND,
                                "the DNS has no address for %s, so that other hosts do not find it; let it register "
                                "its address", machine->host);
        else
                f = finding_add(findings, FINDING_NAME, ERROR_CONFLICT,
                                "the DNS says that %s is at %s, which is no address of this host: other hosts do not "
                                "find it; let it register its address", machine->host, list);
        finding_because(f, REPAIR, "it is at %s; the DNS has %s", *s->own ? s->own : "an unknown address",
                        *list ? list : "none");
}

static void stale_key(const Machine *machine, const char *host, Findings *findings, const char *evidence) {
        Finding *f = finding_add(findings, FINDING_KEY, ERROR_DENIED,
                                 "the key of %s on %s is no longer the one that the domain has for it (a restored backup, or "
                                 "another host joined under this name); give it a new one with the password of somebody "
                                 "who may join computers", machine->account, host);
        finding_because(f, REPAIR_BY_HAND, "%s", evidence);
}

static void check_key(const Machine *machine, const Standing *s, Findings *findings) {
        char evidence[FINDING_EXTRA_MAX];

        if (s->key_version == 0 || s->key_version >= s->key_version_there)
                return;
        (void)snprintf(evidence, sizeof evidence, "%.120s has version %u, the domain version %u", machine->keytab,
                       s->key_version, s->key_version_there);
        stale_key(machine, findings->host, findings, evidence);
}

/* The directory did not answer: because of what this host is, or for a reason that is not its own. */
static void why_not_asked(const Machine *machine, const Standing *s, Findings *findings) {
        if (kerberos_is_old_key(s->why_not.cause)) {
                stale_key(machine, findings->host, findings, s->why_not.text);
                return;
        }
        if (kerberos_is_disabled(s->why_not.cause)) {
                disabled(machine->account, findings);
                return;
        }
        Finding *f = finding_add(findings, FINDING_DOMAIN, s->why_not.kind,
                                 "how %s stands in its domain cannot be looked at now: %s", findings->host,
                                 s->why_not.text);
        finding_because(f, NULL, "%.200s", s->why_not.text);
        finding_advise(f);
}

void compare_identity(const Machine *machine, const Standing *s, Findings *findings) {
        size_t before = findings->count;

        check_clock(s, findings);
        if (findings->count > before)
                return;         /* with that clock nothing else can be known */
        check_name(machine, s, findings);
        if (!s->asked) {
                why_not_asked(machine, s, findings);
                return;
        }
        if (!s->enabled)
                disabled(machine->account, findings);
        else if (!s->in_fabric)
                not_in_group(machine->account, s->fabric_there, findings);
        if (s->spns_missing > 0)
                lacks_names(machine->account, s->spns_missing, s->spn, s->spn_holder, findings);
        check_key(machine, s, findings);
}

static bool distrusts(const Finding *f) {
        return !f->advice && (f->id == FINDING_CLOCK || f->id == FINDING_KEY || f->id == FINDING_ACCOUNT || f->id == FINDING_FABRIC);
}

void compare_identity_first(Findings *findings, const char *host) {
        bool distrusted = false;
        size_t kept = 0;

        for (size_t i = 0; i < findings->count; i++)
                distrusted |= text_equal_nocase(findings->list[i].host, host) && distrusts(&findings->list[i]);
        for (size_t i = 0; i < findings->count; i++) {
                const Finding *f = &findings->list[i];
                if (distrusted && text_equal_nocase(f->host, host) &&
                    (f->id == FINDING_SHARE_ACCESS || f->id == FINDING_DISK))
                        continue;
                if (kept != i)
                        findings->list[kept] = *f;
                kept++;
        }
        findings->count = kept;
}

/* ---- another host ------------------------------------------------------------------------------------------ */

static void peer_key(const ComparePeer *peer, Findings *findings) {
        Machine machine = { 0 };
        char evidence[FINDING_EXTRA_MAX];

        (void)snprintf(machine.account, sizeof machine.account, "%s", peer->account->account);
        (void)snprintf(evidence, sizeof evidence, "it cannot open a ticket; the domain has version %u of its key",
                       peer->account->key_version);
        stale_key(&machine, findings->host, findings, evidence);
}

static void peer_clock(const Error *why, Findings *findings) {
        Finding *f = finding_add(findings, FINDING_CLOCK, ERROR_DENIED,
                                 "the clock of %s differs from that of the domain by more than the 5 minutes that "
                                 "Kerberos allows; set it from the domain's time source", findings->host);
        finding_because(f, CLOCK_REMEDY, "%.200s", why->text);
}

/* The port is closed: somebody is there, and no holdfastd. */
static void peer_service(const ComparePeer *peer, Findings *findings) {
        const char *address = peer->in_dns->list[0];
        Finding *f = finding_add(findings, FINDING_SERVICE, ERROR_UNREACHABLE,
                                 "%s answers at %s, but Holdfast does not run there; start it (or, when another machine has "
                                 "that address, let %s register its own with " REPAIR ")", findings->host, address,
                                 findings->host);
        finding_because(f, "systemctl start holdfastd", "%.200s", peer->why->text);
}

static void peer_name(const ComparePeer *peer, Findings *findings) {
        const char *address = peer->in_dns && peer->in_dns->count > 0 ? peer->in_dns->list[0] : NULL;
        Finding *f;

        if (!address)
                f = finding_add(findings, FINDING_NAME, ERROR_NOT_FOUND,
                                "the DNS has no address for %s; let that host register it", findings->host);
        else if (peer->why->cause == CHANNEL_CAUSE_OTHER_HOST)
                f = finding_add(findings, FINDING_NAME, ERROR_CONFLICT,
                                "the DNS says that %s is at %s, where another host answers; let it register its address",
                                findings->host, address);
        else
                f = finding_add(findings, FINDING_NAME, ERROR_UNREACHABLE,
                                "%s does not answer at %s, where it is by the DNS; check that it is up and that this is "
                                "its address, and else let it register the right one", findings->host, address);
        finding_because(f, REPAIR, "%.200s", peer->why->text);
}

void compare_identity_peer(const ComparePeer *peer, Findings *findings) {
        const DirectoryAccount *account = peer->account;
        char spn[DIRECTORY_SPN_MAX];
        size_t before = findings->count;
        Machine machine = { 0 };

        (void)snprintf(machine.account, sizeof machine.account, "%s", account->account);
        (void)snprintf(machine.host, sizeof machine.host, "%s", findings->host);
        if (!account->enabled)
                disabled(account->account, findings);
        else if (!peer->in_fabric)
                not_in_group(account->account, peer->fabric_there, findings);
        unsigned missing = spn_missing(&machine, account, spn);
        if (missing > 0)
                lacks_names(account->account, missing, spn, peer->spn_holder, findings);
        if (findings->count > before)
                return;         /* that is why */
        if (kerberos_is_clock(peer->why->cause))
                peer_clock(peer->why, findings);
        else if (kerberos_is_peer_key(peer->why->cause))
                peer_key(peer, findings);
        else if (peer->in_dns && peer->in_dns->count > 0 && peer->why->kind == ERROR_UNREACHABLE &&
                 peer->why->cause == ECONNREFUSED)
                peer_service(peer, findings);
        else if (peer->in_dns && (peer->in_dns->count == 0 || peer->why->kind == ERROR_UNREACHABLE ||
                                  peer->why->cause == CHANNEL_CAUSE_OTHER_HOST))
                peer_name(peer, findings);
}
