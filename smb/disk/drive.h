/* drive.h — one disk as this process drives it: handles on the share, guest requests, ownership
 *
 * Lives on the thread that runs its sd_event loop.  Knows SMB and the rules of ownership, refuses to know NBD,
 * varlink and systemd.
 *
 * The file is not opened write-through: the guest's own flushes are passed on, and a server that loses unflushed
 * writes in a crash has lost our handle with them, so the disk is LOST and the guest stops, which is what a power
 * cut is to it.  Only on a continuously available share does a handle outlive a server, and there it is opened
 * write-through.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "appliance/base/error.h"
#include "smb/disk/config.h"
#include "smb/disk/ownership.h"
#include "smb/disk/request.h"

typedef struct Drive Drive;

typedef struct DriveFacts {
        Ownership own;
        Error reason;                   /* NONE: why there is no reader; LOST: why; else ERROR_NONE */
        bool connected;                 /* a handle is open right now */
        uint64_t size_bytes;
        uint8_t file_id[8], volume_id[8];
        bool wanted;                    /* a write is parked */
        uint64_t bytes_read, bytes_written, writes_parked;
        uint32_t maximal_access;
        uint16_t dialect, cipher;
        bool sealed, durable;
} DriveFacts;

/* Called once, on the loop.  err->kind is ERROR_NONE on success. */
typedef void (*DriveDone)(void *userdata, const Error *err);

/* Starts to open the reader.  @config is copied. */
int drive_new(sd_event *event, const DiskConfig *config, Drive **ret, Error *err) FAILS;
/* Drops what is open without ceremony, answers every request; drive_stop() is the way with. */
void drive_free(Drive *drive);

/* Any number of requests may be under way; who asks bounds them. */
void drive_submit(Drive *drive, Request *request);
/* @client is gone: its writes that are parked, which nobody was told are done, are forgotten (ESHUTDOWN), so that
 * ownership does not let them go when nobody waits for them any more.  What is on the wire goes on. */
void drive_withdraw(Drive *drive, const void *client);

void drive_facts(const Drive *drive, DriveFacts *ret);
/* @changed is called on the loop after every change of state, of `wanted` or of the reason. */
void drive_on_change(Drive *drive, void (*changed)(void *userdata), void *userdata);

/* READER: note how the file stands now (its LastWriteTime, asked from the server).  Returns at once; a drive that
 * cannot ask stays unmarked.  The first mark stays.  A write that is parked marks, too: from then on a machine waits
 * here whose memory knows the disk as it is now. */
void drive_mark(Drive *drive);

/* Each fails at once when ownership_on() refuses; else @done tells the outcome.  @unchanged: only if nobody has
 * written since drive_mark(), judged by the answer to the exclusive open itself; else ERROR_CONFLICT, nothing
 * un-parked and nothing held. */
int drive_acquire(Drive *drive, uint64_t epoch, bool unchanged, DriveDone done, void *userdata, Error *err) FAILS;
int drive_take_back(Drive *drive, const char *token, uint64_t epoch, DriveDone done, void *userdata,
                    Error *err) FAILS;
int drive_give(Drive *drive, const char *token, uint64_t epoch, DriveDone done, void *userdata, Error *err) FAILS;
int drive_arm(Drive *drive, const char *token, Error *err) FAILS;
int drive_disarm(Drive *drive, const char *token, Error *err) FAILS;
int drive_release(Drive *drive, const char *token, Error *err) FAILS;

/* Fails what is parked, flushes and closes what is held, in bounded time; then @done, after which only drive_free()
 * may be called. */
void drive_stop(Drive *drive, DriveDone done, void *userdata);
