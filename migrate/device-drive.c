/* device-drive.c — disks and DVD drives; see device.h */
#include "migrate/device-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "migrate/vhd.h"
#include "smb/share/files.h"

enum { DETACH_WAIT_MS = 20000, DETACH_LOOK_MS = 100 };

static void where(VmSlot slot, char to[static 64]) {
        (void)snprintf(to, 64, "location %u of %s controller %u", slot.location, vm_bus_name(slot.bus),
                       slot.controller);
}

static int no_drive(const VmDefinition *d, VmSlot slot, const char *kind, Error *err) {
        char place[64];

        where(slot, place);
        return error_set(err, ERROR_NOT_FOUND, 0, "Hyper-V was unable to find a %s at %s of \"%s\".", kind, place, d->name);
}

static int must_be_free(const VmDefinition *d, VmSlot slot, Error *err) {
        char place[64];

        where(slot, place);
        if (!vm_slot_exists(slot))
                return error_set(err, ERROR_INVALID, 0, "\"%s\" has no %s; a machine has IDE controllers 0 and 1 with "
                                 "locations 0 and 1, and SCSI controller 0 with locations 0 to 63", d->name, place);
        if (definition_disk_at(d, slot) >= 0 || definition_dvd_at(d, slot) >= 0)
                return error_set(err, ERROR_CONFLICT, 0, "A drive is already attached at %s of \"%s\"; choose another, "
                                 "or remove it first", place, d->name);
        return 0;
}

static int room_for_disk(const VmDefinition *d, Error *err) {
        return d->disk_count < VM_DISKS_MAX
                       ? 0 : error_set(err, ERROR_LIMIT, 0, "\"%s\" has %d hard disks already, which is the most; remove "
                                       "one first", d->name, VM_DISKS_MAX);
}

static int exists_on_share(const char *unc, Error *err) {
        bool exists = false, is_folder = false;

        if (files_exists(unc, &exists, &is_folder, err) < 0)
                return -1;
        return exists && !is_folder ? 0 : error_set(err, ERROR_NOT_FOUND, 0, "'%.300s' is not there; check the path", unc);
}

/* ---- the disk process of a disk that a running machine gets -------------------------------------- */

/* The term of the machine's disks, or a new one when it had none so far. */
static int own_term(Change *c, uint64_t *ret, Error *err) {
        const char *folder = c->vm.definition.folder;
        Ledger ledger = { 0 };

        if (ledger_read(folder, &ledger, err) < 0)
                return -1;
        if (!*ledger.host) {
                if (ledger_next_epoch(&ledger, &ledger.epoch, err) < 0)
                        return -1;
                ledger.since_us = clock_us(CLOCK_REALTIME);
                vmhost_name(c->host, ledger.host);
                if (ledger_write(folder, &ledger, err) < 0)
                        return -1;
        }
        *ret = ledger.epoch;
        return 0;
}

static int own_disk(Change *c, Error *err) {
        char user[VM_NAME_SIZE];
        DiskStatus status;
        uint64_t epoch = 0;

        if (host_disk_user(c->host, &c->file, 1, user, err) < 0)
                return -1;
        if (*user)
                return error_set(err, ERROR_CONFLICT, 0, "%s was not added: \"%s\" runs on this host and uses it; turn "
                                 "that off first", c->file.unc, user);
        if (own_term(c, &epoch, err) < 0 || disk_stop(&c->file, err) < 0)       /* a leftover: nobody runs with it */
                return -1;
        if (disk_start(&c->file, &status, err) < 0)
                return error_wrap(err, "%s was not added", c->file.unc);
        c->started = true;
        if (disk_acquire(&c->file, epoch, &status, err) < 0)
                return err->kind != ERROR_CONFLICT
                               ? error_wrap(err, "%s was not added", c->file.unc)
                               : error_set(err, ERROR_CONFLICT, err->cause, "%s was not added: somebody else has it open "
                                           "for writing; the file server knows who (Get-SmbOpenFile, smbstatus -L)",
                                           c->file.unc);
        return 0;
}

/* Only when QEMU does not have it after all: a disk is never taken from under a machine. */
static void give_back(Change *c) {
        char user[VM_NAME_SIZE] = "";
        Error ignored = { 0 };

        if (c->started && host_disk_user(c->host, &c->file, 1, user, &ignored) == 0 && !*user)
                (void)!disk_stop(&c->file, &ignored);
}

/* ---- disks --------------------------------------------------------------------------------------- */

static int apply_add(Change *c, VmDefinition *d, bool running, Error *err) {
        if (must_be_free(d, c->slot, err) < 0 || room_for_disk(d, err) < 0 ||
            (c->slot.bus == VM_IDE &&
             device_must_be_off(c, running, "a disk is added to an IDE controller", err) < 0))
                return -1;
        definition_put_disk(d, c->file.unc, c->slot);
        c->index = definition_disk_at(d, c->slot);
        return 0;
}

static int live_attach(Change *c, virDomainPtr domain, Error *err) {
        auto_free char *xml = NULL;

        if (definition_write_disk(&c->running, (unsigned)c->index, &xml, err) < 0)
                return -1;
        if (virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return libvirt_error(err, "%s was not added to \"%s\"", c->file.unc, c->vm.definition.name);
        return 0;
}

int device_add_disk(VmHost *host, const char *vm, const char *unc, VmSlot slot, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);
        VhdInfo info;

        if (!c)
                return error_oom(err);
        if (vhd_info(host, unc, &info, err) < 0 || disk_name(unc, &c->file, err) < 0)
                return -1;
        c->slot = slot;
        c->disk = &c->file;
        c->apply = apply_add;
        c->prepare = own_disk;
        c->live = live_attach;
        c->undo = give_back;
        return device_change(host, vm, c, err);
}

static int apply_remove(Change *c, VmDefinition *d, bool running, Error *err) {
        int i = definition_disk_at(d, c->slot);

        if (i < 0)
                return no_drive(d, c->slot, "hard disk drive", err);
        if (c->slot.bus == VM_IDE && device_must_be_off(c, running, "a disk is taken from an IDE controller", err) < 0)
                return -1;
        if (disk_name(d->disks[i], &c->file, err) < 0)
                return -1;
        definition_take_disk(d, (unsigned)i);
        return 0;
}

static bool still_there(virDomainPtr domain, const DiskName *disk) {
        auto_free char *xml = virDomainGetXMLDesc(domain, 0);

        return !xml || strstr(xml, disk->nbd_socket);   /* an unknown answer counts as there */
}

/* The guest is asked to let go; libvirt says that it was asked, not that it did. */
static int live_detach(Change *c, virDomainPtr domain, Error *err) {
        const VmDefinition *now = &c->vm.definition;
        const struct timespec pause = { .tv_nsec = DETACH_LOOK_MS * 1000000L };
        auto_free char *xml = NULL;
        int i = definition_disk_at(now, c->slot);

        if (definition_write_disk(now, (unsigned)i, &xml, err) < 0)
                return -1;
        if (virDomainDetachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return libvirt_error(err, "%s was not removed from \"%s\"", c->file.unc, now->name);
        for (int waited = 0; still_there(domain, &c->file); waited += DETACH_LOOK_MS) {
                if (waited >= DETACH_WAIT_MS)
                        return error_set(err, ERROR_TIMEOUT, 0, "the guest of \"%s\" does not let go of %s; take it "
                                         "out of use there, or turn the machine off first", now->name, c->file.unc);
                (void)nanosleep(&pause, NULL);
        }
        return 0;
}

/* Flushed and closed: others may have it from now on.  Otherwise the keeper tries again. */
static void let_go(Change *c) {
        Error ignored = { 0 };
        if (c->vm.active)
                (void)!disk_stop(&c->file, &ignored);
}

int device_remove_disk(VmHost *host, const char *vm, VmSlot slot, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        c->slot = slot;
        c->apply = apply_remove;
        c->live = live_detach;
        c->live_first = true;
        c->done = let_go;
        return device_change(host, vm, c, err);
}

static int apply_change_disk(Change *c, VmDefinition *d, bool running, Error *err) {
        char path[DISK_UNC_MAX];
        int i = definition_disk_at(d, c->slot);

        if (i < 0)
                return no_drive(d, c->slot, "hard disk drive", err);
        if (device_must_be_off(c, running, "a disk is moved or exchanged", err) < 0)
                return -1;
        (void)snprintf(path, sizeof path, "%s", c->path ? c->file.unc : d->disks[i]);
        definition_take_disk(d, (unsigned)i);
        VmSlot slot = c->to ? *c->to : c->slot;
        if (must_be_free(d, slot, err) < 0)
                return -1;
        definition_put_disk(d, path, slot);
        return 0;
}

int device_change_disk(VmHost *host, const char *vm, VmSlot slot, const VmSlot *to, const char *unc, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);
        VhdInfo info;

        if (!c)
                return error_oom(err);
        if (unc && (vhd_info(host, unc, &info, err) < 0 || disk_name(unc, &c->file, err) < 0))
                return -1;
        c->slot = slot;
        c->to = to;
        c->path = unc;
        c->disk = unc ? &c->file : NULL;
        c->apply = apply_change_disk;
        return device_change(host, vm, c, err);
}

/* ---- DVD drives ---------------------------------------------------------------------------------- */

int device_check_iso(const char *path, char ret_unc[static DISK_UNC_MAX], Error *err) {
        size_t n = strlen(path);
        DiskName name;

        if (!vhd_is_unc(path))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' lies on this host only, and no other host could read it "
                                 "after a move: copy the ISO file onto an SMB 3 share and name it there, for example "
                                 "\\\\fs1\\vms\\iso\\setup.iso", path);
        if (n < 4 || !text_equal_nocase(path + n - 4, ".iso"))
                return error_set(err, ERROR_UNSUPPORTED, 0, "'%.300s' is no ISO file by its extension; a DVD drive takes "
                                 ".iso files on a share", path);
        if (disk_name(path, &name, err) < 0)
                return -1;
        (void)snprintf(ret_unc, DISK_UNC_MAX, "%s", name.unc);
        return 0;
}

static int apply_add_dvd(Change *c, VmDefinition *d, bool running, Error *err) {
        if (device_must_be_off(c, running, "a DVD drive is added", err) < 0 || must_be_free(d, c->slot, err) < 0)
                return -1;
        if (c->slot.bus != VM_IDE)
                return error_set(err, ERROR_INVALID, 0, "the DVD drives of \"%s\" are on its IDE controllers", d->name);
        VmDvd *dvd = &d->dvds[d->dvd_count++];  /* a drive per IDE location at most: there is room */
        dvd->slot = c->slot;
        (void)snprintf(dvd->path, sizeof dvd->path, "%s", c->path);
        return 0;
}

int device_add_dvd(VmHost *host, const char *vm, const char *iso, VmSlot slot, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        if (*iso && exists_on_share(iso, err) < 0)
                return -1;
        c->slot = slot;
        c->path = iso;
        c->apply = apply_add_dvd;
        return device_change(host, vm, c, err);
}

static int apply_remove_dvd(Change *c, VmDefinition *d, bool running, Error *err) {
        int i = definition_dvd_at(d, c->slot);

        if (i < 0)
                return no_drive(d, c->slot, "DVD drive", err);
        if (device_must_be_off(c, running, "a DVD drive is removed", err) < 0)
                return -1;
        definition_take_dvd(d, (unsigned)i);
        return 0;
}

int device_remove_dvd(VmHost *host, const char *vm, VmSlot slot, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        c->slot = slot;
        c->apply = apply_remove_dvd;
        return device_change(host, vm, c, err);
}

static int apply_change_dvd(Change *c, VmDefinition *d, bool running, Error *err) {
        int i = definition_dvd_at(d, c->slot);

        if (i < 0)
                return no_drive(d, c->slot, "DVD drive", err);
        VmDvd dvd = d->dvds[i];
        if (c->to && !vm_slot_equal(*c->to, c->slot)) {
                if (device_must_be_off(c, running, "a DVD drive is moved", err) < 0 ||
                    must_be_free(d, *c->to, err) < 0)
                        return -1;
                dvd.slot = *c->to;
        }
        c->old_medium.id[0] = '\0';
        if (*dvd.path && definition_medium(d, &dvd, &c->old_medium, err) < 0)
                return -1;
        if (c->path) {
                (void)memset(dvd.path, 0, sizeof dvd.path);
                (void)snprintf(dvd.path, sizeof dvd.path, "%s", c->path);
        }
        d->dvds[i] = dvd;
        c->index = i;
        return !c->path || !*c->path ? 0 : definition_medium(d, &dvd, &c->file, err);
}

/* A medium that another drive of the machine has, too, has its process already. */
static int open_medium(Change *c, Error *err) {
        char user[VM_NAME_SIZE];
        DiskStatus status;

        if (!c->path || !*c->path)
                return 0;
        if (host_disk_user(c->host, &c->file, 1, user, err) < 0)
                return -1;
        if (*user)
                return 0;
        if (disk_stop(&c->file, err) < 0)
                return -1;
        if (disk_start(&c->file, &status, err) < 0)
                return error_wrap(err, "the medium was not changed");
        c->started = true;
        return 0;
}

static int live_medium(Change *c, virDomainPtr domain, Error *err) {
        auto_free char *xml = NULL;

        if (definition_write_dvd(&c->running, (unsigned)c->index, &xml, err) < 0)
                return -1;
        /* Forced, as Hyper-V does it: a guest that has locked the tray is told that the medium is gone. */
        if (virDomainUpdateDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_DEVICE_MODIFY_FORCE) < 0)
                return libvirt_error(err, "the medium of \"%s\" was not changed", c->vm.definition.name);
        return 0;
}

static void close_medium(Change *c) {
        char user[VM_NAME_SIZE] = "";
        Error ignored = { 0 };

        if (c->vm.active && *c->old_medium.id && host_disk_user(c->host, &c->old_medium, 1, user, &ignored) == 0 && !*user)
                (void)!disk_stop(&c->old_medium, &ignored);
}

int device_change_dvd(VmHost *host, const char *vm, VmSlot slot, const VmSlot *to, const char *iso, Error *err) {
        auto_free Change *c = calloc(1, sizeof *c);
        DiskName name;

        if (!c)
                return error_oom(err);
        if (iso && *iso) {
                auto_free VmInfo *info = calloc(1, sizeof *info);
                if (!info)
                        return error_oom(err);
                if (exists_on_share(iso, err) < 0 || vmhost_find(host, vm, info, err) < 0 ||
                    disk_medium_name(iso, info->definition.id, &name, err) < 0)
                        return -1;
                c->disk = &name;
        }
        c->slot = slot;
        c->to = to;
        c->path = iso;
        c->apply = apply_change_dvd;
        c->prepare = open_medium;
        c->live = iso ? live_medium : NULL;
        c->undo = give_back;
        c->done = close_medium;
        return device_change(host, vm, c, err);
}
