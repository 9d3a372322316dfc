/* host-edit.c — settings and names of machines change; see host.h
 *
 * libvirt is asked first and the share is written then: what libvirt refuses never reaches the share, and what the share
 * does not take is taken back from libvirt.
 */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "smb/share/files.h"

/* ---- a running one ----------------------------------------------------------------------------- */

static int apply_shares(virDomainPtr domain, const VmDefinition *d, Error *err) {
        virTypedParameterPtr params = NULL;
        int count = 0, max = 0;
        bool capped = d->processor_maximum && d->processor_maximum < 100;
        long long quota = capped ? (long long)(VM_QUOTA_PERIOD_US / 100 * d->processor_maximum) : -1;   /* -1: none */

        int r = virTypedParamsAddULLong(&params, &count, &max, VIR_DOMAIN_SCHEDULER_CPU_SHARES,
                                        d->processor_weight ?: VM_WEIGHT_DEFAULT);
        if (r == 0)
                r = virTypedParamsAddULLong(&params, &count, &max, VIR_DOMAIN_SCHEDULER_VCPU_PERIOD, VM_QUOTA_PERIOD_US);
        if (r == 0)
                r = virTypedParamsAddLLong(&params, &count, &max, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, quota);
        if (r == 0)
                r = virDomainSetSchedulerParametersFlags(domain, params, count, VIR_DOMAIN_AFFECT_LIVE);
        if (r < 0)
                r = libvirt_error(err, "the processors of \"%s\" did not get their new share", d->name);
        virTypedParamsFree(params, count);
        return r;
}

int host_apply_live(virDomainPtr domain, const VmDefinition *d, Error *err) {
        auto_free VmDefinition *now = calloc(1, sizeof *now);
        auto_free char *xml = NULL;

        if (!now)
                return error_oom(err);
        if (host_definition(domain, 0, now, err) < 0 || definition_write_metadata(d, &xml, err) < 0)
                return -1;
        if ((now->processor_weight != d->processor_weight || now->processor_maximum != d->processor_maximum) &&
            apply_shares(domain, d, err) < 0)
                return -1;
        if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_DESCRIPTION, *d->notes ? d->notes : NULL, NULL, NULL,
                                 VIR_DOMAIN_AFFECT_LIVE) < 0 ||
            virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, "holdfast-vm", DEFINITION_NAMESPACE,
                                 VIR_DOMAIN_AFFECT_LIVE) < 0)
                return libvirt_error(err, "the running \"%s\" was not changed", d->name);
        return 0;
}

/* ---- a claimed one ----------------------------------------------------------------------------- */

typedef struct Change {
        VmHost *host;
        virDomainPtr domain;
        VmInfo info;
        VmDefinition before, after;
        char path[DISK_UNC_MAX];
        VmState state;                  /* as the ledger knows it, too */
} Change;

/* The share's word, not what this host remembers of it. */
static int look(Change *c, Error *err) {
        char us[MACHINE_NAME_MAX];
        Ledger ledger;

        if (host_read_file(&c->info.definition, &c->before, NULL, err) < 0 ||
            definition_path(&c->before, c->path, sizeof c->path, err) < 0 ||
            ledger_read(c->before.folder, &ledger, err) < 0)
                return -1;
        vmhost_name(c->host, us);
        if (*ledger.host && !text_equal_nocase(ledger.host, us))
                return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " %s runs \"%s\" by its ledger; change it there.",
                                 ledger.host, c->before.name);
        c->state = c->info.active ? c->info.state : ledger.saved ? VM_SAVED : VM_OFF;
        c->before.saved = ledger.saved;
        c->after = c->before;
        return 0;
}

static int wrong_state(const Change *c, Error *err) {
        return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s; turn it off first with Stop-VM%s.",
                         c->before.name, vm_state_name(c->state),
                         c->state == VM_SAVED ? ", or give up what was saved with Remove-VMSavedState" : "");
}

/* What a guest cannot be told while it runs, and what must not differ when its memory comes back. */
static bool needs_off(const Change *c) {
        VmDefinition rest = c->before;

        (void)memcpy(rest.notes, c->after.notes, sizeof rest.notes);
        rest.processor_weight = c->after.processor_weight;
        rest.processor_maximum = c->after.processor_maximum;
        return memcmp(&rest, &c->after, sizeof rest) != 0;
}

static int write_file(const Change *c, const char *path, bool is_new, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_free VmDefinition *d = malloc(sizeof *d);
        auto_free char *xml = NULL;
        bool emulated;

        if (!d)
                return error_oom(err);
        *d = c->after;
        d->saved = false;
        if (vmhost_connection(c->host, &connection, err) < 0 || host_emulated(c->host, connection, &emulated, err) < 0 ||
            definition_write(d, emulated, &xml, err) < 0)
                return -1;
        return is_new ? files_write_new(path, xml, strlen(xml), err) : files_write(path, xml, strlen(xml), err);
}

static int store(Change *c, Error *err) {
        Error ignored = { 0 };

        if (definition_check(&c->after, err) < 0)
                return -1;
        if (memcmp(&c->before, &c->after, sizeof c->before) == 0)
                return 0;
        if (c->state != VM_OFF && needs_off(c))
                return wrong_state(c, err);
        if (host_define(c->host, &c->after, err) < 0)
                return -1;
        int r = c->info.active ? host_apply_live(c->domain, &c->after, err) : 0;
        if (r == 0)
                r = write_file(c, c->path, false, err);
        if (r == 0)
                return 0;
        if (c->info.active)
                (void)!host_apply_live(c->domain, &c->before, &ignored);
        (void)!host_define(c->host, &c->before, &ignored);
        return -1;
}

static int begin(VmHost *host, const char *name_or_id, Change *c, Error *err) {
        c->host = host;
        if (host_claim_running(host, VM_CLAIM_CHANGE, name_or_id, &c->info, &c->domain, err) < 0)
                return -1;
        if (look(c, err) == 0)
                return 0;
        vmhost_unclaim(host, c->info.definition.id);
        return -1;
}

static void change_free(Change *c) {
        if (c)
                domain_freep(&c->domain);
        free(c);
}
DEFINE_FREEP(Change, change_free);

int vmhost_edit(VmHost *host, const char *name_or_id, VmEdit edit, void *userdata, Error *err) {
        auto_(change_freep) Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        if (begin(host, name_or_id, c, err) < 0)
                return -1;
        int r = edit(userdata, &c->after, err);
        if (r == 0)
                r = store(c, err);
        vmhost_unclaim(host, c->info.definition.id);
        return r;
}

/* ---- another name ------------------------------------------------------------------------------ */

static int check_free(VmHost *host, const Change *c, const char *name, Error *err) {
        auto_(domain_freep) virDomainPtr other = NULL;
        Error why = { 0 };

        if (vmhost_domain(host, name, &other, &why) < 0) {
                if (why.kind == ERROR_NOT_FOUND)
                        return 0;
                *err = why;
                return -1;
        }
        char id[VIR_UUID_STRING_BUFLEN] = "";
        if (virDomainGetUUIDString(other, id) == 0 && strcmp(id, c->before.id) == 0)
                return 0;       /* its own, in other letters */
        return error_set(err, ERROR_CONFLICT, 0, "this host already has a virtual machine named \"%s\"; choose another name",
                         name);
}

/* The same name in other letters is the same file on an SMB share: it is written over, and none is removed. */
static int rename_claimed(Change *c, const char *name, Error *err) {
        bool same_file = text_equal_nocase(c->before.name, name);
        char path[DISK_UNC_MAX];
        Error ignored = { 0 };

        if (c->state != VM_OFF)
                return wrong_state(c, err);
        (void)snprintf(c->after.name, sizeof c->after.name, "%s", name);
        if (definition_check(&c->after, err) < 0 || definition_path(&c->after, path, sizeof path, err) < 0 ||
            check_free(c->host, c, name, err) < 0)
                return -1;
        if (virDomainRename(c->domain, name, 0) < 0)
                return libvirt_error(err, "\"%s\" was not renamed", c->before.name);
        int r = host_define(c->host, &c->after, err);
        if (r == 0)
                r = write_file(c, same_file ? c->path : path, !same_file, err);
        if (r < 0) {
                (void)!virDomainRename(c->domain, c->before.name, 0);
                (void)!host_define(c->host, &c->before, &ignored);
                return err->kind != ERROR_CONFLICT ? -1
                        : error_set(err, ERROR_CONFLICT, 0, "\"%s\" was not renamed: %s is there already; choose another "
                                    "name", c->before.name, path);
        }
        if (!same_file && files_remove(c->path, err) < 0 && err->kind != ERROR_NOT_FOUND)
                return error_wrap(err, "\"%s\" is \"%s\" now, but its former file stays on the share: remove %s",
                                  c->before.name, name, c->path);
        return 0;
}

int vmhost_rename(VmHost *host, const char *name_or_id, const char *new_name, Error *err) {
        auto_(change_freep) Change *c = calloc(1, sizeof *c);

        if (!c)
                return error_oom(err);
        if (definition_check_name(new_name, err) < 0 || begin(host, name_or_id, c, err) < 0)
                return -1;
        int r = strcmp(c->before.name, new_name) == 0 ? 0 : rename_claimed(c, new_name, err);
        vmhost_unclaim(host, c->info.definition.id);
        return r;
}
