#include "auth/address.h"

#include <stdio.h>
#include <string.h>

#include "auth/dns-pointer.h"
#include "auth/dns-record.h"

enum { ANSWER_US = 3 * 1000000 };

/* What an administrator or a deleted account has registered, this host may not replace. */
static int refused(const Machine *machine, const char *own, Error *err) {
        if (!strstr(err->text, "REFUSED"))
                return error_wrap(err, "the address %s of %s could not be registered in DNS", own, machine->host);
        return error_set(err, ERROR_DENIED, 0,
                         "the address %s of %s could not be registered in DNS: there is a record of that name which belongs to "
                         "another account; an administrator deletes it with: Remove-DnsServerResourceRecord -ZoneName %s -Name "
                         "%.*s -RRType %s", own, machine->host, machine->domain, (int)strcspn(machine->host, "."),
                         machine->host, strchr(own, ':') ? "AAAA" : "A");
}

int address_keep(const Machine *machine, char known[static LOCATE_ADDRESS_MAX], bool *ret_set, Error *err) {
        char own[LOCATE_ADDRESS_MAX], tickets[MACHINE_NAME_MAX + 32];
        Controllers all;

        *ret_set = false;
        if (locate_controllers(machine->domain, &all, err) < 0 || locate_own_address(all.list[0].host, own, err) < 0)
                return -1;
        if (strcmp(own, known) == 0)
                return 0;
        /* an address of this link alone is for nobody else */
        if (!strchr(own, '%') && !locate_has_address(machine->host, own)) {
                (void)snprintf(tickets, sizeof tickets, "KRB5CCNAME=FILE:%s", machine->ccache);
                if (locate_nearest(machine->domain, ANSWER_US, &all, err) < 0 ||
                    dns_record_set(all.list[0].host, machine->host, own, tickets, err) < 0)
                        return refused(machine, own, err);
                *ret_set = true;
        }
        memcpy(known, own, sizeof own);
        return 0;
}

int address_keep_pointer(const Machine *machine, const char *before, const char *now, bool *ret_set, Error *err) {
        Controllers all;
        Error ignored;

        *ret_set = false;
        if (locate_nearest(machine->domain, ANSWER_US, &all, err) < 0)
                return -1;
        if (*before && strcmp(before, now) != 0)
                (void)!dns_pointer_remove(machine, all.list[0].host, before, &ignored);
        return dns_pointer_keep(machine, all.list[0].host, now, ret_set, err);
}
