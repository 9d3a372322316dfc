/* compare-around.c — what a machine and its move need from around them: somebody who lets it log on, and room */
#include "migrate/compare-internal.h"

#include <string.h>
#include <sys/statvfs.h>

#include "appliance/base/cleanup.h"

static bool is_named(const Controller *controller, const char *vm) {
        size_t n = strcspn(controller->host, ".");
        return text_equal_nocase(controller->host, vm) ||
               (strlen(vm) == n && text_starts_nocase(controller->host, vm));
}

void compare_controller(const VmDefinition *definition, const char *domain, const Controllers *controllers,
                        Findings *findings) {
        const Controller *it = NULL;

        for (size_t i = 0; i < controllers->count; i++) {
                if (!is_named(&controllers->list[i], definition->name))
                        return;         /* another one lets the hosts and the file server log on meanwhile */
                it = &controllers->list[i];
        }
        if (!it || definition->disk_count == 0)
                return;
        Finding *f = finding_add(findings, FINDING_CONTROLLER, ERROR_CONFLICT,
                                 "\"%s\" is by its name the only domain controller of %s, and its disk lies on a share "
                                 "that asks it who may open it: once both are off neither starts; run a second "
                                 "domain controller outside this share", definition->name, domain);
        finding_because(f, NULL, "the DNS names only %s; the disk is %.160s", it->host, definition->disks[0]);
        finding_advise(f);
}

void compare_domain(const VmDefinition *definition, const char *domain, Findings *findings) {
        auto_free Controllers *controllers = calloc(1, sizeof *controllers);
        Error ignored;

        if (controllers && locate_controllers(domain, controllers, &ignored) == 0)
                compare_controller(definition, domain, controllers, findings);
}

void compare_space(const char *folder, uint64_t needed, Findings *findings) {
        struct statvfs fs;

        if (statvfs(folder, &fs) < 0 || fs.f_blocks == 0)
                return;         /* whoever needs it says so himself */
        uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (bytes >= needed)
                return;
        Finding *f = finding_add(findings, FINDING_SPACE, ERROR_LIMIT,
                                 "%s has %llu MB free in %s and a move needs %llu MB there; remove what is old",
                                 findings->host, (unsigned long long)(bytes >> 20), folder,
                                 (unsigned long long)(needed >> 20));
        finding_because(f, "journalctl --vacuum-size=100M", "%llu bytes free", (unsigned long long)bytes);
        if (strncmp(folder, "/var/log/", strlen("/var/log/")) == 0)
                finding_remedy(f, NULL, "find %s -name '*.log*' -mtime +30 -delete", folder);
}
