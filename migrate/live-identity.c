/* How the hosts of a comparison stand in their domain: each looks at itself, the source explains why it cannot reach one. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "appliance/base/clock.h"
#include "auth/spn.h"
#include "migrate/compare-internal.h"
#include "migrate/live-internal.h"

enum { CLOCK_STEP_US = 1000000 };       /* NTP's small corrections are no step */

struct LiveLook {
        Live *live;
        pthread_t thread;
        Findings findings;
};

static struct timespec changed_at(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/* ---- this host ------------------------------------------------------------------------------------------ */

/* What this host itself can see change ends the old answer; for the rest it is as old as the directory's answers are. */
static bool is_current(Live *live, const Machine *machine) {
        int64_t step = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME) - live->standing_clock_us;
        struct timespec key = changed_at(machine->keytab);

        return (uint64_t)clock_us(CLOCK_BOOTTIME) < live->standing_until_us && step < CLOCK_STEP_US &&
               step > -CLOCK_STEP_US && key.tv_sec == live->standing_key.tv_sec &&
               key.tv_nsec == live->standing_key.tv_nsec &&
               (!live->standing.own[0] || locate_is_own(live->standing.own));
}

static void look_anew(Live *live, const Machine *machine, Directory *directory) {
        live->standing_key = changed_at(machine->keytab);
        standing_look(machine, directory, &live->standing);
        live->standing_clock_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME);
        live->standing_until_us = (uint64_t)clock_us(CLOCK_BOOTTIME) + DIRECTORY_CACHE_US;
}

static void *look(void *userdata) {
        LiveLook *it = userdata;
        Live *live = it->live;
        Findings *findings = &it->findings;
        Directory *directory;
        Machine machine;
        Error ignored;

        if (live_who(live, &machine, &directory, &ignored) < 0)
                return NULL;
        (void)snprintf(findings->host, sizeof findings->host, "%s", machine.host);
        (void)pthread_mutex_lock(&live->standing_lock);
        bool known = is_current(live, &machine);
        if (!known)
                look_anew(live, &machine, directory);
        compare_identity(&machine, &live->standing, findings);
        if (known && findings->count > 0) {     /* an administrator may have just mended it */
                findings->count = 0;
                look_anew(live, &machine, directory);
                compare_identity(&machine, &live->standing, findings);
        }
        (void)pthread_mutex_unlock(&live->standing_lock);
        return NULL;
}

LiveLook *live_look_begin(Live *live) {
        LiveLook *it = calloc(1, sizeof *it);

        if (!it)
                return NULL;
        it->live = live;
        if (pthread_create(&it->thread, NULL, look, it) == 0)
                return it;
        free(it);
        return NULL;
}

bool live_look_end(LiveLook *it, Findings *findings) {
        if (!it)
                return false;
        (void)pthread_join(it->thread, NULL);
        findings_append(findings, &it->findings);
        bool blocks = findings_block(&it->findings);
        free(it);
        return blocks;
}

/* ---- another host --------------------------------------------------------------------------------------- */

typedef struct Facts {
        DirectoryAccount account;
        LocateAddresses in_dns;
        Findings findings;
        ComparePeer peer;
} Facts;

/* "hv2", "hv2.lab.test" → "hv2$": computers are looked up without case. */
static int account_of(const char *host, char to[static MACHINE_NAME_MAX], Error *err) {
        size_t n = strcspn(host, ".");

        if (n == 0 || n + 2 > MACHINE_NAME_MAX)
                return error_set(err, ERROR_INVALID, 0, "'%.64s' is not the name of a host", host);
        (void)memcpy(to, host, n);
        (void)memcpy(to + n, "$", 2);
        return 0;
}

static int learn(const Machine *machine, Directory *directory, const char *destination, Facts *facts, Error *err) {
        char account[MACHINE_NAME_MAX], spn[DIRECTORY_SPN_MAX];
        Machine it = { 0 };
        Error why = { 0 };

        if (account_of(destination, account, err) < 0 ||
            directory_account(directory, account, &facts->account, err) < 0)
                return -1;
        (void)snprintf(facts->findings.host, sizeof facts->findings.host, "%s",
                       facts->account.host[0] ? facts->account.host : destination);
        if (directory_in_fabric(directory, facts->account.account, &facts->peer.in_fabric, &why) < 0 &&
            why.kind != ERROR_NOT_FOUND) {
                *err = why;
                return -1;
        }
        facts->peer.fabric_there = why.kind != ERROR_NOT_FOUND; /* for the account is there */
        (void)memcpy(it.account, facts->account.account, sizeof it.account);
        (void)memcpy(it.host, facts->findings.host, sizeof it.host);
        if (spn_missing(&it, &facts->account, spn) > 0 &&
            directory_spn_holder(directory, spn, facts->peer.spn_holder, err) < 0)
                return -1;
        if (locate_addresses(facts->findings.host, &facts->in_dns, &why) == 0)
                facts->peer.in_dns = &facts->in_dns;
        facts->peer.account = &facts->account;
        return 0;
}

bool live_explain(Live *live, const char *destination, const Error *why, Findings *findings) {
        auto_free Facts *facts = calloc(1, sizeof *facts);
        Directory *directory;
        Machine machine;
        Error ignored;

        if (!facts || live_who(live, &machine, &directory, &ignored) < 0 ||
            learn(&machine, directory, destination, facts, &ignored) < 0)
                return false;
        facts->peer.why = why;
        compare_identity_peer(&facts->peer, &facts->findings);
        findings_append(findings, &facts->findings);
        return facts->findings.count > 0;
}
