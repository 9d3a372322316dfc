/* host-export.c — a machine that is off as a copy of itself in another folder, or as another machine; see host.h
 *
 * The definition is written last: a folder without one is no machine, so half of a copy is never imported.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/ledger.h"
#include "migrate/vhd.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

#define DISKS "Virtual Hard Disks"

typedef struct Export {
        VmHost *host;
        const VmExport *ask;
        VmDefinition *copy;                     /* the machine in its new folder */
        unsigned copied;                        /* of its disks */
        bool folder, own_disks, done;           /* the folders of machine and disks were made */
        char disks_folder[DISK_UNC_MAX];
} Export;

/* What was made goes, when not all of it could be. */
static void export_end(Export *e) {
        Error ignored;

        if (e->done || !e->folder)
                return;
        for (unsigned i = 0; i < e->copied; i++)
                (void)!files_remove(e->copy->disks[i], &ignored);
        if (e->own_disks)
                (void)!files_remove_folder(e->disks_folder, &ignored);
        (void)!files_remove_folder(e->copy->folder, &ignored);
}

static int set_path(char to[static DISK_UNC_MAX], const char *folder, const char *name, Error *err) {
        int n = snprintf(to, DISK_UNC_MAX, "%s\\%s", folder, name);
        if (n < 0 || n >= DISK_UNC_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the path of \"%.100s\" in %.300s is too long", name, folder);
        return 0;
}

/* Disks of one name from different folders would meet in the new one. */
static int name_disk(const VmDefinition *from, unsigned index, const char *folder, char to[static DISK_UNC_MAX], Error *err) {
        const char *name = strrchr(from->disks[index], '\\') + 1;
        char numbered[DISK_UNC_MAX];
        bool twin = false;

        for (unsigned i = 0; i < index; i++)
                twin |= text_equal_nocase(strrchr(from->disks[i], '\\') + 1, name);
        const char *dot = strrchr(name, '.');
        (void)snprintf(numbered, sizeof numbered, "%.*s-%u%s", (int)(dot ? dot - name : (ptrdiff_t)strlen(name)), name, index + 1,
                       dot ? dot : "");
        return set_path(to, folder, twin ? numbered : name, err);
}

typedef struct Step { const VmExport *ask; unsigned index, count; } Step;

static void on_progress(void *userdata, int percent) {
        const Step *step = userdata;
        step->ask->progress(step->ask->userdata, (int)((step->index * 100 + (unsigned)percent) / step->count));
}

/* vhd_convert() asks with its own userdata. */
static bool is_cancelled(void *userdata) {
        const Step *step = userdata;
        return step->ask->wait.cancelled && step->ask->wait.cancelled(step->ask->wait.userdata);
}

/* What it boots from is known by the path of the disk. */
static int keep_boot_order(const VmDefinition *from, VmDefinition *copy, unsigned index, Error *err) {
        DiskName before, after;

        if (disk_name(from->disks[index], &before, err) < 0 || disk_name(copy->disks[index], &after, err) < 0)
                return -1;
        for (unsigned i = 0; i < from->boot_count; i++)
                if (strcmp(from->boot[i], before.id) == 0)
                        (void)memcpy(copy->boot[i], after.id, sizeof after.id);
        return 0;
}

static int copy_disks(Export *e, const VmDefinition *from, Error *err) {
        for (unsigned i = 0; i < from->disk_count; i++) {
                char to[DISK_UNC_MAX];
                Step step = { e->ask, i, from->disk_count };
                VhdConvert convert = { .from = from->disks[i], .to = to, .progress = e->ask->progress ? on_progress : NULL,
                                       .userdata = &step, .wait = { .cancelled = is_cancelled, .userdata = &step } };
                if (name_disk(from, i, e->disks_folder, to, err) < 0 || vhd_copy(e->host, &convert, err) < 0)
                        return -1;
                (void)memset(e->copy->disks[i], 0, DISK_UNC_MAX);
                (void)snprintf(e->copy->disks[i], DISK_UNC_MAX, "%s", to);
                e->copied = i + 1;
                if (keep_boot_order(from, e->copy, i, err) < 0)
                        return -1;
        }
        return 0;
}

/* @doing: "exported". */
static int make_folders(Export *e, const char *parent, const char *doing, Error *err) {
        bool exists = false, is_folder = false;
        Unc disks;

        if (set_path(e->copy->folder, parent, e->copy->name, err) < 0 || files_exists(e->copy->folder, &exists, &is_folder, err) < 0)
                return -1;
        if (exists)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" was not %s: %s exists already; name another folder, or "
                                 "remove that one first", e->copy->name, doing, e->copy->folder);
        if (e->ask->disks) {
                if (unc_parse(e->ask->disks, &disks, err) < 0)
                        return -1;
                unc_text(&disks, e->disks_folder);
                if (files_exists(e->disks_folder, &exists, &is_folder, err) < 0)
                        return -1;
        } else if (set_path(e->disks_folder, e->copy->folder, DISKS, err) < 0) {
                return -1;
        }
        if (files_make_folder(e->copy->folder, err) < 0)
                return -1;
        e->folder = true;
        if (!exists && files_make_folder(e->disks_folder, err) < 0)
                return -1;
        e->own_disks = !exists;
        return 0;
}

/* @copy is @from but for what makes it another machine. */
static int copy_machine(Export *e, const VmDefinition *from, const char *parent, const char *doing, Error *err) {
        auto_free char *xml = NULL;
        char path[DISK_UNC_MAX];

        if (make_folders(e, parent, doing, err) < 0 || definition_path(e->copy, path, sizeof path, err) < 0)
                return -1;
        if (copy_disks(e, from, err) < 0)
                return error_wrap(err, "\"%s\" was not %s", from->name, doing);
        return definition_write(e->copy, true, &xml, err) < 0 || files_write_new(path, xml, strlen(xml), err) < 0 ? -1 : 0;
}

static int export_claimed(Export *e, const VmDefinition *known, const char *parent, Error *err) {
        auto_free VmDefinition *from = calloc(1, sizeof *from);

        if (!from)
                return error_oom(err);
        if (host_read_file(known, from, NULL, err) < 0)
                return -1;
        *e->copy = *from;
        if (copy_machine(e, from, parent, "exported", err) < 0)
                return -1;
        e->done = true;
        return 0;
}

int vmhost_export(VmHost *host, const char *name_or_id, const VmExport *ask, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);
        auto_free VmDefinition *copy = calloc(1, sizeof *copy);
        char parent[UNC_TEXT_MAX + 1];
        Unc unc;

        if (!info || !copy)
                return error_oom(err);
        if (unc_parse(ask->folder, &unc, err) < 0)
                return -1;
        unc_text(&unc, parent);
        if (vmhost_find(host, name_or_id, info, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_EXPORT, info->definition.id, info->definition.name, NULL, 0, err) < 0)
                return -1;
        auto_(export_end) Export e = { .host = host, .ask = ask, .copy = copy };
        int r = vmhost_find(host, info->definition.id, info, err);
        if (r == 0 && info->state != VM_OFF)
                r = error_set(err, ERROR_CONFLICT, 0, "The operation cannot be performed while the virtual machine is in its "
                              "current state. \"%s\" is %s; turn it off first with Stop-VM.", info->definition.name,
                              vm_state_name(info->state));
        if (r == 0)
                r = export_claimed(&e, &info->definition, parent, err);
        vmhost_unclaim(host, info->definition.id);
        return r;
}

/* ---- a copy that this host knows ------------------------------------------------------------------------- */

/* It would meet the machine that it was copied from in the fabric, and on the wire. */
static int become_another(VmHost *host, VmDefinition *d, Error *err) {
        if (text_uuid(d->id, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->adapter_count; i++) {
                char before[VM_MAC_SIZE];
                if (d->adapters[i].static_mac)
                        continue;
                (void)memcpy(before, d->adapters[i].mac, sizeof before);
                if (host_new_mac(host, d->adapters[i].mac, err) < 0)
                        return -1;
                for (unsigned k = 0; k < d->boot_count; k++)
                        if (text_equal_nocase(d->boot[k], before))
                                (void)snprintf(d->boot[k], sizeof d->boot[k], "%s", d->adapters[i].mac);
        }
        return 0;
}

static int is_at_rest(const VmDefinition *d, Error *err) {
        Ledger ledger;

        if (ledger_read(d->folder, &ledger, err) < 0)
                return -1;
        if (ledger.saved)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" in %s is saved, and a copy of its disks alone would not be what it "
                                 "is; start it and turn it off first", d->name, d->folder);
        if (*ledger.host)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" in %s runs on %s; turn it off there first with Stop-VM", d->name,
                                 d->folder, ledger.host);
        return 0;
}

static int import_claimed(Export *e, const VmDefinition *from, const char *parent, Error *err) {
        char path[DISK_UNC_MAX];
        Error ignored = { 0 };

        if (copy_machine(e, from, parent, "imported", err) < 0)
                return -1;
        if (host_define(e->host, e->copy, err) < 0) {
                if (definition_path(e->copy, path, sizeof path, &ignored) == 0)
                        (void)!files_remove(path, &ignored);
                return -1;
        }
        e->done = true;
        return 0;
}

int vmhost_import_copy(VmHost *host, const char *unc_file, const VmExport *ask, VmDefinition *ret, Error *err) {
        auto_free VmDefinition *from = calloc(1, sizeof *from), *copy = calloc(1, sizeof *copy);
        char parent[UNC_TEXT_MAX + 1];
        Unc unc;

        if (!from || !copy)
                return error_oom(err);
        if (unc_parse(ask->folder, &unc, err) < 0)
                return -1;
        unc_text(&unc, parent);
        if (host_read_import(unc_file, from, err) < 0 || is_at_rest(from, err) < 0)
                return -1;
        *copy = *from;
        copy->saved = false;
        if ((ask->new_id && become_another(host, copy, err) < 0) || host_must_be_new(host, copy, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_CREATE, copy->id, copy->name, NULL, 0, err) < 0)
                return -1;
        auto_(export_end) Export e = { .host = host, .ask = ask, .copy = copy };
        int r = import_claimed(&e, from, parent, err);
        vmhost_unclaim(host, copy->id);
        if (r == 0)
                *ret = *copy;
        return r;
}
