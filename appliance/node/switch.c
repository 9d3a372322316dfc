#include "appliance/node/switch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/switch-host.h"
#include "migrate/host.h"
#include "smb/disk/unit.h"

#define FOLDER "/etc/systemd/network"
#define NETWORKD "org.freedesktop.network1"

static const uint64_t UNIT_US = 30 * 1000000, STAND_US = 15 * 1000000;
enum { PATH_SIZE = 160, LOOK_MS = 50 };

static const char *const kinds[] = { ".netdev", ".network", "-port.network" };
enum { NETDEV, NETWORK, PORT, KINDS };

static void path_of(const char *name, int kind, char to[static PATH_SIZE]) {
        (void)snprintf(to, PATH_SIZE, FOLDER "/10-holdfast-%s%s", name, kinds[kind]);
}

/* ---- what there is ------------------------------------------------------------------------------- */

static bool is_card(const Link *l) {
        return !l->loopback && *l->mac && strcmp(l->kind, "bridge") != 0 && strcmp(l->kind, "tun") != 0;
}

/* Ours by its file; else what its ports say. */
static int look(const Link *bridge, const Link *links, size_t count, SwitchInfo *ret, Error *err) {
        auto_free char *text = NULL;
        char path[PATH_SIZE];
        SwitchInfo info = { 0 };
        Error ignored = { 0 };

        path_of(bridge->name, NETDEV, path);
        if (switch_host_file(path, &text, err) < 0)
                return -1;
        info.ours = text && switch_read(text, &info.s, &ignored) == 0 && strcmp(info.s.name, bridge->name) == 0;
        if (!info.ours) {
                info.s = (Switch){ .type = SWITCH_INTERNAL };
                (void)snprintf(info.s.name, sizeof info.s.name, "%s", bridge->name);
                for (size_t i = 0; i < count && info.s.type == SWITCH_INTERNAL; i++)
                        if (links[i].master == bridge->index && is_card(&links[i])) {
                                info.s.type = SWITCH_EXTERNAL;
                                info.s.management = true;
                                (void)snprintf(info.s.adapter, sizeof info.s.adapter, "%s", links[i].name);
                        }
        }
        (void)memcpy(info.mac, bridge->mac, sizeof info.mac);
        if (switch_host_id(bridge->name, info.id, err) < 0)
                return -1;
        *ret = info;
        return 0;
}

static int by_name(const void *a, const void *b) {
        return strcasecmp(((const SwitchInfo *)a)->s.name, ((const SwitchInfo *)b)->s.name);
}

int switch_list(SwitchInfo **ret, size_t *ret_count, Error *err) {
        auto_free SwitchInfo *list = calloc(SWITCHES_MAX, sizeof *list);
        auto_free Link *links = NULL;
        size_t count = 0, link_count = 0;

        if (!list)
                return error_oom(err);
        if (links_list(&links, &link_count, err) < 0)
                return -1;
        for (size_t i = 0; count < SWITCHES_MAX && i < link_count; i++)
                if (strcmp(links[i].kind, "bridge") == 0 && strcmp(links[i].name, VM_SWITCH_NONE) != 0 &&
                    look(&links[i], links, link_count, &list[count++], err) < 0)
                        return -1;
        qsort(list, count, sizeof *list, by_name);
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}

static int link_named(const char *name, Link *ret, char ret_master[static VM_SWITCH_SIZE], Error *err) {
        auto_free Link *links = NULL;
        const Link *found = NULL;
        size_t count = 0;

        ret_master[0] = '\0';
        if (links_list(&links, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (strcmp(links[i].name, name) == 0)
                        found = &links[i];
        if (!found)
                return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a network adapter with name \"%.64s\"; "
                                 "`ip link` lists those of this host", name);
        for (size_t i = 0; found->master && i < count; i++)
                if (links[i].index == found->master)
                        (void)memcpy(ret_master, links[i].name, VM_SWITCH_SIZE);
        *ret = *found;
        return 0;
}

int switch_card(const char *name, Link *ret, Error *err) {
        char master[VM_SWITCH_SIZE];
        Link link;

        if (link_named(name, &link, master, err) < 0)
                return -1;
        if (!is_card(&link))
                return error_set(err, ERROR_INVALID, 0, "%s is no network card, but a bridge, a loopback or a machine's own "
                                 "adapter", name);
        *ret = link;
        return 0;
}

/* Whether the card is plugged into that switch. */
static bool plugged(const Switch *s) {
        char master[VM_SWITCH_SIZE];
        Error ignored = { 0 };
        Link link;

        return link_named(s->adapter, &link, master, &ignored) == 0 && strcmp(master, s->name) == 0;
}

int switch_find(const char *name, SwitchInfo *ret, Error *err) {
        auto_free SwitchInfo *list = NULL;
        size_t count = 0;

        if (switch_list(&list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (text_equal_nocase(list[i].s.name, name)) {
                        *ret = list[i];
                        return 0;
                }
        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a virtual switch with name \"%.64s\".", name);
}

/* ---- making ------------------------------------------------------------------------------------- */

/* Reads its files again, and makes what they say. */
static int reload(Error *err) {
        auto_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        auto_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (unit_start("systemd-networkd.service", UNIT_US, err) < 0)
                return -1;
        int r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_call_method(bus, NETWORKD, "/org/freedesktop/network1", NETWORKD ".Manager", "Reload", &error, NULL,
                                       NULL);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "systemd-networkd does not read its files: %s; look at `networkctl` "
                                 "and `journalctl -u systemd-networkd`", error.message ? error.message : strerror(-r));
        return 0;
}

static bool stands(const Switch *s) {
        return vmhost_switch_exists(s->name) && (s->type != SWITCH_EXTERNAL || plugged(s));
}

static int wait_for(const Switch *s, bool there, Error *err) {
        const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

        for (uint64_t waited = 0; there ? !stands(s) : vmhost_switch_exists(s->name); waited += LOOK_MS * 1000) {
                if (waited >= STAND_US)
                        return error_set(err, ERROR_TIMEOUT, 0, "systemd-networkd has not %s the switch \"%s\"; look at "
                                         "`networkctl status %s` and `journalctl -u systemd-networkd`",
                                         there ? "made" : "removed", s->name, s->name);
                (void)nanosleep(&pause, NULL);
        }
        return 0;
}

/* What the files say now, and what they said: to be put back. */
typedef struct Files {
        const char *name;
        char *before[KINDS];
        bool armed;
} Files;

static void files_end(Files *f) {
        char path[PATH_SIZE];
        Error ignored = { 0 };

        for (int i = 0; i < KINDS; i++) {
                path_of(f->name, i, path);
                if (f->armed && f->before[i])
                        (void)!switch_host_write(path, f->before[i], &ignored);
                else if (f->armed)
                        (void)unlink(path);
                free(f->before[i]);
        }
        if (f->armed)
                (void)!reload(&ignored);
}

static int write_kind(const Switch *s, int kind, const char *card, Error *err) {
        auto_free char *text = NULL;
        char path[PATH_SIZE];
        int r = kind == NETDEV ? switch_netdev(s, &text, err) :
                kind == NETWORK ? switch_network(s, card, &text, err) : switch_port(s, &text, err);

        path_of(s->name, kind, path);
        return r < 0 ? -1 : switch_host_write(path, text, err);
}

/* The card's own settings go to the bridge, when the network manager has made them: then it can make them there. */
static int card_settings(const Switch *s, char **ret, Error *err) {
        bool configured = switch_host_has_address(s->adapter);
        char master[VM_SWITCH_SIZE];
        Link card;

        if (switch_card(s->adapter, &card, err) < 0 || link_named(s->adapter, &card, master, err) < 0)
                return -1;
        if (*master && strcmp(master, s->name) != 0)
                return error_set(err, ERROR_CONFLICT, 0, "the network adapter %s is plugged into %s already; remove it there "
                                 "first", s->adapter, master);
        if (*master)            /* of this switch already: its .network file stays as it is */
                return 0;
        if (!s->management)
                return configured ? error_set(err, ERROR_CONFLICT, 0, "the network adapter %s carries addresses of this host, "
                                              "which would be cut off: give -AllowManagementOS $true, and they move to the "
                                              "switch", s->adapter)
                                  : 0;
        if (switch_host_card_file(s->adapter, ret, err) < 0)
                return -1;
        if (configured && !*ret)
                return error_set(err, ERROR_CONFLICT, 0, "the network adapter %s has its addresses from somewhere else than "
                                 "systemd-networkd, which could not give them to the switch; configure %s in " FOLDER
                                 ", or take its addresses away and give -AllowManagementOS $false", s->adapter, s->adapter);
        return 0;
}

int switch_make(const Switch *s, Error *err) {
        auto_(files_end) Files files = { .name = s->name };
        auto_free char *card = NULL;
        char path[PATH_SIZE];

        if (switch_check(s, err) < 0)
                return -1;
        for (int i = 0; i < KINDS; i++) {
                path_of(s->name, i, path);
                if (switch_host_file(path, &files.before[i], err) < 0)
                        return -1;
        }
        if (s->type == SWITCH_EXTERNAL && card_settings(s, &card, err) < 0)
                return -1;
        files.armed = true;
        bool keeps = s->type == SWITCH_EXTERNAL && plugged(s);
        if (write_kind(s, NETDEV, NULL, err) < 0 || (!keeps && write_kind(s, NETWORK, card, err) < 0))
                return -1;
        path_of(s->name, PORT, path);
        if (s->type == SWITCH_EXTERNAL) {
                if (write_kind(s, PORT, NULL, err) < 0)
                        return -1;
        } else
                (void)unlink(path);
        if (reload(err) < 0 || wait_for(s, true, err) < 0)
                return -1;
        files.armed = false;
        return 0;
}

/* The bridge itself needs a capability that we do without: a unit of its own deletes it. */
int switch_remove(const SwitchInfo *info, Error *err) {
        auto_free char *unit = text_format("holdfast-switch-delete@%s.service", info->s.name);
        char path[PATH_SIZE];

        if (!unit)
                return error_oom(err);
        if (!info->ours)
                return error_set(err, ERROR_CONFLICT, 0, "the bridge \"%s\" was not made by New-VMSwitch; remove it where it "
                                 "was configured", info->s.name);
        for (int i = KINDS - 1; i >= 0; i--) {
                path_of(info->s.name, i, path);
                if (unlink(path) < 0 && errno != ENOENT)
                        return error_set(err, ERROR_INTERNAL, errno, "%s cannot be deleted: %m", path);
        }
        if (reload(err) < 0 || (vmhost_switch_exists(info->s.name) && unit_start(unit, UNIT_US, err) < 0))
                return -1;
        return wait_for(&info->s, false, err);
}
