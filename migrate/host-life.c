/* host-life.c — machines come into being and go; see host.h */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "migrate/saved.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

int host_define(VmHost *host, const VmDefinition *definition, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_free char *xml = NULL;
        bool emulated;

        if (vmhost_connection(host, &connection, err) < 0 || host_emulated(host, connection, &emulated, err) < 0 ||
            definition_write(definition, emulated, &xml, err) < 0)
                return -1;
        auto_(domain_freep) virDomainPtr domain =
                virDomainDefineXMLFlags(connection, xml, VIR_DOMAIN_DEFINE_VALIDATE);
        if (!domain)
                return libvirt_error(err, "\"%s\" cannot be made known to this host", definition->name);
        return 0;
}

/* libvirt's names are unique; and two machines of one name would share a folder. */
int host_must_be_new(VmHost *host, const VmDefinition *d, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        Error not_found = { 0 };

        if (vmhost_domain(host, d->id, &domain, &not_found) == 0)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "this host already has the virtual machine %s, as \"%s\"; "
                                 "use that one, or remove it first with Remove-VM",
                                 d->id, virDomainGetName(domain));
        if (not_found.kind == ERROR_NOT_FOUND && vmhost_domain(host, d->name, &domain, &not_found) == 0)
                return error_set(err, ERROR_CONFLICT, 0, "this host already has a virtual machine named \"%s\"; "
                                 "choose another name, or remove that one first with Remove-VM", d->name);
        if (not_found.kind == ERROR_NOT_FOUND)
                return 0;
        *err = not_found;
        return -1;
}

/* A folder on the share that must not outlive the scope unless kept; not empty means somebody uses it, and it
 * stays. */
typedef struct NewFolder { char unc[DISK_UNC_MAX]; } NewFolder;

static void new_folder_remove(NewFolder *folder) {
        Error ignored = { 0 };
        if (*folder->unc)
                (void)!files_remove_folder(folder->unc, &ignored);
}

static int make_folder(const char *unc, NewFolder *made, Error *err) {
        bool exists = false, is_folder = false;

        if (files_exists(unc, &exists, &is_folder, err) < 0 || (!exists && files_make_folder(unc, err) < 0))
                return -1;
        if (exists && !is_folder)
                return error_set(err, ERROR_CONFLICT, 0, "%s is a file, not a folder; choose another -Path", unc);
        if (!exists)
                (void)snprintf(made->unc, sizeof made->unc, "%s", unc);
        return 0;
}

static int write_and_define(VmHost *host, const VmDefinition *d, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_(new_folder_remove) NewFolder folder = { "" };
        auto_free char *xml = NULL;
        char path[DISK_UNC_MAX];
        Error ignored = { 0 };
        bool emulated;

        if (vmhost_connection(host, &connection, err) < 0 || host_emulated(host, connection, &emulated, err) < 0 ||
            definition_write(d, emulated, &xml, err) < 0 || definition_path(d, path, sizeof path, err) < 0 ||
            make_folder(d->folder, &folder, err) < 0)
                return -1;
        if (files_write_new(path, xml, strlen(xml), err) < 0)
                return err->kind != ERROR_CONFLICT
                               ? -1
                               : error_set(err, ERROR_CONFLICT, 0,
                                           "a virtual machine named \"%s\" lies in %s already; bring it "
                                           "to this host with Import-VM, or choose another name",
                                           d->name, d->folder);
        if (host_define(host, d, err) < 0) {
                (void)!files_remove(path, &ignored);
                return -1;
        }
        folder.unc[0] = '\0';
        return 0;
}

int vmhost_create(VmHost *host, VmDefinition *d, Error *err) {
        if (!*d->id && text_uuid(d->id, err) < 0)
                return -1;
        if (definition_check(d, err) < 0 || host_must_be_new(host, d, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_CREATE, d->id, d->name, NULL, 0, err) < 0)
                return -1;
        int r = write_and_define(host, d, err);
        vmhost_unclaim(host, d->id);
        return r;
}

static const char import_failed[] =
        "Unable to import virtual machine due to configuration errors. Please use Compare-VM "
        "to repair the virtual machine.";

static int check_import(const Unc *unc, const VmDefinition *d, Error *err) {
        char expected[VM_NAME_SIZE + 4];

        (void)snprintf(expected, sizeof expected, "%s.vm", d->name);
        if (!text_equal_nocase(expected, unc_name(unc)))
                return error_set(err, ERROR_INVALID, 0,
                                 "%s The file is named \"%.255s\" but defines \"%s\"; rename it to "
                                 "\"%s\".",
                                 import_failed, unc_name(unc), d->name, expected);
        for (unsigned i = 0; i < d->disk_count; i++) {
                bool exists = false, is_folder = false;
                if (files_exists(d->disks[i], &exists, &is_folder, err) < 0)
                        return -1;
                if (!exists || is_folder)
                        return error_set(err, ERROR_NOT_FOUND, 0,
                                         "%s The virtual hard disk %s is missing; put it back "
                                         "there.",
                                         import_failed, d->disks[i]);
        }
        return 0;
}

static int read_file(const char *path, const char *folder, VmDefinition *ret, Error *err) {
        auto_free char *xml = NULL;
        size_t size = 0;

        if (files_read(path, VM_DEFINITION_MAX, &xml, &size, err) < 0)
                return -1;
        if (definition_read(xml, size, ret, err) < 0)
                return error_wrap(err, "%s", path);
        /* The folder may have been renamed, or be reached by another name: where it lies is what counts. */
        (void)snprintf(ret->folder, sizeof ret->folder, "%s", folder);
        return 0;
}

int host_read_import(const char *unc_file, VmDefinition *ret, Error *err) {
        Unc unc, folder;
        char path[UNC_TEXT_MAX + 1], folder_path[UNC_TEXT_MAX + 1];

        if (unc_parse(unc_file, &unc, err) < 0)
                return -1;
        folder = unc;
        if (!unc_to_parent(&folder) || !*folder.path)
                return error_set(err, ERROR_INVALID, 0,
                                 "%s is not the file of a virtual machine in a folder of its own; "
                                 "name one like \\\\fs1\\vms\\web01\\web01.vm",
                                 unc_file);
        unc_text(&unc, path);
        unc_text(&folder, folder_path);
        return read_file(path, folder_path, ret, err) < 0 || check_import(&unc, ret, err) < 0 ? -1 : 0;
}

int vmhost_import(VmHost *host, const char *unc_file, VmDefinition *ret, Error *err) {
        auto_free VmDefinition *d = calloc(1, sizeof *d);

        if (!d)
                return error_oom(err);
        if (host_read_import(unc_file, d, err) < 0 || host_must_be_new(host, d, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_CREATE, d->id, d->name, NULL, 0, err) < 0)
                return -1;
        Ledger ledger;
        int r = ledger_read(d->folder, &ledger, err);
        d->saved = r == 0 && ledger.saved;
        if (r == 0)
                r = host_define(host, d, err);
        vmhost_unclaim(host, d->id);
        if (r == 0)
                *ret = *d;
        return r;
}

static void keep(const Error *why, bool *ret_kept, char ret_why[static ERROR_TEXT_MAX]) {
        *ret_kept = true;
        (void)snprintf(ret_why, ERROR_TEXT_MAX, "%s", why->text);
}

/* A share that is gone for good must not keep the machine on this host for ever; what could not be deleted is
 * told. */
static int remove_files(VmHost *host, const VmDefinition *d, bool *ret_kept, char ret_why[static ERROR_TEXT_MAX],
                        Error *err) {
        char path[DISK_UNC_MAX], ledger_path[DISK_UNC_MAX + 16], us[MACHINE_NAME_MAX];
        Ledger ledger = { 0 };
        Error why = { 0 };

        vmhost_name(host, us);
        if (definition_path(d, path, sizeof path, err) < 0)
                return -1;
        if (ledger_read(d->folder, &ledger, &why) == 0 && *ledger.host && !text_equal_nocase(ledger.host, us))
                (void)error_set(&why, ERROR_CONFLICT, 0, "%s runs it by its ledger", ledger.host);
        if (why.kind != ERROR_NONE || (files_remove(path, &why) < 0 && why.kind != ERROR_NOT_FOUND)) {
                keep(&why, ret_kept, ret_why);
                return 0;
        }
        if (saved_path(d, path, &why) == 0)
                (void)!files_remove(path, &why);
        (void)snprintf(ledger_path, sizeof ledger_path, "%s\\owner.json", d->folder);
        (void)!files_remove(ledger_path, &why);
        (void)!files_remove_folder(d->folder, &why);    /* goes only when nothing is left in it */
        return 0;
}

static int remove_claimed(VmHost *host, virDomainPtr domain, const VmInfo *info, bool *ret_kept,
                          char ret_why[static ERROR_TEXT_MAX], Error *err) {
        if (virDomainIsActive(domain) == 1)
                return error_set(
                        err, ERROR_CONFLICT, 0,
                        "The operation cannot be performed while the virtual machine is in its current state. "
                        "\"%s\" is %s; turn it off first with Stop-VM.",
                        info->definition.name, vm_state_name(info->state));
        if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                                   VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                                   VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA) < 0)
                return libvirt_error(err, "\"%s\" cannot be removed", info->definition.name);
        return remove_files(host, &info->definition, ret_kept, ret_why, err);
}

int vmhost_remove(VmHost *host, const char *name_or_id, bool *ret_kept, char ret_why[static ERROR_TEXT_MAX],
                  Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        *ret_kept = false;
        if (vmhost_find(host, name_or_id, info, err) < 0 ||
            vmhost_domain(host, info->definition.id, &domain, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_REMOVE, info->definition.id, info->definition.name, NULL, 0, err) < 0)
                return -1;
        int r = remove_claimed(host, domain, info, ret_kept, ret_why, err);
        vmhost_unclaim(host, info->definition.id);
        return r;
}

int vmhost_undefine(VmHost *host, const char *id, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;

        if (vmhost_connection(host, &connection, err) < 0)
                return -1;
        auto_(domain_freep) virDomainPtr domain = virDomainLookupByUUIDString(connection, id);
        if (!domain)
                return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN
                               ? 0
                               : libvirt_error(err, "the virtual machine %s", id);
        if (virDomainIsActive(domain) == 1)
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" runs on this host; it is not forgotten",
                                 virDomainGetName(domain));
        if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                                   VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                                   VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA) < 0 &&
            virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
                return libvirt_error(err, "\"%s\" cannot be forgotten", virDomainGetName(domain));
        return 0;
}
