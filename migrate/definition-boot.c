/* definition-boot.c — from which of its devices a machine boots, in order; see definition.h */
#include "migrate/definition.h"

#include <string.h>

/* What an entry may look like; whether the device is there, definition_boot_rank() says. */
static bool is_entry(const char *text) {
        static const char hex[] = "0123456789abcdef";
        VmSlot slot;

        if (vm_slot_parse(text, &slot))
                return true;
        if (strlen(text) == DISK_ID_SIZE - 1 && strspn(text, hex) == DISK_ID_SIZE - 1)
                return true;
        if (strlen(text) != VM_MAC_SIZE - 1)
                return false;
        for (size_t i = 0; i < VM_MAC_SIZE - 1; i++)
                if (i % 3 == 2 ? text[i] != ':' : !strchr(hex, text[i]))
                        return false;
        return true;
}

int definition_check_boot(const VmDefinition *d, Error *err) {
        if (d->boot_count > VM_BOOT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "\"%s\" has more than %d devices to boot from", d->name,
                                 VM_BOOT_MAX);
        for (unsigned i = 0; i < d->boot_count; i++) {
                if (!is_entry(d->boot[i]))
                        return error_set(err, ERROR_INVALID, 0, "\"%s\" would boot from \"%.40s\", which names neither a "
                                         "drive nor a network adapter", d->name, d->boot[i]);
                for (unsigned j = 0; j < i; j++)
                        if (strcmp(d->boot[i], d->boot[j]) == 0)
                                return error_set(err, ERROR_INVALID, 0, "\"%s\" would boot from one device twice", d->name);
        }
        return 0;
}

static bool has_device(const VmDefinition *d, const char *entry) {
        DiskName disk;
        VmSlot slot;
        Error ignored;

        if (vm_slot_parse(entry, &slot))
                return definition_dvd_at(d, slot) >= 0;
        for (unsigned i = 0; i < d->disk_count; i++)
                if (disk_name(d->disks[i], &disk, &ignored) == 0 && strcmp(disk.id, entry) == 0)
                        return true;
        for (unsigned i = 0; i < d->adapter_count; i++)
                if (strcmp(d->adapters[i].mac, entry) == 0)
                        return true;
        return false;
}

unsigned definition_boot_rank(const VmDefinition *d, const char *entry) {
        unsigned rank = 0;

        for (unsigned i = 0; i < d->boot_count; i++) {
                if (!has_device(d, d->boot[i]))
                        continue;
                rank++;
                if (strcmp(d->boot[i], entry) == 0)
                        return rank;
        }
        return 0;
}

bool definition_has_boot(const VmDefinition *d) {
        for (unsigned i = 0; i < d->boot_count; i++)
                if (has_device(d, d->boot[i]))
                        return true;
        return false;
}
