#include "migrate/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_SHIFT = 96 };

bool address_parse(const char *text, struct in6_addr *ret) {
        struct in_addr v4;

        if (inet_pton(AF_INET6, text, ret) == 1)
                return true;
        if (inet_pton(AF_INET, text, &v4) != 1)
                return false;
        *ret = (struct in6_addr){ .s6_addr = { [10] = 0xFF, [11] = 0xFF } };
        (void)memcpy(ret->s6_addr + 12, &v4, sizeof v4);
        return true;
}

void address_text(const struct in6_addr *address, char to[static INET6_ADDRSTRLEN]) {
        bool v4 = IN6_IS_ADDR_V4MAPPED(address);
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, address->s6_addr + (v4 ? 12 : 0), to, INET6_ADDRSTRLEN);
}

/* The bits of byte @i that a prefix of @bits keeps. */
static uint8_t mask_byte(unsigned bits, unsigned i) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        return (uint8_t)(kept >= 8 ? 0xFF : 0xFF << (8 - kept));
}

bool subnet_contains(const Subnet *subnet, const struct in6_addr *address) {
        for (unsigned i = 0; i < 16; i++)
                if ((address->s6_addr[i] & mask_byte(subnet->bits, i)) != subnet->address.s6_addr[i])
                        return false;
        return true;
}

bool subnet_equal(const Subnet *a, const Subnet *b) {
        return a->bits == b->bits && memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

static int read_prefix(const char *text, unsigned most, unsigned *ret) {
        char *end = NULL;
        unsigned long n = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || n > most)
                return -1;
        *ret = (unsigned)n;
        return 0;
}

int subnet_parse(const char *text, Subnet *ret, Error *err) {
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t)(slash - text) : strlen(text);
        char address[INET6_ADDRSTRLEN];
        Subnet subnet = { 0 };

        (void)snprintf(address, sizeof address, "%.*s", (int)n, text);
        if (n >= sizeof address || !address_parse(address, &subnet.address))
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.80s' is no network; write it as 192.168.10.0/24 or 2001:db8::/64, or as one "
                                 "address", text);
        bool v4 = !strchr(address, ':');
        unsigned most = v4 ? 32 : 128, bits = most;
        if (slash && read_prefix(slash + 1, most, &bits) < 0)
                return error_set(err, ERROR_INVALID, 0, "'%.80s': the number behind the slash must be 0 to %u", text,
                                 most);
        subnet.bits = bits + (v4 ? IPV4_SHIFT : 0);
        if (!subnet_contains(&subnet, &subnet.address)) {
                char fits[SUBNET_TEXT_SIZE];
                for (unsigned i = 0; i < 16; i++)
                        subnet.address.s6_addr[i] &= mask_byte(subnet.bits, i);
                subnet_text(&subnet, fits);
                return error_set(err, ERROR_INVALID, 0, "'%.80s' names an address inside the network %s; write the "
                                 "network itself", text, fits);
        }
        *ret = subnet;
        return 0;
}

void subnet_text(const Subnet *subnet, char to[static SUBNET_TEXT_SIZE]) {
        bool v4 = IN6_IS_ADDR_V4MAPPED(&subnet->address) && subnet->bits >= IPV4_SHIFT;
        char address[INET6_ADDRSTRLEN];

        address_text(&subnet->address, address);
        if (subnet->bits == 128)
                (void)snprintf(to, SUBNET_TEXT_SIZE, "%s", address);
        else
                (void)snprintf(to, SUBNET_TEXT_SIZE, "%s/%u", address, subnet->bits - (v4 ? IPV4_SHIFT : 0));
}

const MoveNetwork *networks_find(const MoveSettings *settings, const struct in6_addr *address) {
        for (unsigned i = 0; i < settings->network_count; i++)
                if (subnet_contains(&settings->networks[i].subnet, address))
                        return &settings->networks[i];
        return NULL;
}

bool networks_admit(const MoveSettings *settings, const struct in6_addr *here) {
        return settings->any_network || networks_find(settings, here);
}

static uint64_t rank(const MoveSettings *settings, const struct in6_addr *address) {
        const MoveNetwork *network = networks_find(settings, address);
        return network ? network->priority : UINT64_MAX;
}

void networks_sort(const MoveSettings *settings, struct in6_addr *addresses, size_t count) {
        for (size_t i = 1; i < count; i++) {
                struct in6_addr moved = addresses[i];
                size_t at = i;
                for (; at > 0 && rank(settings, &addresses[at - 1]) > rank(settings, &moved); at--)
                        addresses[at] = addresses[at - 1];
                addresses[at] = moved;
        }
}

int networks_add(MoveSettings *settings, const MoveNetwork *network, Error *err) {
        char text[SUBNET_TEXT_SIZE];
        unsigned at = settings->network_count;

        subnet_text(&network->subnet, text);
        for (unsigned i = 0; i < settings->network_count; i++)
                if (subnet_equal(&settings->networks[i].subnet, &network->subnet))
                        return error_set(err, ERROR_CONFLICT, 0, "the migration network %s is there already; change it "
                                         "with Set-VMMigrationNetwork", text);
        if (settings->network_count == MOVE_NETWORKS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a host has at most %d migration networks; remove one with "
                                 "Remove-VMMigrationNetwork first", MOVE_NETWORKS_MAX);
        for (; at > 0 && settings->networks[at - 1].priority > network->priority; at--)
                settings->networks[at] = settings->networks[at - 1];
        settings->networks[at] = *network;
        settings->network_count++;
        return 0;
}

void networks_remove(MoveSettings *settings, unsigned index) {
        settings->network_count--;
        for (unsigned i = index; i < settings->network_count; i++)
                settings->networks[i] = settings->networks[i + 1];
}

void networks_list(const MoveSettings *settings, char *to, size_t size) {
        size_t used = 0;

        *to = '\0';
        for (unsigned i = 0; i < settings->network_count; i++) {
                char text[SUBNET_TEXT_SIZE];
                subnet_text(&settings->networks[i].subnet, text);
                int n = snprintf(to + used, size - used, "%s%s", used ? ", " : "", text);
                if (n < 0 || (size_t)n >= size - used) {
                        to[used] = '\0';
                        return;
                }
                used += (size_t)n;
        }
}
