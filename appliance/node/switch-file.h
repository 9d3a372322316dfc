/* switch-file.h — a virtual switch as files of systemd-networkd: pure text
 *
 * A switch is a bridge of its name.  The network manager makes it when the host starts and whenever it is told to read
 * its files again, so a switch is there before any machine starts, without us:
 *
 *      10-holdfast-NAME.netdev         the bridge; [X-Holdfast] holds what only we know
 *      10-holdfast-NAME.network        what the host has on it
 *      10-holdfast-NAME-port.network   External: the network card that is plugged into it
 *
 * The card's own file is never touched: when the switch goes, it counts again.
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"
#include "migrate/definition.h"

enum { SWITCH_NOTES_SIZE = 512, SWITCH_FILE_MAX = 64 * 1024 };

typedef enum SwitchType { SWITCH_PRIVATE, SWITCH_INTERNAL, SWITCH_EXTERNAL } SwitchType;        /* Hyper-V's numbers */
const char *switch_type_name(SwitchType type);

typedef struct Switch {
        char name[VM_SWITCH_SIZE];
        SwitchType type;
        bool management;                        /* External: the host has an adapter on it, too */
        char adapter[VM_SWITCH_SIZE];           /* External: the network card */
        char adapter_mac[VM_MAC_SIZE];          /* with management: the bridge keeps the card's address, so the host keeps
                                                 * its DHCP lease */
        char notes[SWITCH_NOTES_SIZE];          /* one line */
} Switch;

/* ERROR_INVALID names the rule: the name is that of a network device, the same on all hosts. */
int switch_check(const Switch *s, Error *err) FAILS;

int switch_netdev(const Switch *s, char **ret, Error *err) FAILS;
/* @card: the text of the card's own .network file, whose settings (all but [Match]) the bridge gets; NULL without. */
int switch_network(const Switch *s, const char *card, char **ret, Error *err) FAILS;
int switch_port(const Switch *s, char **ret, Error *err) FAILS;

/* What switch_netdev() wrote; ERROR_PROTOCOL when it is something else. */
int switch_read(const char *text, Switch *ret, Error *err) FAILS;
