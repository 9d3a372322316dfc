#include "appliance/node/upkeep.h"

#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/node/node-internal.h"
#include "auth/address.h"
#include "auth/spn.h"

#define DAY_US (24 * 3600 * 1000000ULL)

void upkeep_forget(Node *node) {
        node->address[0] = '\0';
        node->upkeep_again_us = 0;
}

/* Each failure once. */
static void complain(Node *node, const Machine *machine, bool *said, int r, const Error *err) {
        const LogField fields[] = { { "PRINCIPAL", machine->principal }, { NULL, NULL } };

        if (r < 0 && !*said)
                log_write(LOG_WARNING, LOG_ID_IDENTITY, fields, "%s; trying again every minute", err->text);
        *said = r < 0;
}

/* The address may change while the host runs: a lease, a new network. */
static int keep_address(Node *node, const Machine *machine, bool *ret_changed, Error *err) {
        const LogField fields[] = { { "PRINCIPAL", machine->principal }, { NULL, NULL } };
        char before[LOCATE_ADDRESS_MAX];
        bool set = false;

        memcpy(before, node->address, sizeof before);
        int r = address_keep(machine, node->address, &set, err);
        if (set)
                log_write(LOG_NOTICE, LOG_ID_IDENTITY, fields, "DNS has the address %s of %s now", node->address,
                          machine->host);
        *ret_changed = strcmp(before, node->address) != 0;
        return r;
}

/* Somebody else's zone or record is said once, and tried again the next day; a controller that was slow, at the next look. */
static void keep_pointer(Node *node, const Machine *machine, const char *before) {
        const LogField fields[] = { { "PRINCIPAL", machine->principal }, { NULL, NULL } };
        Error err = { 0 };
        bool set = false;

        int r = address_keep_pointer(machine, before, node->address, &set, &err);
        node->pointer_again = r < 0 && err.kind != ERROR_DENIED;
        if (r < 0 && !node->pointer_refused)
                log_write(LOG_WARNING, LOG_ID_IDENTITY, fields, "%s; trying again %s", err.text,
                          node->pointer_again ? "every minute" : "tomorrow");
        if (set)
                log_write(LOG_NOTICE, LOG_ID_IDENTITY, fields, "DNS leads from %s to %s now", node->address, machine->host);
        node->pointer_refused = r < 0;
}

static int keep_names(Node *node, const Machine *machine, Error *err) {
        const LogField fields[] = { { "PRINCIPAL", machine->principal }, { NULL, NULL } };
        Directory *directory = NULL;
        unsigned added = 0;

        if (node_directory(node, &directory, err) < 0)
                return -1;
        int r = spn_keep(machine, directory, &added, err);
        if (added > 0)
                log_write(LOG_NOTICE, LOG_ID_IDENTITY, fields, "%u service principal name%s of %s %s written anew", added,
                          added > 1 ? "s" : "", machine->account, added > 1 ? "were" : "was");
        return r;
}

/* @first_err: of the two. */
static int keep(Node *node, Error *first_err) {
        Machine machine;
        Error err = { 0 };
        bool changed = false;

        if (node_machine(node, &machine, first_err) < 0)
                return -1;
        char before[LOCATE_ADDRESS_MAX];
        bool due = clock_us(CLOCK_BOOTTIME) >= node->upkeep_again_us;
        memcpy(before, node->address, sizeof before);
        if (due)
                node->address[0] = '\0';
        int address = keep_address(node, &machine, &changed, &err), names = 0;
        complain(node, &machine, &node->address_refused, address, &err);
        if (address < 0)
                *first_err = err;
        if (address == 0 && (due || changed || node->pointer_again))
                keep_pointer(node, &machine, before);
        if (due || changed || node->names_refused) {
                names = keep_names(node, &machine, &err);
                complain(node, &machine, &node->names_refused, names, &err);
                if (names < 0 && address == 0)
                        *first_err = err;
        }
        if (address == 0 && names == 0 && due)
                node->upkeep_again_us = clock_us(CLOCK_BOOTTIME) + DAY_US;
        return address < 0 || names < 0 ? -1 : 0;
}

void upkeep_look(Node *node) {
        Error said = { 0 };
        (void)!keep(node, &said);
}

int upkeep_now(Node *node, Error *err) {
        upkeep_forget(node);
        return keep(node, err);
}
