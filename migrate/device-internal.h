/* device-internal.h — one change of a machine's devices, from its claim to its end; nobody but device*.c includes it
 */
#pragma once

#include "migrate/device.h"
#include "migrate/host-internal.h"

#define DEVICE_WRONG_STATE "The operation cannot be performed while the virtual machine is in its current state."

typedef struct Change Change;
struct Change {
        /* Changes @d, the file's and then the running machine's; @running: only what may be changed then. */
        int (*apply)(Change *change, VmDefinition *d, bool running, Error *err);
        /* What a running machine needs before the file is written and QEMU is told; or NULL. */
        int (*prepare)(Change *change, Error *err);
        /* QEMU is told.  NULL: nothing of it reaches a running machine. */
        int (*live)(Change *change, virDomainPtr domain, Error *err);
        bool live_first;                /* QEMU must agree before the file says so */
        /* It failed: what prepare() did is undone; or NULL. */
        void (*undo)(Change *change);
        /* It is done; or NULL. */
        void (*done)(Change *change);

        VmHost *host;
        const DiskName *disk;           /* one more that is claimed; or NULL */
        VmInfo vm;                      /* as it is */
        VmDefinition running;           /* as it runs from now on */

        /* the operations' own */
        VmSlot slot;
        const VmSlot *to;
        const char *path, *mac;
        VmAdapter *adapter;
        const AdapterChange *adapter_change;
        DiskName file, old_medium;
        bool started, told;                     /* told: QEMU has done it */
        int index;                      /* of the device in @running */
};

int device_change(VmHost *host, const char *vm, Change *change, Error *err) FAILS;
/* For apply() of what only goes while the machine is off: "… \"web01\" is Running; turn it off first …". */
int device_must_be_off(const Change *change, bool running, const char *what, Error *err) FAILS;
/* virDomainUpdateDeviceFlags() and its like on the running machine. */
int device_update(const Change *change, virDomainPtr domain, const char *xml, Error *err) FAILS;
