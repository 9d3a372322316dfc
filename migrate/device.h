/* device.h — the drives and network adapters of a machine come, change and go
 *
 * A change is made in the file on the share, in what libvirt will start next, and, when the machine runs, in QEMU, and
 * is taken back where it was begun when one of them refuses.  What cannot be changed while it runs is refused in
 * Hyper-V's words.  A disk that comes to a running machine is opened exclusively by its own disk process first, as at
 * start: the file server refuses a second owner.
 *
 * All calls claim the machine, block, and belong on pool threads.  @vm is a name or an id.
 */
#pragma once

#include "migrate/host.h"

/* At @slot, which must be free.  The file must exist. */
int device_add_disk(VmHost *host, const char *vm, const char *unc, VmSlot slot, Error *err) FAILS;
/* When it runs: the guest lets go of it, then it is flushed and closed.  The file stays. */
int device_remove_disk(VmHost *host, const char *vm, VmSlot slot, Error *err) FAILS;
/* To another place (@to NULL: the same) and to another file (@unc NULL: the same); off only. */
int device_change_disk(VmHost *host, const char *vm, VmSlot slot, const VmSlot *to, const char *unc, Error *err) FAILS;

/* @iso "" is an empty drive.  Drives come and go while the machine is off; media at any time. */
int device_add_dvd(VmHost *host, const char *vm, const char *iso, VmSlot slot, Error *err) FAILS;
int device_remove_dvd(VmHost *host, const char *vm, VmSlot slot, Error *err) FAILS;
/* @to and @iso may be NULL: as they are. */
int device_change_dvd(VmHost *host, const char *vm, VmSlot slot, const VmSlot *to, const char *iso, Error *err) FAILS;

/* @adapter->mac "" gets one that no machine of this host has; ->slot is filled.  Off only. */
int device_add_adapter(VmHost *host, const char *vm, VmAdapter *adapter, Error *err) FAILS;
/* An adapter is known by its MAC address.  Off only. */
int device_remove_adapter(VmHost *host, const char *vm, const char *mac, Error *err) FAILS;
/* NULL leaves it as it is.  @switch_name "" disconnects; that and @name go while the machine runs.  @new_mac "" is
 * a new address of our choice. */
typedef struct AdapterChange {
        const char *switch_name, *name, *new_mac;
} AdapterChange;
int device_change_adapter(VmHost *host, const char *vm, const char *mac, const AdapterChange *change,
                          char ret_mac[static VM_MAC_SIZE], Error *err) FAILS;

/* A path on a share that ends in .iso; what is local is refused with the way out. */
int device_check_iso(const char *path, char ret_unc[static DISK_UNC_MAX], Error *err) FAILS;
