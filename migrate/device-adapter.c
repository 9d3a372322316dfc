/* device-adapter.c — network adapters; see device.h */
#include "migrate/device-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TRIES_MAX = 64 };

static int index_of(const VmDefinition *d, const char *mac) {
        for (unsigned i = 0; i < d->adapter_count; i++)
                if (text_equal_nocase(d->adapters[i].mac, mac))
                        return (int)i;
        return -1;
}

static int no_adapter(const VmDefinition *d, const char *mac, Error *err) {
        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a network adapter with the address %s in "
                         "\"%s\"; it may have been removed.", mac, d->name);
}

/* Other hosts draw from the same 2^24 addresses; two of a thousand machines meet once in thirty fabrics, so a
 * machine of this host is looked at, and Set-VMNetworkAdapter -StaticMacAddress settles the rest. */
int host_new_mac(VmHost *host, char to[static VM_MAC_SIZE], Error *err) {
        auto_free VmInfo *list = NULL;
        size_t count = 0;

        if (vmhost_list(host, vmhost_skip, NULL, &list, &count, err) < 0)
                return -1;
        for (int tries = 0; tries < TRIES_MAX; tries++) {
                uint8_t r[3];
                bool taken = false;
                if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
                        return error_set(err, ERROR_INTERNAL, errno, "no random numbers");
                (void)snprintf(to, VM_MAC_SIZE, "52:54:00:%02x:%02x:%02x", r[0], r[1], r[2]);
                for (size_t i = 0; i < count; i++)
                        taken |= index_of(&list[i].definition, to) >= 0;
                if (!taken)
                        return 0;
        }
        return error_set(err, ERROR_LIMIT, 0, "no free MAC address was found; give one with -StaticMacAddress");
}

static int switch_must_exist(const char *name, Error *err) {
        if (!*name || vmhost_switch_exists(name))
                return 0;
        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a virtual switch with name \"%.64s\".", name);
}

static int apply_add(Change *c, VmDefinition *d, bool running, Error *err) {
        VmAdapter *a = c->adapter;
        bool taken[VM_ADAPTERS_MAX] = { false };

        if (device_must_be_off(c, running, "a network adapter is added to a generation 1 machine", err) < 0)
                return -1;
        if (d->adapter_count == VM_ADAPTERS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "\"%s\" has %d network adapters already, which is the most; remove "
                                 "one first", d->name, VM_ADAPTERS_MAX);
        for (unsigned i = 0; i < d->adapter_count; i++)
                taken[d->adapters[i].slot] = true;
        for (a->slot = 0; taken[a->slot];)
                a->slot++;
        d->adapters[d->adapter_count++] = *a;
        return 0;
}

int device_add_adapter(VmHost *host, const char *vm, VmAdapter *adapter, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        if (switch_must_exist(adapter->switch_name, err) < 0 || (!*adapter->mac && host_new_mac(host, adapter->mac, err) < 0))
                return -1;
        c->adapter = adapter;
        c->apply = apply_add;
        return device_change(host, vm, c, err);
}

static int apply_remove(Change *c, VmDefinition *d, bool running, Error *err) {
        int i = index_of(d, c->mac);

        if (i < 0)
                return no_adapter(d, c->mac, err);
        if (device_must_be_off(c, running, "a network adapter is removed from a generation 1 machine", err) < 0)
                return -1;
        definition_take_adapter(d, (unsigned)i);
        return 0;
}

int device_remove_adapter(VmHost *host, const char *vm, const char *mac, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        c->mac = mac;
        c->apply = apply_remove;
        return device_change(host, vm, c, err);
}

static void replace(char *to, size_t size, const char *value) {
        (void)memset(to, 0, size);
        (void)snprintf(to, size, "%s", value);
}

static int apply_change(Change *c, VmDefinition *d, bool running, Error *err) {
        const AdapterChange *change = c->adapter_change;
        int i = index_of(d, c->mac);

        if (i < 0)
                return no_adapter(d, c->mac, err);
        VmAdapter *a = &d->adapters[i];
        if (change->new_mac) {
                if (device_must_be_off(c, running, "the MAC address is changed", err) < 0)
                        return -1;
                a->static_mac = *change->new_mac != '\0';
                replace(a->mac, sizeof a->mac, c->adapter->mac);
        }
        if (change->switch_name)
                replace(a->switch_name, sizeof a->switch_name, change->switch_name);
        if (change->name)
                replace(a->name, sizeof a->name, change->name);
        c->index = i;
        return 0;
}

static int live_change(Change *c, virDomainPtr domain, Error *err) {
        auto_free char *xml = NULL;

        if (definition_write_adapter(&c->running, (unsigned)c->index, &xml, err) < 0)
                return -1;
        return device_update(c, domain, xml, err);
}

int device_change_adapter(VmHost *host, const char *vm, const char *mac, const AdapterChange *change,
                          char ret_mac[static VM_MAC_SIZE], Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);
        VmAdapter with = { 0 };

        if (!c)
                return error_oom(err);
        if (change->switch_name && switch_must_exist(*change->switch_name ? change->switch_name : VM_SWITCH_NONE, err) < 0)
                return -1;
        if (change->new_mac && !*change->new_mac && host_new_mac(host, with.mac, err) < 0)
                return -1;
        if (change->new_mac && *change->new_mac)
                (void)snprintf(with.mac, sizeof with.mac, "%s", change->new_mac);
        c->mac = mac;
        c->adapter = &with;
        c->adapter_change = change;
        c->apply = apply_change;
        c->live = change->switch_name ? live_change : NULL;
        int r = device_change(host, vm, c, err);
        if (r == 0)
                (void)snprintf(ret_mac, VM_MAC_SIZE, "%s", change->new_mac ? with.mac : mac);
        return r;
}
