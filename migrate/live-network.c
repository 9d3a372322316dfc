/* Over which network a move goes: both hosts' settings, and the addresses that a destination has */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "migrate/live-internal.h"

void live_configure(Live *live, const MoveSettings *moves) {
        (void)pthread_mutex_lock(&live->lock);
        live->config.moves = *moves;
        (void)pthread_mutex_unlock(&live->lock);
}

void live_moves(Live *live, MoveSettings *ret) {
        (void)pthread_mutex_lock(&live->lock);
        *ret = live->config.moves;
        (void)pthread_mutex_unlock(&live->lock);
}

void live_check_way(Live *live, const Channel *channel, Findings *findings) {
        MoveSettings moves;
        char here[INET6_ADDRSTRLEN], networks[FINDING_EXTRA_MAX / 2];

        live_moves(live, &moves);
        if (!moves.enabled) {
                Finding *f = finding_add(findings, FINDING_DISABLED, ERROR_CONFLICT,
                                         "Virtual machine migration is not enabled on %s; switch it on there with "
                                         "Enable-VMMigration", findings->host);
                finding_because(f, "Enable-VMMigration", "VirtualMachineMigrationEnabled is False");
        }
        if (!channel || networks_admit(&moves, &channel_peer(channel)->here))
                return;
        address_text(&channel_peer(channel)->here, here);
        networks_list(&moves, networks, sizeof networks);
        Finding *f = finding_add(findings, FINDING_NETWORK, ERROR_CONFLICT,
                                 "%s receives virtual machines only over its migration networks (%s), and none of "
                                 "its addresses there could be reached; check that this host has a way to that network, "
                                 "or allow all networks there", findings->host, *networks ? networks : "it has none");
        finding_because(f, "Set-VMHost -UseAnyNetworkForMigration $true", "reached at %s", here);
}

void live_limit(unsigned running, unsigned maximum, const char *verb, Findings *findings) {
        Finding *f = finding_add(findings, FINDING_LIMIT, ERROR_LIMIT,
                                 "%s %s %u virtual machines already, which is its limit; wait, or raise it there",
                                 findings->host, verb, running);
        finding_because(f, NULL, "MaximumVirtualMachineMigrations is %u", maximum);
        if (maximum < MOVE_MIGRATIONS_MAX)
                finding_remedy(f, NULL, "Set-VMHost -MaximumVirtualMachineMigrations %u", maximum + 1);
}

/* ---- the destination's addresses ---------------------------------------------------------------- */

static bool address_of(const struct ifaddrs *item, struct in6_addr *ret) {
        char text[INET_ADDRSTRLEN];

        if (!item->ifa_addr || !(item->ifa_flags & IFF_UP) || (item->ifa_flags & IFF_LOOPBACK))
                return false;
        if (item->ifa_addr->sa_family == AF_INET6) {
                *ret = ((const struct sockaddr_in6 *)(const void *)item->ifa_addr)->sin6_addr;
                return !IN6_IS_ADDR_LINKLOCAL(ret);
        }
        return item->ifa_addr->sa_family == AF_INET &&
               inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)item->ifa_addr)->sin_addr, text,
                         sizeof text) &&
               address_parse(text, ret);
}

static size_t own_addresses(const MoveSettings *moves, struct in6_addr to[static MOVE_ADDRESSES_MAX]) {
        struct ifaddrs *list = NULL;
        size_t count = 0;

        if (getifaddrs(&list) < 0)
                return 0;
        for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
                struct in6_addr address;
                if (!address_of(i, &address) || !networks_admit(moves, &address))
                        continue;
                /* of too many, those in a network are worth keeping */
                if (count < MOVE_ADDRESSES_MAX)
                        to[count++] = address;
                else if (networks_find(moves, &address))
                        to[MOVE_ADDRESSES_MAX - 1] = address;
                networks_sort(moves, to, count);
        }
        freeifaddrs(list);
        return count;
}

int live_serve_addresses(Live *live, sd_json_variant **ret, Error *err) {
        auto_(live_unrefp) sd_json_variant *list = NULL;
        struct in6_addr addresses[MOVE_ADDRESSES_MAX];
        MoveSettings moves;

        live_moves(live, &moves);
        size_t count = own_addresses(&moves, addresses);
        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (size_t i = 0; i < count; i++) {
                auto_(live_unrefp) sd_json_variant *item = NULL;
                char text[INET6_ADDRSTRLEN];
                address_text(&addresses[i], text);
                if (sd_json_variant_new_string(&item, text) < 0 || sd_json_variant_append_array(&list, item) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_VARIANT("Addresses", list),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Any", moves.any_network)) < 0)
                return error_oom(err);
        return 0;
}

/* ---- the source's choice ------------------------------------------------------------------------- */

typedef struct Offer {
        struct in6_addr addresses[MOVE_ADDRESSES_MAX];
        size_t count;
        bool any;
} Offer;

/* Older versions do not know the question: their host is reached as the DNS says. */
static int ask_addresses(Channel *channel, Offer *ret, Error *err) {
        auto_(live_unrefp) sd_json_variant *none = NULL, *reply = NULL;

        *ret = (Offer){ .any = true };
        if (sd_json_variant_new_object(&none, NULL, 0) < 0)
                return error_oom(err);
        if (channel_call(channel, "addresses", none, LIVE_CALL_US, &reply, err) < 0)
                return err->kind == ERROR_UNSUPPORTED || err->kind == ERROR_INVALID ? 0 : -1;
        sd_json_variant *list = sd_json_variant_by_key(reply, "Addresses");
        if (!sd_json_variant_is_array(list) || sd_json_variant_elements(list) > MOVE_ADDRESSES_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "%s does not say its addresses as it should",
                                 channel_peer(channel)->host);
        for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
                sd_json_variant *item = sd_json_variant_by_index(list, i);
                if (!sd_json_variant_is_string(item) ||
                    !address_parse(sd_json_variant_string(item), &ret->addresses[ret->count++]))
                        return error_set(err, ERROR_PROTOCOL, 0, "%s names an address that is none",
                                         channel_peer(channel)->host);
        }
        ret->any = live_boolean(reply, "Any");
        return 0;
}

/* True when @channel is what the move should use: it goes to @address already, or now does. */
static bool change_to(Live *live, const struct in6_addr *address, Channel **channel) {
        const ChannelPeer *peer = channel_peer(*channel);
        ChannelHandlers handlers = live_handlers;
        Directory *directory = NULL;
        Channel *better = NULL;
        Machine machine;
        Error why = { 0 };

        if (memcmp(&peer->there, address, sizeof *address) == 0)
                return true;
        handlers.userdata = live;
        if (live_who(live, &machine, &directory, &why) == 0 &&
            channel_connect_at(&machine, directory, peer->host, address, &handlers, &better, &why) == 0) {
                channel_free(*channel);
                *channel = better;
                return true;
        }
        live_say(live, true, NULL, "a migration network is passed over: %s", why.text);
        return false;
}

static void channel_freep(Channel **channel) { channel_free(*channel); }

int live_connect_preferred(Live *live, const char *host, Channel **ret, Error *err) {
        auto_(channel_freep) Channel *channel = NULL;
        MoveSettings moves;
        Offer offer;

        live_moves(live, &moves);
        if (live_connect(live, host, &channel, err) < 0 || ask_addresses(channel, &offer, err) < 0)
                return -1;
        networks_sort(&moves, offer.addresses, offer.count);
        for (size_t i = 0; i < offer.count; i++) {
                /* where neither side has a preference the way by the DNS is as good as any */
                if (offer.any && !networks_find(&moves, &offer.addresses[i]))
                        break;
                if (change_to(live, &offer.addresses[i], &channel))
                        break;
        }
        *ret = take_ptr(channel);
        return 0;
}
