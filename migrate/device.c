/* device.c — one change, from its claim to its end; see device.h and device-internal.h */
#include "migrate/device-internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migrate/ledger.h"
#include "migrate/libvirt-error.h"
#include "smb/share/files.h"

int device_must_be_off(const Change *c, bool running, const char *what, Error *err) {
        return !running ? 0
                        : error_set(err, ERROR_CONFLICT, 0, DEVICE_WRONG_STATE " \"%s\" is %s, and %s only while it is "
                                    "off; turn it off first with Stop-VM.", c->vm.definition.name,
                                    vm_state_name(c->vm.state), what);
}

int device_update(const Change *c, virDomainPtr domain, const char *xml, Error *err) {
        if (virDomainUpdateDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return libvirt_error(err, "\"%s\" was not changed", c->vm.definition.name);
        return 0;
}

/* Our description of the devices travels with the running domain, to the next host and to whoever asks for it. */
static int set_metadata(const Change *c, virDomainPtr domain, Error *err) {
        auto_free char *xml = NULL;

        if (definition_write_metadata(&c->running, &xml, err) < 0)
                return -1;
        if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, "hf", DEFINITION_NAMESPACE,
                                 VIR_DOMAIN_AFFECT_LIVE) < 0)
                return libvirt_error(err, "\"%s\" was changed, but libvirt did not note it", c->vm.definition.name);
        return 0;
}

/* Who runs it changes it: two hosts must not write one file by turns. */
static int must_be_ours(const Change *c, Error *err) {
        const VmDefinition *d = &c->vm.definition;
        char us[MACHINE_NAME_MAX];
        Ledger ledger = { 0 };

        vmhost_name(c->host, us);
        if (ledger_read(d->folder, &ledger, err) < 0)
                return -1;
        if (*ledger.host && !text_equal_nocase(ledger.host, us))
                return error_set(err, ERROR_CONFLICT, 0, "\"%s\" was not changed: %s runs it by its ledger; change it "
                                 "there", d->name, ledger.host);
        if (ledger.saved)
                return error_set(err, ERROR_CONFLICT, 0, DEVICE_WRONG_STATE " \"%s\" is Saved, and its memory expects the "
                                 "devices that it had; start it, or give up what was saved with Remove-VMSavedState.",
                                 d->name);
        return 0;
}

/* What libvirt starts next, which it checks, and the file; then both say @d, or both what they said. */
static int store(const Change *c, const VmDefinition *d, const VmDefinition *otherwise, Error *err) {
        Error ignored = { 0 };
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_free char *xml = NULL;
        char path[DISK_UNC_MAX];
        bool emulated;

        if (vmhost_connection(c->host, &connection, err) < 0 ||
            host_emulated(c->host, connection, &emulated, err) < 0 ||
            definition_write(d, emulated, &xml, err) < 0 || definition_path(d, path, sizeof path, err) < 0 ||
            host_define(c->host, d, err) < 0)
                return -1;
        if (files_write(path, xml, strlen(xml), err) == 0)
                return 0;
        (void)!host_define(c->host, otherwise, &ignored);       /* read from the file again at the next start */
        return -1;
}

static int tell_qemu(Change *c, virDomainPtr domain, Error *err) {
        if (c->live && c->live(c, domain, err) < 0)
                return -1;
        c->told = true;
        return set_metadata(c, domain, err);
}

static int change_running(Change *c, const VmDefinition *before, const VmDefinition *after, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        Error why = { 0 };

        if (vmhost_domain(c->host, c->vm.definition.id, &domain, err) < 0 || (c->prepare && c->prepare(c, err) < 0))
                return -1;
        if (c->live_first)
                return tell_qemu(c, domain, err) < 0 ? -1 : store(c, after, before, err);
        if (store(c, after, before, err) < 0)
                return -1;
        if (tell_qemu(c, domain, err) == 0)
                return 0;
        if (c->told)            /* so the file is right */
                return -1;
        if (store(c, before, after, &why) < 0) {
                Error first = *err;
                return error_set(err, first.kind, first.cause, "%.200s; its file says otherwise now, because it could "
                                 "not be put back (%.160s)", first.text, why.text);
        }
        return -1;
}

static int change_claimed(Change *c, Error *err) {
        auto_free VmDefinition *before = calloc(1, sizeof *before), *after = calloc(1, sizeof *after);

        if (!before || !after)
                return error_oom(err);
        /* it may have been started or stopped before the claim */
        if (vmhost_find(c->host, c->vm.definition.id, &c->vm, err) < 0 || must_be_ours(c, err) < 0 ||
            host_read_file(&c->vm.definition, before, NULL, err) < 0)
                return -1;
        *after = *before;
        if (c->apply(c, after, c->vm.active, err) < 0 || definition_check(after, err) < 0)
                return -1;
        if (!c->vm.active)
                return store(c, after, before, err);
        c->running = c->vm.definition;
        if (c->apply(c, &c->running, true, err) < 0 || definition_check(&c->running, err) < 0)
                return -1;
        return change_running(c, before, after, err);
}

int device_change(VmHost *host, const char *vm, Change *c, Error *err) {
        auto_free DiskName *files = calloc(VM_FILES_MAX + 1, sizeof *files);
        unsigned count = 0;

        if (!files)
                return error_oom(err);
        c->host = host;
        if (vmhost_find(host, vm, &c->vm, err) < 0 || definition_files(&c->vm.definition, files, &count, err) < 0)
                return -1;
        if (c->disk && count < VM_FILES_MAX)
                files[count++] = *c->disk;
        if (vmhost_claim(host, VM_CLAIM_DEVICE, c->vm.definition.id, c->vm.definition.name, files, count, err) < 0)
                return -1;
        int r = change_claimed(c, err);
        if (r < 0 && c->undo)
                c->undo(c);
        if (r == 0 && c->done)
                c->done(c);
        vmhost_unclaim(host, c->vm.definition.id);
        return r;
}
