/* host-export.c — a machine that is off as a copy of itself in another folder; see host.h
 *
 * The definition is written last: a folder without one is no machine, so half of a copy is never imported.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/vhd.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

#define DISKS "Virtual Hard Disks"

typedef struct Export {
        VmHost *host;
        const VmExport *ask;
        VmDefinition *copy;                     /* the machine in its new folder */
        unsigned copied;                        /* of its disks */
        bool folder, done;
        char disks_folder[DISK_UNC_MAX];
} Export;

/* What was made goes, when not all of it could be. */
static void export_end(Export *e) {
        Error ignored;

        if (e->done || !e->folder)
                return;
        for (unsigned i = 0; i < e->copied; i++)
                (void)!files_remove(e->copy->disks[i], &ignored);
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

static int export_claimed(Export *e, const VmDefinition *known, const char *parent, Error *err) {
        auto_free VmDefinition *from = calloc(1, sizeof *from);
        auto_free char *xml = NULL;
        char path[DISK_UNC_MAX];
        bool exists = false, is_folder = false;

        if (!from)
                return error_oom(err);
        if (host_read_file(known, from, NULL, err) < 0)
                return -1;
        *e->copy = *from;
        if (set_path(e->copy->folder, parent, from->name, err) < 0 || set_path(e->disks_folder, e->copy->folder, DISKS, err) < 0 ||
            definition_path(e->copy, path, sizeof path, err) < 0 || files_exists(e->copy->folder, &exists, &is_folder, err) < 0)
                return -1;
        if (exists)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" was not exported: %s exists already; name another -Path, or "
                                 "remove that folder first", from->name, e->copy->folder);
        if (files_make_folder(e->disks_folder, err) < 0)
                return -1;
        e->folder = true;
        if (copy_disks(e, from, err) < 0)
                return error_wrap(err, "\"%s\" was not exported", from->name);
        if (definition_write(e->copy, true, &xml, err) < 0 || files_write_new(path, xml, strlen(xml), err) < 0)
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
