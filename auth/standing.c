#include "auth/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/kerberos.h"
#include "auth/rotate.h"
#include "auth/spn.h"

enum { ANSWER_US = 3 * 1000000, CLOCKS_TRIED = 3 };

static int look_at_clock(const Controllers *all, Standing *s, Error *err) {
        LdapRoot root;

        for (size_t i = 0; i < all->count && i < CLOCKS_TRIED; i++) {
                if (ldap_link_root(all->list[i].host, &root, err) < 0)
                        continue;
                s->ahead_s = (int64_t)time(NULL) - root.time_s;
                memcpy(s->controller, all->list[i].host, sizeof s->controller);
                return 0;
        }
        return -1;
}

static void look_at_dns(const Machine *machine, const Controllers *all, Standing *s) {
        Error ignored;

        if (locate_own_address(all->list[0].host, s->own, &ignored) < 0)
                s->own[0] = '\0';
        s->dns_answered = locate_addresses(machine->host, &s->in_dns, &ignored) == 0;
        for (size_t i = 0; s->dns_answered && i < s->in_dns.count; i++)
                s->dns_right |= locate_is_own(s->in_dns.list[i]);
}

/* While a password changes, the domain is ahead of the keytab for a moment. */
static bool rotating(const Machine *machine) {
        char path[MACHINE_NAME_MAX + 16];
        (void)snprintf(path, sizeof path, "%s" ROTATE_SUFFIX, machine->keytab);
        return access(path, F_OK) == 0;
}

static int look_at_account(const Machine *machine, Directory *directory, Standing *s, Error *err) {
        auto_free DirectoryAccount *own = calloc(1, sizeof *own);
        Machine now;
        Error why = { 0 };

        if (!own)
                return error_oom(err);
        if (directory_account(directory, machine->account, own, err) < 0)
                return -1;
        if (directory_in_fabric(directory, machine->account, &s->in_fabric, &why) < 0 && why.kind != ERROR_NOT_FOUND) {
                *err = why;
                return -1;
        }
        s->enabled = own->enabled;
        s->fabric_there = why.kind != ERROR_NOT_FOUND;  /* for the account is there */
        s->spns_missing = spn_missing(machine, own, s->spn);
        if (s->spns_missing > 0 && directory_spn_holder(directory, s->spn, s->spn_holder, err) < 0)
                return -1;
        s->key_version_there = own->key_version;
        if (!rotating(machine) && machine_load_from(machine->keytab, machine->ccache, &now, &why) == 0)
                s->key_version = now.key_version;
        return 0;
}

void standing_look(const Machine *machine, Directory *directory, Standing *ret) {
        Standing s = { .fabric_there = true };
        Controllers all;

        if (locate_nearest(machine->domain, ANSWER_US, &all, &s.why_not) == 0 &&
            look_at_clock(&all, &s, &s.why_not) == 0) {
                look_at_dns(machine, &all, &s);
                if (s.ahead_s <= KERBEROS_CLOCK_SKEW_S && s.ahead_s >= -KERBEROS_CLOCK_SKEW_S)
                        s.asked = look_at_account(machine, directory, &s, &s.why_not) == 0;
        }
        *ret = s;
}
