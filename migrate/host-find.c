/* host-find.c — which machines there are and how they are; see host.h */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/libvirt-error.h"

static const struct { VmState state; const char *name; } state_names[] = {
        { VM_RUNNING, "Running" }, { VM_OFF, "Off" }, { VM_STOPPING, "Stopping" }, { VM_PAUSED, "Paused" },
        { VM_STARTING, "Starting" }, { VM_SAVED, "Saved" }, { VM_SAVING, "Saving" }, { VM_PAUSED_CRITICAL, "PausedCritical" }, { VM_OTHER, "Other" },
};

const char *vm_state_name(VmState state) {
        for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
                if (state_names[i].state == state)
                        return state_names[i].name;
        return "Other";
}

static VmState state_of(int state, int reason) {
        static const struct { int state, reason; VmState is; } rows[] = {       /* reason -1: any */
                { VIR_DOMAIN_RUNNING, -1, VM_RUNNING },
                { VIR_DOMAIN_BLOCKED, -1, VM_RUNNING },
                { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, VM_PAUSED_CRITICAL },
                { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, VM_STARTING },
                { VIR_DOMAIN_PAUSED, -1, VM_PAUSED },
                { VIR_DOMAIN_PMSUSPENDED, -1, VM_PAUSED },
                { VIR_DOMAIN_SHUTDOWN, -1, VM_STOPPING },
                { VIR_DOMAIN_SHUTOFF, -1, VM_OFF },
                { VIR_DOMAIN_CRASHED, -1, VM_OFF },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].state == state && (rows[i].reason < 0 || rows[i].reason == reason))
                        return rows[i].is;
        return VM_OTHER;
}

int host_no_such_machine(const char *name_or_id, Error *err) {
        return error_set(err, ERROR_NOT_FOUND, 0,
                         "Hyper-V was unable to find a virtual machine with name \"%.200s\".", name_or_id);
}

void host_domains_freep(Domains *domains) {
        for (size_t i = 0; i < domains->count; i++)
                domain_freep(&domains->list[i]);
        free(domains->list);
        *domains = (Domains){ 0 };
}

int host_domains(VmHost *host, unsigned flags, Domains *ret, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;

        if (vmhost_connection(host, &connection, err) < 0)
                return -1;
        int n = virConnectListAllDomains(connection, &ret->list, flags);
        if (n < 0)
                return libvirt_error(err, "cannot list the virtual machines of this host");
        ret->count = (size_t)n;
        return 0;
}

int host_definition(virDomainPtr domain, unsigned flags, VmDefinition *ret, Error *err) {
        auto_free char *xml = virDomainGetXMLDesc(domain, flags);

        if (!xml)
                return libvirt_error(err, "\"%s\"", virDomainGetName(domain));
        return definition_read(xml, strlen(xml), ret, err);
}

/* An id goes before a name: it is what our own objects say, and a name that looks like one is somebody's choice. */
static virDomainPtr lookup(virConnectPtr connection, const char *name_or_id) {
        virDomainPtr domain = virDomainLookupByUUIDString(connection, name_or_id);     /* asks nobody when it is none */
        return domain ? domain : virDomainLookupByName(connection, name_or_id);
}

int vmhost_domain(VmHost *host, const char *name_or_id, virDomainPtr *ret, Error *err) {
        auto_(connection_freep) virConnectPtr connection = NULL;
        auto_(host_domains_freep) Domains all = { 0 };

        if (vmhost_connection(host, &connection, err) < 0)
                return -1;
        virDomainPtr found = lookup(connection, name_or_id);
        if (found) {
                *ret = found;
                return 0;
        }
        if (host_domains(host, 0, &all, err) < 0)       /* the same but for case */
                return -1;
        for (size_t i = 0; i < all.count && !found; i++)
                if (text_equal_nocase(virDomainGetName(all.list[i]), name_or_id))
                        found = all.list[i];
        if (!found)
                return host_no_such_machine(name_or_id, err);
        (void)virDomainRef(found);
        *ret = found;
        return 0;
}

/* Used since the last question; the first question is answered with the mean since power-on. */
static void cpu_usage(VmHost *host, VmInfo *info) {
        uint64_t now = clock_us(CLOCK_MONOTONIC), since_us = 0, used_ns = 0;
        Sample *sample = NULL;

        (void)pthread_mutex_lock(&host->lock);
        for (size_t i = 0; i < SAMPLES_MAX && !sample; i++)
                if (strcmp(host->samples[i].id, info->definition.id) == 0)
                        sample = &host->samples[i];
        if (sample && sample->processor_time_ns <= info->processor_time_ns && now > sample->at_us) {
                since_us = now - sample->at_us;
                used_ns = info->processor_time_ns - sample->processor_time_ns;
        } else if (info->started_us && clock_us(CLOCK_REALTIME) > info->started_us) {
                since_us = clock_us(CLOCK_REALTIME) - info->started_us;
                used_ns = info->processor_time_ns;
        }
        if (!sample)
                sample = &host->samples[host->sample_next++ % SAMPLES_MAX];
        (void)memcpy(sample->id, info->definition.id, sizeof sample->id);
        sample->processor_time_ns = info->processor_time_ns;
        sample->at_us = now;
        (void)pthread_mutex_unlock(&host->lock);

        unsigned processors = info->definition.processor_count;
        info->has_cpu_usage = since_us > 0 && processors > 0;
        if (info->has_cpu_usage) {
                uint64_t percent = used_ns / 10 / since_us / processors;
                info->cpu_usage_percent = percent > 100 ? 100 : (unsigned)percent;
        }
}

/* Written by our own vmhost_start(): <run started="1764000000000000" …/>. */
static uint64_t started_us(virDomainPtr domain) {
        auto_free char *run = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DEFINITION_RUN_NAMESPACE,
                                                   VIR_DOMAIN_AFFECT_LIVE);
        const char *at = run ? strstr(run, "started=") : NULL;
        uint64_t us = at ? strtoull(at + strlen("started=") + 1, NULL, 10) : 0;

        return us < clock_us(CLOCK_REALTIME) ? us : 0;
}

static int definition_of(VmHost *host, virDomainPtr domain, VmInfo *info, Error *err) {
        HostStamp stamp;

        host_stamp(host, domain, &stamp);
        if (host_recall(host, &stamp, &info->definition, &info->started_us))
                return 0;
        if (host_definition(domain, 0, &info->definition, err) < 0)
                return -1;
        if (stamp.runs != (unsigned)-1)
                info->started_us = started_us(domain);
        host_remember(host, &stamp, &info->definition, info->started_us);
        return 0;
}

/* Cheap on purpose: nothing here asks QEMU, so a machine in the middle of a move answers at once.  @ret is zero and large:
 * only what there is to say is written. */
static int info_of(VmHost *host, virDomainPtr domain, VmInfo *ret, Error *err) {
        int state = VIR_DOMAIN_SHUTOFF, reason = 0;
        virDomainInfo use;

        if (definition_of(host, domain, ret, err) < 0)
                return -1;
        /* one that had no number when it was listed was off: it need not be asked */
        if (virDomainGetID(domain) != (unsigned)-1 && virDomainGetState(domain, &state, &reason, 0) < 0)
                return libvirt_error(err, "\"%s\"", virDomainGetName(domain));
        ret->state = state_of(state, reason);
        ret->active = state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED;
        if (ret->active) {
                if (virDomainGetInfo(domain, &use) < 0)
                        return libvirt_error(err, "\"%s\"", virDomainGetName(domain));
                ret->memory_assigned_bytes = (uint64_t)use.memory << 10;
                ret->processor_time_ns = use.cpuTime;
                cpu_usage(host, ret);
        } else {
                ret->started_us = 0;
        }
        if (ret->state == VM_OFF && ret->definition.saved)
                ret->state = VM_SAVED;
        if (host_claim_text(host, ret->definition.id, ret->claim, ret->claim_status) == VM_CLAIM_SAVE && ret->active)
                ret->state = VM_SAVING;
        return 0;
}

int vmhost_find(VmHost *host, const char *name_or_id, VmInfo *ret, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        auto_free VmInfo *info = calloc(1, sizeof *info);

        if (!info)
                return error_oom(err);
        if (vmhost_domain(host, name_or_id, &domain, err) < 0)
                return -1;
        if (info_of(host, domain, info, err) < 0)
                return err->kind == ERROR_PROTOCOL ? host_no_such_machine(name_or_id, err) : -1;
        *ret = *info;
        return 0;
}

static int by_name(const void *a, const void *b) {
        const virDomainPtr *x = a, *y = b;
        return strcasecmp(virDomainGetName(*x), virDomainGetName(*y));
}

/* Is it the machine's own trouble, and it is one of ours? */
static bool is_unreadable(virDomainPtr domain, const Error *why) {
        if (why->kind != ERROR_PROTOCOL && why->kind != ERROR_UNSUPPORTED)
                return false;
        auto_free char *ours = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DEFINITION_NAMESPACE, 0);
        return ours;
}

void vmhost_skip(void *userdata, const char *name, const Error *why) {}

int vmhost_list(VmHost *host, VmUnreadable unreadable, void *userdata, VmInfo **ret, size_t *ret_count, Error *err) {
        auto_(host_domains_freep) Domains all = { 0 };
        size_t count = 0;

        if (host_domains(host, 0, &all, err) < 0)
                return -1;
        auto_free VmInfo *list = calloc(all.count + 1, sizeof *list);
        if (!list)
                return error_oom(err);
        qsort(all.list, all.count, sizeof *all.list, by_name);
        for (size_t i = 0; i < all.count; i++) {
                Error why = { 0 };
                if (info_of(host, all.list[i], &list[count], &why) == 0) {
                        count++;
                        continue;
                }
                (void)memset(&list[count], 0, sizeof *list);
                bool ours = is_unreadable(all.list[i], &why);
                if (ours)
                        (void)error_wrap(&why, "\"%.100s\"", virDomainGetName(all.list[i]));
                if (ours && unreadable) {
                        unreadable(userdata, virDomainGetName(all.list[i]), &why);
                } else if (ours || (why.kind != ERROR_PROTOCOL && why.kind != ERROR_NOT_FOUND)) {
                        *err = why;
                        return -1;
                }
                /* else it is not ours, or gone since the list was made */
        }
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}
