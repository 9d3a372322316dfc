/* definition-drive.c — where the drives of a machine are; see definition.h */
#include "migrate/definition.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"

static const struct { const char *name, *word; unsigned controllers, locations; } buses[] = {
        [VM_IDE] = { "IDE", "ide", VM_IDE_CONTROLLERS, VM_IDE_LOCATIONS },
        [VM_SCSI] = { "SCSI", "scsi", VM_SCSI_CONTROLLERS, VM_SCSI_LOCATIONS },
};

const char *vm_bus_name(VmBus bus) { return (size_t)bus < ARRAY_SIZE(buses) ? buses[bus].name : ""; }

bool vm_slot_exists(VmSlot slot) {
        return (size_t)slot.bus < ARRAY_SIZE(buses) && slot.controller < buses[slot.bus].controllers &&
               slot.location < buses[slot.bus].locations;
}

bool vm_slot_equal(VmSlot a, VmSlot b) {
        return a.bus == b.bus && a.controller == b.controller && a.location == b.location;
}

static bool goes_before(VmSlot a, VmSlot b) {
        return a.bus != b.bus ? a.bus < b.bus :
               a.controller != b.controller ? a.controller < b.controller : a.location < b.location;
}

int definition_disk_at(const VmDefinition *d, VmSlot slot) {
        for (unsigned i = 0; i < d->disk_count; i++)
                if (vm_slot_equal(d->disk_slots[i], slot))
                        return (int)i;
        return -1;
}

int definition_dvd_at(const VmDefinition *d, VmSlot slot) {
        for (unsigned i = 0; i < d->dvd_count; i++)
                if (vm_slot_equal(d->dvds[i].slot, slot))
                        return (int)i;
        return -1;
}

bool definition_free_slot(const VmDefinition *d, VmBus bus, int controller, VmSlot *ret) {
        for (unsigned c = 0; c < buses[bus].controllers; c++)
                for (unsigned l = 0; l < buses[bus].locations; l++) {
                        VmSlot slot = { bus, c, l };
                        if ((controller >= 0 && (unsigned)controller != c) || definition_disk_at(d, slot) >= 0 ||
                            definition_dvd_at(d, slot) >= 0)
                                continue;
                        *ret = slot;
                        return true;
                }
        return false;
}

void definition_put_disk(VmDefinition *d, const char *unc, VmSlot slot) {
        unsigned at = d->disk_count++;

        for (; at > 0 && goes_before(slot, d->disk_slots[at - 1]); at--) {
                (void)memcpy(d->disks[at], d->disks[at - 1], DISK_UNC_MAX);
                d->disk_slots[at] = d->disk_slots[at - 1];
        }
        (void)memset(d->disks[at], 0, DISK_UNC_MAX);
        (void)snprintf(d->disks[at], DISK_UNC_MAX, "%s", unc);
        d->disk_slots[at] = slot;
}

/* What is left behind the end is zeros again, so that equal definitions are equal bytes. */
void definition_take_disk(VmDefinition *d, unsigned index) {
        unsigned after = --d->disk_count - index;

        (void)memmove(d->disks[index], d->disks[index + 1], after * sizeof d->disks[0]);
        (void)memmove(&d->disk_slots[index], &d->disk_slots[index + 1], after * sizeof d->disk_slots[0]);
        (void)memset(d->disks[d->disk_count], 0, sizeof d->disks[0]);
        d->disk_slots[d->disk_count] = (VmSlot){ 0 };
}

void definition_take_dvd(VmDefinition *d, unsigned index) {
        (void)memmove(&d->dvds[index], &d->dvds[index + 1], (--d->dvd_count - index) * sizeof d->dvds[0]);
        (void)memset(&d->dvds[d->dvd_count], 0, sizeof d->dvds[0]);
}

void definition_take_adapter(VmDefinition *d, unsigned index) {
        (void)memmove(&d->adapters[index], &d->adapters[index + 1],
                      (--d->adapter_count - index) * sizeof d->adapters[0]);
        (void)memset(&d->adapters[d->adapter_count], 0, sizeof d->adapters[0]);
}

void vm_slot_text(VmSlot slot, char ret[static VM_SLOT_TEXT_SIZE]) {
        (void)snprintf(ret, VM_SLOT_TEXT_SIZE, "%s:%u:%u", slot.bus == VM_SCSI ? "scsi" : "ide",
                       slot.controller % 1000, slot.location % 1000);
}

/* One or two digits, no sign; moves *text behind them. */
static bool small_number(const char **text, unsigned *ret) {
        size_t n = strspn(*text, "0123456789");

        if (n < 1 || n > 2)
                return false;
        *ret = (unsigned)(**text - '0');
        if (n == 2)
                *ret = *ret * 10 + (unsigned)((*text)[1] - '0');
        *text += n;
        return true;
}

bool vm_slot_parse(const char *text, VmSlot *ret) {
        VmSlot slot = { 0 };

        for (size_t bus = 0; bus < ARRAY_SIZE(buses); bus++) {
                size_t n = strlen(buses[bus].word);
                const char *at = text + n;
                if (strncmp(text, buses[bus].word, n) != 0 || *at++ != ':')
                        continue;
                slot.bus = (VmBus)bus;
                if (!small_number(&at, &slot.controller) || *at++ != ':' || !small_number(&at, &slot.location) || *at ||
                    !vm_slot_exists(slot))
                        return false;
                *ret = slot;
                return true;
        }
        return false;
}
