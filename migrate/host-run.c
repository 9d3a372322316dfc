/* host-run.c — a running machine stands still, goes on, begins again; see host.h */
#include "migrate/host-internal.h"

#include <stdlib.h>

#include <libvirt/virterror.h>

#include "migrate/libvirt-error.h"

/* One change of a machine that has a QEMU process, with the machine claimed. */
typedef int (*Act)(virDomainPtr domain, const VmInfo *info, bool *ret_changed, Error *err);

static int act(VmHost *host, const char *name_or_id, Act what, bool *ret_changed, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = malloc(sizeof *info);

        if (!info)
                return error_oom(err);
        if (host_claim_running(host, VM_CLAIM_CHANGE, name_or_id, info, &domain, err) < 0)
                return -1;
        int r = what(domain, info, ret_changed, err);
        vmhost_unclaim(host, info->definition.id);
        return r;
}

static int wrong_state(const VmInfo *info, const char *next, Error *err) {
        return error_set(err, ERROR_CONFLICT, 0, WRONG_STATE " \"%s\" is %s%s.", info->definition.name,
                         vm_state_name(info->state), next);
}

static int suspend(virDomainPtr domain, const VmInfo *info, bool *ret_changed, Error *err) {
        *ret_changed = info->state != VM_PAUSED;
        if (info->state == VM_PAUSED)
                return 0;
        if (info->state != VM_RUNNING)
                return wrong_state(info, "", err);
        return virDomainSuspend(domain) < 0 ? libvirt_error(err, "\"%s\" was not paused", info->definition.name) : 0;
}

static int resume(virDomainPtr domain, const VmInfo *info, bool *ret_changed, Error *err) {
        *ret_changed = info->state != VM_RUNNING;
        if (info->state == VM_RUNNING)
                return 0;
        if (info->state != VM_PAUSED && info->state != VM_PAUSED_CRITICAL)
                return wrong_state(info, "; start it with Start-VM", err);
        if (host_check_owner(&info->definition, err) < 0)
                return -1;
        return virDomainResume(domain) < 0 ? libvirt_error(err, "\"%s\" does not go on", info->definition.name) : 0;
}

static int reset(virDomainPtr domain, const VmInfo *info, bool *ret_changed, Error *err) {
        *ret_changed = true;
        if (info->state != VM_RUNNING)
                return wrong_state(info, info->state == VM_PAUSED ? "; let it go on with Resume-VM first" : "", err);
        if (virDomainReset(domain, 0) < 0)
                return libvirt_error(err, "\"%s\" was not restarted", info->definition.name);
        host_mark_started(domain);
        return 0;
}

int vmhost_suspend(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) {
        return act(host, name_or_id, suspend, ret_changed, err);
}

int vmhost_resume(VmHost *host, const char *name_or_id, bool *ret_changed, Error *err) {
        return act(host, name_or_id, resume, ret_changed, err);
}

int vmhost_reset(VmHost *host, const char *name_or_id, Error *err) {
        bool changed;
        return act(host, name_or_id, reset, &changed, err);
}
