/* client.h — the node's side of a disk process: start it, ask it, hand it over
 *
 * A disk process is the systemd unit holdfast-disk@ID.service: holdfast-disk, user
 * holdfast-disk, one SMB file.  It outlives holdfastd.  ID is the first 32 hex digits of SHA-256
 * over the lower-cased UNC path, so both hosts of a move use the same socket paths:
 *
 *      /run/holdfast/disk/ID/nbd.sock       the export, mode 0660 group kvm: QEMU connects here
 *      /run/holdfast/disk/ID/control.sock   varlink io.holdfast.Disk, root only
 *      /run/holdfast/disk/ID/config.json    what the unit was started with
 *
 * All calls block; call them on a pool thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

enum { DISK_ID_SIZE = 33, DISK_UNC_MAX = 1400, DISK_SOCKET_MAX = 108 };

typedef struct DiskName {
        char unc[DISK_UNC_MAX];         /* \\fs1.lab.test\vms\web01\Virtual Hard Disks\web01.raw */
        char id[DISK_ID_SIZE];
        char nbd_socket[DISK_SOCKET_MAX];
} DiskName;

typedef enum DiskState {                /* design §5 */
        DISK_NONE, DISK_READER, DISK_OWNER, DISK_ARMED, DISK_GIVEN, DISK_LOST,
} DiskState;
const char *disk_state_name(DiskState state);

typedef struct DiskStatus {
        DiskState state;
        uint64_t epoch;                 /* of the ownership term this process knows of */
        uint64_t size_bytes;
        uint8_t file_id[8], volume_id[8];       /* QFid of the server */
        bool wanted;                    /* READER: a write is parked and waits for ownership */
        uint64_t bytes_read, bytes_written;     /* guest I/O over SMB since the process started; written, zeroed, trimmed */
        uint64_t writes_parked;
        uint32_t maximal_access;        /* of the file, for this host's machine account */
        uint16_t dialect, cipher;
        bool sealed, durable;
        bool connected;                 /* to the file server, right now */
        char token[64];                 /* of the migration it is armed for; empty: none */
        char reason[512];               /* LOST: why; else empty */
} DiskStatus;

/* Pure: checks and canonicalises a UNC path (forward slashes accepted). */
int disk_name(const char *unc, DiskName *ret, Error *err) FAILS;
/* The same for a medium that only @reader reads, say a machine's DVD drive: each reader has a process of its own,
 * which stays in READER. */
int disk_medium_name(const char *unc, const char *reader, DiskName *ret, Error *err) FAILS;

/* Starts the process and waits until its export is up, in READER.  Starting a running one is
 * ERROR_CONFLICT.  SMB's own errors come through with their kind. */
int disk_start(const DiskName *name, DiskStatus *ret, Error *err) FAILS;
/* Stops the process; a handle it holds is flushed and closed.  Not running is success. */
int disk_stop(const DiskName *name, Error *err) FAILS;
int disk_status(const DiskName *name, DiskStatus *ret, Error *err) FAILS;

/* The disk processes of this host, as they were started; the caller frees *ret.  At most DISK_LIST_MAX. */
enum { DISK_LIST_MAX = 1024 };
int disk_list(DiskName **ret, size_t *ret_count, Error *err) FAILS;

/* READER → OWNER(epoch): the exclusive open.  @epoch must be above every epoch this disk had.
 * ERROR_CONFLICT when somebody else holds the file for writing (sharing violation). */
int disk_acquire(const DiskName *name, uint64_t epoch, DiskStatus *ret, Error *err) FAILS;
/* READER: note when the file was last written, as the file server says it; no writer may be at work then. */
int disk_mark(const DiskName *name, DiskStatus *ret, Error *err) FAILS;
/* As disk_acquire(), but only if nobody has written the file since disk_mark(): for a machine whose former host can
 * no longer say whether it has let it run again.  ERROR_CONFLICT otherwise, and nothing is held. */
int disk_acquire_unchanged(const DiskName *name, uint64_t epoch, DiskStatus *ret, Error *err) FAILS;
/* OWNER → ARMED: an outgoing migration, known by @token (a random UUID text), is under way. */
int disk_arm(const DiskName *name, const char *token, Error *err) FAILS;
/* ARMED → OWNER: the migration ended on this side. */
int disk_disarm(const DiskName *name, const char *token, Error *err) FAILS;
/* ARMED, QEMU paused, drained and inactivated: from now on the server's lease break may give, too. */
int disk_release(const DiskName *name, const char *token, Error *err) FAILS;
/* ARMED → GIVEN: refuse further I/O, flush, close.  On success no write handle of ours exists.  Repeating it with
 * the same token is success. */
int disk_give(const DiskName *name, const char *token, uint64_t next_epoch, Error *err) FAILS;
/* GIVEN → OWNER(epoch), only after the other side stated it never un-parked (rule B). */
int disk_take_back(const DiskName *name, const char *token, uint64_t epoch, Error *err) FAILS;
/* Waits until a READER's `wanted` turns true or its state changes or @timeout_us passes. */
int disk_wait(const DiskName *name, uint64_t timeout_us, DiskStatus *ret, Error *err) FAILS;
