/* host-power.c — machines are switched on and off; see host.h
 *
 * Switching on takes things in an order in which each can be undone: definition, disk processes, exclusive opens,
 * ledger, QEMU.  The file server decides who may write: the ledger only says whom to ask when it refuses.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "migrate/saved.h"
#include "smb/share/files.h"

#define PRESS_EVERY_US (10 * 1000000ULL)

int host_clear_ledger(VmHost *host, const char *folder, Error *err) {
        char us[MACHINE_NAME_MAX];
        Ledger ledger;

        vmhost_name(host, us);
        if (ledger_read(folder, &ledger, err) < 0)
                return -1;
        if (!text_equal_nocase(ledger.host, us))
                return 0;
        ledger.host[0] = '\0';
        ledger.since_us = clock_us(CLOCK_REALTIME);
        return ledger_write(folder, &ledger, err);
}

/* Two machines may name one disk; the other one may run and use it. */
static int stop_unused(VmHost *host, const DiskName *disk, Error *err) {
        char user[VM_NAME_SIZE];

        if (host_disk_user(host, disk, 1, user, err) < 0)
                return -1;
        return *user ? 0 : disk_stop(disk, err);
}

int host_release(VmHost *host, const VmDefinition *d, Error *err) {
        auto_free DiskName *disks = calloc(VM_FILES_MAX, sizeof *disks);
        unsigned count = 0;
        Error later = { 0 };
        int r = 0;

        if (!disks)
                return error_oom(err);
        if (definition_files(d, disks, &count, err) < 0)
                return -1;
        /* Each is tried: one that hangs must not keep the others locked.  The first failure is told. */
        for (unsigned i = 0; i < count; i++)
                if (stop_unused(host, &disks[i], r < 0 ? &later : err) < 0)
                        r = -1;
        if (host_clear_ledger(host, d->folder, r < 0 ? &later : err) < 0) {
                r = -1;
                if (d->disk_count > 0)
                        host_keeper_owe(host, disks[0].id);
        }
        return r < 0 ? error_wrap(err, "\"%s\" is off, but its files were not released", d->name) : 0;
}

int host_read_file(const VmDefinition *known, VmDefinition *ret, char **ret_text, Error *err) {
        auto_free char *xml = NULL;
        char path[DISK_UNC_MAX];
        size_t size = 0;

        if (definition_path(known, path, sizeof path, err) < 0)
                return -1;
        if (files_read(path, VM_DEFINITION_MAX, &xml, &size, err) < 0)
                return err->kind != ERROR_NOT_FOUND
                               ? -1
                               : error_set(err, ERROR_NOT_FOUND, 0,
                                           "the definition of \"%s\" is gone from the share (%s); put it "
                                           "back, or forget the virtual machine with Remove-VM",
                                           known->name, path);
        if (definition_read(xml, size, ret, err) < 0)
                return error_wrap(err, "%s", path);
        if (strcmp(ret->id, known->id) != 0 || strcmp(ret->name, known->name) != 0)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "%s now defines another virtual machine (\"%s\", %s); remove "
                                 "\"%s\" from this host with Remove-VM and use Import-VM",
                                 path, ret->name, ret->id, known->name);
        (void)memcpy(ret->folder, known->folder, sizeof ret->folder);
        ret->saved = false;     /* that is the ledger's to say */
        if (ret_text)
                *ret_text = take_ptr(xml);
        return 0;
}

int host_check_switches(const VmDefinition *d, Error *err) {
        for (unsigned i = 0; i < d->adapter_count; i++) {
                const char *name = d->adapters[i].switch_name;
                if (!*name && !vmhost_switch_exists(VM_SWITCH_NONE))
                        return error_set(err, ERROR_NOT_FOUND, 0,
                                         "a network adapter of \"%s\" is connected to no switch, and this host lacks "
                                         "the bridge " VM_SWITCH_NONE " for such adapters; start systemd-networkd, which "
                                         "makes it", d->name);
                if (*name && !vmhost_switch_exists(name))
                        return error_set(err, ERROR_NOT_FOUND, 0,
                                         "Could not find Ethernet switch '%s'. \"%s\" needs it; make it here with "
                                         "New-VMSwitch, or connect the adapter to another one with "
                                         "Connect-VMNetworkAdapter", name, d->name);
        }
        return 0;
}

static int read_definition(VmHost *host, const VmDefinition *known, VmDefinition *ret, Error *err) {
        Ledger ledger;

        if (host_read_file(known, ret, NULL, err) < 0 || ledger_read(known->folder, &ledger, err) < 0 ||
            host_check_switches(ret, err) < 0)
                return -1;
        ret->saved = ledger.saved;
        return host_define(host, ret, err);
}

/* Things to put back in reverse order while the machine does not run yet. */
typedef struct Start {
        VmHost *host;
        const VmDefinition *definition;
        const Ledger *before;
        DiskName *disks;                        /* then media */
        unsigned file_count, started;
        bool ledger_written;
} Start;

static void start_undo(Start *s) {
        Error ignored = { 0 };
        Ledger off = *s->before;

        if (s->ledger_written) {
                off.host[0] = '\0';
                (void)!ledger_write(s->definition->folder, &off, &ignored);
        }
        while (s->started > 0)
                (void)!disk_stop(&s->disks[--s->started], &ignored);
}

static int held_by(const VmDefinition *d, const DiskName *disk, const Ledger *ledger, const char *us, Error *err) {
        if (*ledger->host && !text_equal_nocase(ledger->host, us))
                return error_set(
                        err, ERROR_CONFLICT, err->cause,
                        "\"%s\" was not started: %s runs it and holds %s "
                        "(ledger of the virtual machine); move it here with Move-VM on that host, or turn it "
                        "off there",
                        d->name, ledger->host, disk->unc);
        return error_set(err, ERROR_CONFLICT, err->cause, "\"%s\" was not started: somebody else has %s open for "
                         "writing; the file server knows who (Get-SmbOpenFile, smbstatus -L)", d->name, disk->unc);
}

static int take_disks(Start *s, uint64_t epoch, const char *us, Error *err) {
        const VmDefinition *d = s->definition;
        char user[VM_NAME_SIZE];
        DiskStatus status;

        if (host_disk_user(s->host, s->disks, d->disk_count, user, err) < 0)
                return -1;
        if (*user)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "\"%s\" was not started: \"%s\" runs on this host and uses one of "
                                 "its disks; turn that off first",
                                 d->name, user);
        for (; s->started < s->file_count; s->started++) {
                /* No machine runs with it, and it is claimed: a disk process of it is a leftover. */
                if (disk_stop(&s->disks[s->started], err) < 0)
                        return -1;
                if (disk_start(&s->disks[s->started], &status, err) < 0)
                        return error_wrap(err, "\"%s\" was not started", d->name);
        }
        for (unsigned i = 0; i < d->disk_count; i++)
                if (disk_acquire(&s->disks[i], epoch, &status, err) < 0)
                        return err->kind == ERROR_CONFLICT ? held_by(d, &s->disks[i], s->before, us, err)
                                                           : error_wrap(err, "\"%s\" was not started", d->name);
        return 0;
}

void host_mark_started(virDomainPtr domain) {
        auto_free char *run = text_format("<run started='%llu'/>", (unsigned long long)clock_us(CLOCK_REALTIME));

        if (run)
                (void)virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, run, "holdfast-run",
                                           DEFINITION_RUN_NAMESPACE, VIR_DOMAIN_AFFECT_LIVE);
}

static int start_qemu(VmHost *host, virDomainPtr domain, const VmDefinition *d, const VmWait *wait, Error *err) {
        /* libvirt may have a memory of it in a file of its own, from virsh or from the host's shutdown.  It is older than the
         * disks as soon as another host ran them, so it never counts. */
        if (d->saved ? host_restore(host, d, wait, err) < 0
                     : virDomainCreateWithFlags(domain, VIR_DOMAIN_START_FORCE_BOOT) < 0)
                return d->saved ? error_wrap(err, "\"%s\" was not started", d->name)
                                : libvirt_error(err, "\"%s\" was not started", d->name);
        host_mark_started(domain);
        return 0;
}

/* libvirt went away in the middle, and QEMU may run all the same: its disks are not taken from under it.  If it does
 * not, the keeper puts things in order as soon as libvirt answers again. */
static int unknown_start(const VmDefinition *d, Error *err) {
        Error why = *err;
        return error_set(err, ERROR_UNREACHABLE, why.cause,
                         "libvirt did not say whether \"%s\" was started, and it may run; look at it with Get-VM "
                         "when libvirt answers again (%.200s)", d->name, why.text);
}

static int start_claimed(VmHost *host, virDomainPtr domain, VmDefinition *d, DiskName *disks, unsigned file_count,
                         const VmWait *wait, Error *err) {
        char us[MACHINE_NAME_MAX];
        Ledger before = { 0 }, after = { 0 };

        vmhost_name(host, us);
        if (ledger_read(d->folder, &before, err) < 0)
                return -1;
        d->saved = before.saved;        /* with the disks claimed: nobody of this host changes it any more */
        if (ledger_next_epoch(&before, &after.epoch, err) < 0)
                return -1;
        after.since_us = clock_us(CLOCK_REALTIME);
        if (d->disk_count > 0)          /* without a disk nothing says when it is off: the ledger would name us for ever */
                (void)memcpy(after.host, us, sizeof after.host);

        Start s = { .host = host, .definition = d, .before = &before, .disks = disks,
                    .file_count = file_count };
        if (take_disks(&s, after.epoch, us, err) < 0)
                goto undo;
        before.epoch = after.epoch;     /* this term is used up, whatever follows */
        if (host_check_saved_disks(d, &before, err) < 0)        /* now that nobody else can write them */
                goto undo;
        /* From here on what was saved does not count: it is older than the disks as soon as the guest runs. */
        bool tell = d->disk_count > 0 || before.saved;
        if (tell && ledger_write(d->folder, &after, err) < 0)
                goto undo;
        s.ledger_written = tell;
        if (start_qemu(host, domain, d, wait, err) < 0) {
                if (virDomainIsActive(domain) != 0)
                        return unknown_start(d, err);
                goto undo;
        }
        return 0;
undo:
        start_undo(&s);
        return -1;
}

/* What was saved has become the running machine. */
static void forget_saved(VmHost *host, virDomainPtr domain, VmDefinition *d) {
        char path[DISK_UNC_MAX];
        Error ignored = { 0 };

        d->saved = false;
        (void)!host_define(host, d, &ignored);
        (void)!host_apply_live(domain, d, &ignored);    /* notes may have changed meanwhile */
        if (saved_path(d, path, &ignored) == 0)
                (void)!files_remove(path, &ignored);    /* a leftover is replaced by the next one */
}

int vmhost_start(VmHost *host, const char *name_or_id, const VmWait *wait, bool *ret_changed, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);
        auto_free VmDefinition *d = calloc(1, sizeof *d);
        auto_free DiskName *disks = calloc(VM_FILES_MAX, sizeof *disks);
        unsigned count = 0;

        if (!info || !d || !disks)
                return error_oom(err);
        if (vmhost_find(host, name_or_id, info, err) < 0)
                return -1;
        const char *id = info->definition.id;
        if (vmhost_domain(host, id, &domain, err) < 0)
                return -1;
        if (info->state == VM_RUNNING && !*info->claim) {
                *ret_changed = false;
                return 0;
        }
        if (info->active && !*info->claim)
                return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s%s.", info->definition.name,
                                 vm_state_name(info->state),
                                 info->state == VM_PAUSED ? "; let it go on with Resume-VM" : "");
        /* Claimed without disks first: which disks it has is on the share, and the share is slow. */
        if (vmhost_claim(host, VM_CLAIM_START, id, info->definition.name, NULL, 0, err) < 0)
                return -1;
        int r = read_definition(host, &info->definition, d, err);
        host_unclaim_quietly(host, id);
        if (r < 0 || definition_files(d, disks, &count, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_START, id, d->name, disks, count, err) < 0)
                return -1;
        if (virDomainIsActive(domain) == 1)
                r = error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" was started by somebody else.", d->name);
        else
                r = start_claimed(host, domain, d, disks, count, wait, err);
        if (r == 0 && d->saved)
                forget_saved(host, domain, d);
        vmhost_unclaim(host, id);
        *ret_changed = r == 0;
        return r;
}

int host_claim_running(VmHost *host, VmClaim what, const char *name_or_id, VmInfo *info, virDomainPtr *ret,
                       Error *err) {
        auto_free DiskName *disks = calloc(VM_FILES_MAX, sizeof *disks);
        unsigned count = 0;

        if (!disks)
                return error_oom(err);
        if (vmhost_find(host, name_or_id, info, err) < 0 ||
            definition_files(&info->definition, disks, &count, err) < 0 ||
            vmhost_domain(host, info->definition.id, ret, err) < 0)
                return -1;
        if (vmhost_claim(host, what, info->definition.id, info->definition.name, disks, count, err) < 0)
                return -1;
        char id[UUID_TEXT_SIZE];
        (void)memcpy(id, info->definition.id, sizeof id);
        /* Its state may have changed before the claim. */
        if (vmhost_find(host, id, info, err) == 0)
                return 0;
        vmhost_unclaim(host, id);
        return -1;
}

/* There is nothing to stop, and what was saved must not go by the way. */
static int check_not_saved(const VmInfo *info, Error *err) {
        if (info->state != VM_SAVED)
                return 0;
        return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is Saved; start it, or give up what was saved with "
                         "Remove-VMSavedState.", info->definition.name);
}

int vmhost_turn_off(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (host_claim_running(host, VM_CLAIM_STOP, name_or_id, info, &domain, err) < 0)
                return -1;
        int r = check_not_saved(info, err);
        if (r < 0) {
                vmhost_unclaim(host, info->definition.id);
                return -1;
        }
        r = virDomainDestroy(domain);
        bool was_off = r < 0 && virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID;
        if (r < 0 && !was_off)
                r = libvirt_error(err, "\"%s\" was not turned off", info->definition.name);
        else
                r = host_release(host, &info->definition, err);
        vmhost_unclaim(host, info->definition.id);
        *ret_changed = !was_off;
        return r;
}

static int ask_guest(VmHost *host, const char *name_or_id, VmInfo *info, virDomainPtr *ret, Error *err) {
        if (host_claim_running(host, VM_CLAIM_STOP, name_or_id, info, ret, err) < 0)
                return -1;
        int r = check_not_saved(info, err);
        if (r == 0 && info->active && info->state != VM_RUNNING && info->state != VM_STOPPING)
                r = error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s.", info->definition.name,
                              vm_state_name(info->state));
        else if (r == 0 && info->active && virDomainShutdownFlags(*ret, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0 &&
                 virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID)
                r = libvirt_error(err, "\"%s\" was not shut down", info->definition.name);
        /* Not held while we wait: somebody may lose patience and turn it off. */
        host_unclaim_quietly(host, info->definition.id);
        return r;
}

int vmhost_shut_down(VmHost *host, const char *name_or_id, uint64_t timeout_us, const VmWait *wait,
                     bool *ret_changed, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);
        uint64_t deadline = clock_us(CLOCK_MONOTONIC) + timeout_us;

        if (!info)
                return error_oom(err);
        if (ask_guest(host, name_or_id, info, &domain, err) < 0)
                return -1;
        for (uint64_t pressed = clock_us(CLOCK_MONOTONIC); virDomainIsActive(domain) == 1;) {
                /* A guest that is only booting does not see the button: it is pressed again. */
                if (clock_us(CLOCK_MONOTONIC) - pressed >= PRESS_EVERY_US) {
                        (void)virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
                        pressed = clock_us(CLOCK_MONOTONIC);
                }
                if (wait && wait->cancelled && wait->cancelled(wait->userdata))
                        return error_set(err, ERROR_CANCELLED, 0,
                                         "\"%s\" was asked to shut down; nobody waits for it "
                                         "any more",
                                         info->definition.name);
                if (clock_us(CLOCK_MONOTONIC) >= deadline)
                        return error_set(err, ERROR_TIMEOUT, 0,
                                         "\"%s\" did not shut down within %llu s: its guest does "
                                         "not answer the power button; wait, or use Stop-VM -TurnOff",
                                         info->definition.name, (unsigned long long)(timeout_us / 1000000));
                (void)usleep(100000);
        }
        *ret_changed = info->active;
        return vmhost_turn_off(host, info->definition.id, &(bool){ false }, err);
}
