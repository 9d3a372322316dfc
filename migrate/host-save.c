/* host-save.c — a machine's memory goes to the share and comes back from there; see host.h
 *
 * A memory fits the disks as they stood when it was saved: when each was written last, and its size, go into the ledger.
 * Another definition may name the same disk, and a person may put back an older copy of it.
 *
 * The order makes a stale memory impossible.  Saving: memory flushed on the file server, QEMU gone, disks flushed and
 * closed, and only then the ledger says "saved".  Starting: the ledger ceases to say so before QEMU gets the memory.  A
 * host that dies in between leaves a machine that is off, as after a power cut.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "migrate/saved.h"
#include "migrate/saved-stream.h"
#include "smb/share/files.h"
#include "smb/share/glance.h"

enum { TELL_TRIES = 5 };        /* a second apart: the memory would be lost for a short trouble with the share */

int host_check_owner(const VmDefinition *d, Error *err) {
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!disks)
                return error_oom(err);
        if (definition_disks(d, disks, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, err) < 0)
                        return error_wrap(err, "the disk process of %s does not answer", disks[i].unc);
                if (status.state != DISK_OWNER)
                        return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " This host does not hold %s of \"%s\" for "
                                         "writing (%s%s%s); it may run on another host: look there with Get-VM, or turn "
                                         "it off here", disks[i].unc, d->name, disk_state_name(status.state),
                                         *status.reason ? ": " : "", status.reason);
        }
        return 0;
}

/* ---- how the disks stand ----------------------------------------------------------------------- */

/* "<LastWriteTime>-<size>" of each, hexadecimal, with commas. */
static int describe_disks(const VmDefinition *d, char to[static LEDGER_DISKS_SIZE], Error *err) {
        auto_free GlanceFile *files = calloc(VM_DISKS_MAX, sizeof *files);
        size_t at = 0;

        _Static_assert(LEDGER_DISKS_SIZE > VM_DISKS_MAX * 34, "all of them fit");
        if (!files)
                return error_oom(err);
        for (unsigned i = 0; i < d->disk_count; i++)
                files[i].unc = d->disks[i];
        if (glance(files, d->disk_count, err) < 0)
                return -1;
        to[0] = '\0';
        for (unsigned i = 0; i < d->disk_count; i++) {
                if (files[i].why.kind != ERROR_NONE) {
                        *err = files[i].why;
                        return error_wrap(err, "%s", d->disks[i]);
                }
                at += (size_t)snprintf(to + at, LEDGER_DISKS_SIZE - at, "%s%llx-%llx", i ? "," : "",
                                       (unsigned long long)files[i].last_write, (unsigned long long)files[i].size_bytes);
        }
        return 0;
}

int host_check_saved_disks(const VmDefinition *d, const Ledger *ledger, Error *err) {
        char now[LEDGER_DISKS_SIZE];
        const char *a = ledger->saved_disks, *b = now;

        if (!ledger->saved || !*a)
                return 0;
        if (describe_disks(d, now, err) < 0)
                return error_wrap(err, "\"%s\" was not started", d->name);
        for (unsigned i = 0; i < d->disk_count; i++) {
                size_t n = strcspn(a, ","), m = strcspn(b, ",");
                if (n != m || strncmp(a, b, n) != 0)
                        return error_set(err, ERROR_CONFLICT, 0, "\"%s\" was not started: %s was written after the state of "
                                         "the virtual machine was saved, and its guest would destroy what is there now; give "
                                         "the saved state up with Remove-VMSavedState, or put the disk back as it was",
                                         d->name, d->disks[i]);
                a += n + (a[n] == ',');
                b += m + (b[m] == ',');
        }
        return 0;
}

/* ---- saving ------------------------------------------------------------------------------------ */

static int save_call(void *userdata, const char *path, Error *err) {
        virDomainPtr domain = userdata;
        virTypedParameterPtr params = NULL;
        int count = 0, max = 0;

        if (virTypedParamsAddString(&params, &count, &max, VIR_DOMAIN_SAVE_PARAM_FILE, path) < 0 ||
            virTypedParamsAddString(&params, &count, &max, VIR_DOMAIN_SAVE_PARAM_IMAGE_FORMAT, "raw") < 0) {
                virTypedParamsFree(params, count);
                return error_oom(err);
        }
        int r = virDomainSaveParams(domain, params, count, 0);
        if (r < 0)
                r = libvirt_error(err, "libvirt did not save it");
        virTypedParamsFree(params, count);
        return r;
}

static int check_can_save(const VmInfo *info, Error *err) {
        if (info->active && (info->state == VM_RUNNING || info->state == VM_PAUSED || info->state == VM_SAVING))
                return host_check_owner(&info->definition, err);
        return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s.", info->definition.name,
                         vm_state_name(info->state));
}

static int tell_saved(VmHost *host, const VmDefinition *d, Error *err) {
        char us[MACHINE_NAME_MAX];
        Ledger ledger = { 0 };
        int r = -1;

        vmhost_name(host, us);
        for (int i = 0; r < 0 && i < TELL_TRIES; i++) {
                if (i > 0)
                        (void)usleep(1000000);
                r = ledger_read(d->folder, &ledger, err);
                if (r == 0 && *ledger.host && !text_equal_nocase(ledger.host, us))
                        return error_set(err, ERROR_CONFLICT, 0, "%s runs \"%s\" by its ledger", ledger.host, d->name);
                ledger.host[0] = '\0';
                ledger.saved = true;
                Error unknown;          /* better without than not saved */
                if (r == 0 && describe_disks(d, ledger.saved_disks, &unknown) < 0)
                        ledger.saved_disks[0] = '\0';
                if (r == 0)
                        r = ledger_write(d->folder, &ledger, err);
        }
        return r < 0 ? error_wrap(err, "\"%s\" was saved, but its ledger could not say so: it is off", d->name) : 0;
}

/* What libvirt keeps of it: other settings may wait there for the next start. */
static int mark_saved(VmHost *host, virDomainPtr domain, bool saved, Error *err) {
        auto_free VmDefinition *d = calloc(1, sizeof *d);

        if (!d)
                return error_oom(err);
        if (host_definition(domain, VIR_DOMAIN_XML_INACTIVE, d, err) < 0)
                return -1;
        d->saved = saved;
        return host_define(host, d, err);
}

static int save_claimed(VmHost *host, virDomainPtr domain, const VmInfo *info, const VmWait *wait, Error *err) {
        const VmDefinition *d = &info->definition;
        char path[DISK_UNC_MAX];

        if (check_can_save(info, err) < 0 || saved_path(d, path, err) < 0)
                return -1;
        if (saved_store(d->id, path, info->memory_assigned_bytes, save_call, domain, wait, err) < 0)
                return error_wrap(err, virDomainIsActive(domain) == 1 ? "\"%s\" was not saved and runs on"
                                                                      : "\"%s\" was not saved, and it is off", d->name);
        if (host_release(host, d, err) < 0 || tell_saved(host, d, err) < 0)
                return -1;
        return mark_saved(host, domain, true, err);
}

int vmhost_save(VmHost *host, const char *name_or_id, const VmWait *wait, bool *ret_changed, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (host_claim_running(host, VM_CLAIM_SAVE, name_or_id, info, &domain, err) < 0)
                return -1;
        *ret_changed = info->state != VM_SAVED;
        int r = info->state == VM_SAVED ? 0 : save_claimed(host, domain, info, wait, err);
        vmhost_unclaim(host, info->definition.id);
        return r;
}

/* ---- restoring --------------------------------------------------------------------------------- */

static int restore_call(void *userdata, const char *path, Error *err) {
        virConnectPtr connection = userdata;

        if (virDomainRestoreFlags(connection, path, NULL, VIR_DOMAIN_SAVE_RUNNING) < 0)
                return libvirt_error(err, "libvirt did not restore it");
        return 0;
}

int host_restore(VmHost *host, const VmDefinition *d, const VmWait *wait, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        char path[DISK_UNC_MAX];
        VmCapabilities caps;

        if (vmhost_connection(host, &connection, err) < 0 || vmhost_capabilities(host, &caps, err) < 0 ||
            saved_path(d, path, err) < 0)
                return -1;
        if (saved_fetch(d, path, !caps.hardware_virtualization, caps.emulator, restore_call, connection, wait, err) == 0)
                return 0;
        if (err->kind == ERROR_NOT_FOUND)
                return error_set(err, ERROR_NOT_FOUND, 0, "its saved state is gone from the share (%s); put it back there, "
                                 "or give it up with Remove-VMSavedState", path);
        return -1;
}

/* ---- giving it up ------------------------------------------------------------------------------ */

static int discard_claimed(VmHost *host, virDomainPtr domain, const VmDefinition *d, Error *err) {
        char path[DISK_UNC_MAX];
        Ledger ledger;

        if (saved_path(d, path, err) < 0 || ledger_read(d->folder, &ledger, err) < 0)
                return -1;
        if (!ledger.saved) {
                Error ignored = { 0 };
                if (d->saved)           /* another host has started it since, or given it up */
                        (void)!mark_saved(host, domain, false, &ignored);
                return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" has no saved state%s%s.", d->name,
                                 *ledger.host ? "; it runs on " : "", ledger.host);
        }
        ledger.saved = false;           /* first: a file without the ledger's word is a leftover, and not the other way round */
        if (ledger_write(d->folder, &ledger, err) < 0 || mark_saved(host, domain, false, err) < 0)
                return -1;
        return files_remove(path, err) < 0 && err->kind != ERROR_NOT_FOUND ? -1 : 0;
}

int vmhost_discard_saved(VmHost *host, const char *name_or_id, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);
        int r;

        if (!info)
                return error_oom(err);
        if (host_claim_running(host, VM_CLAIM_CHANGE, name_or_id, info, &domain, err) < 0)
                return -1;
        if (info->active)
                r = error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s and has no saved state.",
                              info->definition.name, vm_state_name(info->state));
        else
                r = discard_claimed(host, domain, &info->definition, err);
        vmhost_unclaim(host, info->definition.id);
        return r;
}
