/* move-record.h — what a move has changed on this host, kept where a restarted holdfastd finds it
 *
 *      /run/holdfast/move/TOKEN/move.json       this record
 *      /run/holdfast/move/TOKEN/libvirt.sock    source: forwarded to the destination's libvirt
 *      /run/holdfast/move/TOKEN/qemu/           owned by QEMU's user: it listens in there
 *      /run/holdfast/move/TOKEN/qemu/memory.sock
 *
 * The record is written before the first change and removed after the last is undone or confirmed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"
#include "appliance/base/text.h"
#include "auth/machine.h"
#include "migrate/definition.h"

enum { MOVES_MAX = 64, MOVE_PATH_MAX = 108 };

typedef struct MoveRecord {
        char token[UUID_TEXT_SIZE];
        bool outgoing;
        char peer[MACHINE_NAME_MAX];            /* the other host */
        char vm_name[VM_NAME_SIZE], vm_id[UUID_TEXT_SIZE];
        char folder[DISK_UNC_MAX];
        unsigned disk_count;
        char disks[VM_DISKS_MAX][DISK_UNC_MAX];
        uint64_t next_epoch;                    /* that the destination's term will have */
} MoveRecord;

/* A token comes from another host and becomes a path: exactly a UUID in lower case. */
int move_token_check(const char *token, Error *err) FAILS;
/* @name "" (the folder), "libvirt.sock", "qemu/memory.sock". */
void move_path(const char *token, const char *name, char to[static MOVE_PATH_MAX]);

/* Makes the folder (and qemu/ for @qemu_user, NULL: not) and the record. */
int move_record_store(const MoveRecord *record, const char *qemu_user, Error *err) FAILS;
int move_record_load(const char *token, MoveRecord *ret, Error *err) FAILS;
/* Removes everything of this move; what is not there is fine. */
void move_record_remove(const char *token);
/* The tokens there are, at most MOVES_MAX. */
size_t move_record_list(char tokens[static MOVES_MAX][UUID_TEXT_SIZE]);

/* Pure forms. */
int move_record_encode(const MoveRecord *record, char **ret, Error *err) FAILS;
int move_record_decode(const char *json, MoveRecord *ret, Error *err) FAILS;

/* Whether the move is with that host (a proven name); false with ERROR_DENIED. */
bool move_is_with(const MoveRecord *record, const char *peer, Error *err);
int move_record_disks(const MoveRecord *record, DiskName ret[static VM_DISKS_MAX], Error *err) FAILS;
