#include "auth/spn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

/* "host" is how other hosts reach this one.  The last one is asked for by Windows' tools alone. */
static const char *const services[] = { "host", "RestrictedKrbHost", "HTTP", "WSMAN", "cifs",
                                        "Microsoft Virtual System Migration Service" };

_Static_assert(SPN_COUNT == 2 * ARRAY_SIZE(services), "each under two names");

void spn_name(const Machine *machine, unsigned i, char to[static DIRECTORY_SPN_MAX]) {
        const char *service = services[i / 2];

        if (i % 2 == 0)
                (void)snprintf(to, DIRECTORY_SPN_MAX, "%s/%.*s", service,
                               (int)(strcspn(machine->account, "$") % DIRECTORY_SPN_MAX), machine->account);
        else
                (void)snprintf(to, DIRECTORY_SPN_MAX, "%s/%.200s", service, machine->host);
}

unsigned spn_missing(const Machine *machine, const DirectoryAccount *account, char ret_first[static DIRECTORY_SPN_MAX]) {
        unsigned missing = 0;

        ret_first[0] = '\0';
        for (unsigned i = 0; i < SPN_COUNT; i++) {
                char spn[DIRECTORY_SPN_MAX];
                spn_name(machine, i, spn);
                if (directory_account_has(account, spn))
                        continue;
                if (missing++ == 0)
                        memcpy(ret_first, spn, sizeof spn);
        }
        return missing;
}

/* Why the domain did not take @spn, with who has it. */
static int explain(const Machine *machine, Directory *directory, const char *spn, Error *err) {
        char holder[MACHINE_NAME_MAX];
        Error ignored;

        if (directory_spn_holder(directory, spn, holder, &ignored) == 0 && holder[0] &&
            !text_equal_nocase(holder, machine->account))
                return error_set(err, ERROR_CONFLICT, 0,
                                 "the name %s belongs to the account %s, so that nobody gets a ticket for this host by "
                                 "it; an administrator takes it away there with: setspn -D \"%s\" %s",
                                 spn, holder, spn, holder);
        return error_wrap(err, "the domain does not let %s have the name %s", machine->account, spn);
}

int spn_keep(const Machine *machine, Directory *directory, unsigned *ret_added, Error *err) {
        auto_free DirectoryAccount *own = calloc(1, sizeof *own);
        char spn[DIRECTORY_SPN_MAX];
        int r = 0;

        if (!own)
                return error_oom(err);
        *ret_added = 0;
        if (directory_account(directory, machine->account, own, err) < 0)
                return -1;
        if (!text_equal_nocase(own->host, machine->host) &&
            directory_set_host(directory, own, machine->host, err) < 0)
                return error_wrap(err, "the domain does not let %s call itself %s", machine->account, machine->host);
        for (unsigned i = 0; i < SPN_COUNT; i++) {
                Error why = { 0 };
                spn_name(machine, i, spn);
                if (directory_account_has(own, spn))
                        continue;
                if (directory_add_spn(directory, own, spn, &why) == 0)
                        (*ret_added)++;
                else if (r == 0) {
                        r = explain(machine, directory, spn, &why);
                        *err = why;
                }
        }
        return r;
}
