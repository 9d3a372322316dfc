/* networks.h — which addresses moves may use: subnets with priorities, and what a host allows; pure
 *
 * A subnet is "192.168.10.0/24", "2001:db8::/64" or one address; IPv4 is kept as ::ffff:a.b.c.d, the way sockets of
 * both families show it.  A lower priority number is preferred (Hyper-V's order).
 *
 * Thread-safe; nothing blocks, no name is looked up.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum {
        MOVE_NETWORKS_MAX = 16,
        MOVE_MIGRATIONS_MAX = 16,       /* at once, in each direction */
        MOVE_ADDRESSES_MAX = 16,        /* of a host that we look at */
        SUBNET_TEXT_SIZE = INET6_ADDRSTRLEN + 4,
};

typedef struct Subnet {
        struct in6_addr address;        /* bits behind the prefix are 0 */
        unsigned bits;                  /* 0…128; of IPv4 96…128 */
} Subnet;

typedef struct MoveNetwork {
        Subnet subnet;
        uint32_t priority;
} MoveNetwork;

typedef struct MoveSettings {           /* what Set-VMHost, Enable-VMMigration and …-VMMigrationNetwork set */
        bool enabled;                   /* else neither incoming nor outgoing moves begin */
        bool any_network;               /* else incoming moves only over addresses inside the networks */
        unsigned maximum;               /* moves at once, incoming and outgoing each */
        unsigned network_count;
        MoveNetwork networks[MOVE_NETWORKS_MAX];        /* the most preferred first: networks_add() */
} MoveSettings;

/* ERROR_INVALID says what is wrong: no address, a prefix out of range, bits behind the prefix. */
int subnet_parse(const char *text, Subnet *ret, Error *err) FAILS;
/* "10.9.0.0/24"; one whole address without its prefix. */
void subnet_text(const Subnet *subnet, char to[static SUBNET_TEXT_SIZE]);
bool subnet_equal(const Subnet *a, const Subnet *b);
bool subnet_contains(const Subnet *subnet, const struct in6_addr *address);

/* "10.9.0.1", "2001:db8::1" → *ret; false for anything else (a scope, a name). */
bool address_parse(const char *text, struct in6_addr *ret);
void address_text(const struct in6_addr *address, char to[static INET6_ADDRSTRLEN]);

/* The most preferred network that @address lies in; NULL when in none. */
const MoveNetwork *networks_find(const MoveSettings *settings, const struct in6_addr *address);
/* May a move come in over a connection to our address @here? */
bool networks_admit(const MoveSettings *settings, const struct in6_addr *here);
/* Puts @addresses in the order in which @settings prefer them; those in no network come last.  Equal ones keep their
 * order. */
void networks_sort(const MoveSettings *settings, struct in6_addr *addresses, size_t count);
/* ERROR_CONFLICT when the subnet is there already, ERROR_LIMIT when there are too many. */
int networks_add(MoveSettings *settings, const MoveNetwork *network, Error *err) FAILS;
void networks_remove(MoveSettings *settings, unsigned index);
/* The subnets, the most preferred first: "10.9.0.0/24, 10.8.0.0/24"; whole ones only, as many as @size holds. */
void networks_list(const MoveSettings *settings, char *to, size_t size);
