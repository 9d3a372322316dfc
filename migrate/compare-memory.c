/* compare-memory.c — has the destination room for the machine?  See compare.h
 *
 * QEMU takes memory from the kernel as the guest touches it, so that a host full of young machines looks empty.  What
 * they were given counts here, whether they have touched it or not.
 */
#include "migrate/compare-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

/* What of a machine's memory the kernel has given out already: bytes of its QEMU; 0 when nobody knows. */
static uint64_t touched(const char *vm) {
        auto_free char *pid_path = text_format("/run/libvirt/qemu/%s.pid", vm);
        auto_file FILE *pid_file = pid_path ? fopen(pid_path, "re") : NULL;
        char path[64];
        unsigned long pages = 0;
        int pid;

        if (!pid_file || fscanf(pid_file, "%d", &pid) != 1)
                return 0;
        (void)snprintf(path, sizeof path, "/proc/%d/statm", pid);
        auto_file FILE *statm = fopen(path, "re");
        if (!statm || fscanf(statm, "%*u %lu", &pages) != 1)
                return 0;
        return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

typedef struct Promises {
        uint64_t open_bytes;            /* assigned and not touched */
        const VmInfo *largest;          /* of the running ones, NULL when none runs */
} Promises;

static Promises count_promises(const VmInfo *machines, size_t count, const char *except) {
        Promises promises = { 0 };

        for (size_t i = 0; i < count; i++) {
                const VmInfo *vm = &machines[i];
                if (!vm->active || strcmp(vm->definition.id, except) == 0)
                        continue;
                uint64_t has = touched(vm->definition.name);
                if (vm->definition.memory_bytes > has)
                        promises.open_bytes += vm->definition.memory_bytes - has;
                if (!promises.largest || vm->definition.memory_bytes > promises.largest->definition.memory_bytes)
                        promises.largest = vm;
        }
        return promises;
}

int compare_memory(VmHost *host, const CompareRequest *request, const VmCapabilities *caps, Findings *findings,
                   Error *err) {
        uint64_t needed = request->definition.memory_bytes + COMPARE_MEMORY_EXTRA;
        auto_free VmInfo *machines = NULL;
        size_t count = 0;

        if (!request->running)
                return 0;
        if (vmhost_list(host, vmhost_skip, NULL, &machines, &count, err) < 0)
                return -1;
        Promises promises = count_promises(machines, count, request->definition.id);
        uint64_t available = caps->memory_free_bytes > promises.open_bytes ? caps->memory_free_bytes - promises.open_bytes : 0;
        if (available >= needed)
                return 0;
        Finding *f = finding_add(findings, FINDING_MEMORY, ERROR_LIMIT,
                                 "%s has %llu MB of memory free and \"%s\" needs %llu MB; free memory there, or choose "
                                 "another host", findings->host, (unsigned long long)(available >> 20),
                                 request->definition.name, (unsigned long long)(needed >> 20));
        finding_because(f, NULL, "%llu of %llu bytes free, %llu promised to machines that run there",
                        (unsigned long long)caps->memory_free_bytes, (unsigned long long)caps->memory_total_bytes,
                        (unsigned long long)promises.open_bytes);
        /* only when turning off one is enough is it a mend */
        if (!promises.largest || available + promises.largest->definition.memory_bytes < needed)
                return 0;
        auto_free char *name = finding_quote(promises.largest->definition.name);
        if (name)
                finding_remedy(f, NULL, "Stop-VM %s", name);
        return 0;
}
