/* receipt.h — the truth about one move (design §7), as JSON on the share and as an object
 *
 * Pure, but for receipt_store().  All durations are of one clock, the source's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/base/text.h"
#include "auth/machine.h"
#include "migrate/definition.h"
#include "smb/share/files.h"

enum { RECEIPT_PHASES = 5 };

typedef struct ReceiptDisk {
        char path[DISK_UNC_MAX];
        uint8_t file_id[8], volume_id[8];       /* the server's; equal on both hosts, or there is no move */
        uint64_t size_bytes;
        /* Disk content that went from host to host because of the move.  A shared-storage move has no
         * way to carry any, and this counts what such a way would have carried. */
        uint64_t bytes_moved;
        uint64_t epoch_before, epoch_after;
        uint64_t handover_us;                   /* the destination asks → it holds the write handle */
} ReceiptDisk;

typedef struct ReceiptPhase {
        const char *name;                       /* "" : did not happen */
        uint64_t started_us, duration_us;       /* started: since the move's start */
} ReceiptPhase;

typedef struct Receipt {
        char token[UUID_TEXT_SIZE];
        char vm_name[VM_NAME_SIZE], vm_id[UUID_TEXT_SIZE];
        const char *migration_type;             /* "Live" or "Offline" */
        char source[MACHINE_NAME_MAX], destination[MACHINE_NAME_MAX];
        uint64_t started_realtime_us, duration_us;
        bool has_downtime;
        uint64_t downtime_us;
        const char *downtime_method;
        uint64_t memory_bytes_total, memory_bytes_sent, iterations;
        char channel_cipher[64];
        unsigned disk_count;
        ReceiptDisk disks[VM_DISKS_MAX];
        ReceiptPhase phases[RECEIPT_PHASES];
        const char *result;                     /* "Completed", "Failed" or "Cancelled" */
        char reason[ERROR_TEXT_MAX];            /* "" when completed */
} Receipt;

int receipt_json(const Receipt *receipt, sd_json_variant **ret, Error *err) FAILS;
/* "20261123T075826Z-<token>.json" */
void receipt_name(const Receipt *receipt, char to[static 64]);
/* Writes it into <folder>\Receipts\ on the share, over @link if there is one (files.h). */
int receipt_store(const Receipt *receipt, FilesLink *link, const char *folder, sd_json_variant *json, Error *err) FAILS;
