#include "migrate/receipt.h"

#include <string.h>
#include <time.h>

#include "appliance/base/cleanup.h"

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

/* Whole milliseconds, to the nearest: what a person reads, and every JSON reader takes. */
static uint64_t ms(uint64_t us) {
        return (us + 500) / 1000;
}

static struct tm utc(uint64_t realtime_us) {
        time_t seconds = (time_t)(realtime_us / 1000000);
        struct tm tm = { 0 };
        (void)gmtime_r(&seconds, &tm);
        return tm;
}

static int disk_json(const ReceiptDisk *disk, sd_json_variant **ret) {
        char file_id[17], volume_id[17];

        text_hex(disk->file_id, sizeof disk->file_id, file_id);
        text_hex(disk->volume_id, sizeof disk->volume_id, volume_id);
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("Path", disk->path),
                              SD_JSON_BUILD_PAIR_STRING("FileId", file_id),
                              SD_JSON_BUILD_PAIR_STRING("VolumeId", volume_id),
                              SD_JSON_BUILD_PAIR_UNSIGNED("SizeBytes", disk->size_bytes),
                              SD_JSON_BUILD_PAIR_UNSIGNED("BytesMoved", disk->bytes_moved),
                              SD_JSON_BUILD_PAIR_UNSIGNED("EpochBefore", disk->epoch_before),
                              SD_JSON_BUILD_PAIR_UNSIGNED("EpochAfter", disk->epoch_after),
                              SD_JSON_BUILD_PAIR_UNSIGNED("HandoverMs", ms(disk->handover_us)));
}

static int lists_json(const Receipt *receipt, sd_json_variant **ret_disks, sd_json_variant **ret_phases) {
        for (unsigned i = 0; i < receipt->disk_count; i++) {
                auto_(unrefp) sd_json_variant *v = NULL;
                int r = disk_json(&receipt->disks[i], &v);
                if (r < 0 || (r = sd_json_variant_append_array(ret_disks, v)) < 0)
                        return r;
        }
        for (unsigned i = 0; i < RECEIPT_PHASES; i++) {
                const ReceiptPhase *phase = &receipt->phases[i];
                auto_(unrefp) sd_json_variant *v = NULL;
                if (!phase->name || !*phase->name)
                        continue;
                int r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("Name", phase->name),
                                       SD_JSON_BUILD_PAIR_UNSIGNED("StartedMs", ms(phase->started_us)),
                                       SD_JSON_BUILD_PAIR_UNSIGNED("DurationMs", ms(phase->duration_us)));
                if (r < 0 || (r = sd_json_variant_append_array(ret_phases, v)) < 0)
                        return r;
        }
        return 0;
}

int receipt_json(const Receipt *receipt, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *disks = NULL, *phases = NULL;
        struct tm tm = utc(receipt->started_realtime_us);
        char second[32] = "", started[48];

        (void)strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(started, sizeof started, "%s.%03uZ", second,
                       (unsigned)(receipt->started_realtime_us / 1000 % 1000));
        if (sd_json_variant_new_array(&disks, NULL, 0) < 0 || sd_json_variant_new_array(&phases, NULL, 0) < 0 ||
            lists_json(receipt, &disks, &phases) < 0 ||
            sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("VMName", receipt->vm_name),
                           SD_JSON_BUILD_PAIR_STRING("VMId", receipt->vm_id),
                           SD_JSON_BUILD_PAIR_STRING("MigrationType", receipt->migration_type),
                           SD_JSON_BUILD_PAIR_STRING("SourceHost", receipt->source),
                           SD_JSON_BUILD_PAIR_STRING("DestinationHost", receipt->destination),
                           SD_JSON_BUILD_PAIR_STRING("Started", started),
                           SD_JSON_BUILD_PAIR_UNSIGNED("DurationMs", ms(receipt->duration_us)),
                           SD_JSON_BUILD_PAIR_CONDITION(receipt->has_downtime, "DowntimeMs",
                                                        SD_JSON_BUILD_UNSIGNED(ms(receipt->downtime_us))),
                           SD_JSON_BUILD_PAIR_STRING("DowntimeMethod", receipt->downtime_method),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryBytesTotal", receipt->memory_bytes_total),
                           SD_JSON_BUILD_PAIR_UNSIGNED("MemoryBytesSent", receipt->memory_bytes_sent),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Iterations", receipt->iterations),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Encrypted", true),
                           SD_JSON_BUILD_PAIR_STRING("ChannelCipher", receipt->channel_cipher),
                           SD_JSON_BUILD_PAIR_VARIANT("Disks", disks),
                           SD_JSON_BUILD_PAIR_VARIANT("Phases", phases),
                           SD_JSON_BUILD_PAIR_STRING("Result", receipt->result),
                           SD_JSON_BUILD_PAIR_STRING("Reason", receipt->reason)) < 0)
                return error_oom(err);
        return 0;
}

void receipt_name(const Receipt *receipt, char to[static 64]) {
        struct tm tm = utc(receipt->started_realtime_us);
        char stamp[24] = "";
        (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
        (void)snprintf(to, 64, "%.16s-%s.json", stamp, receipt->token);
}

int receipt_store(const Receipt *receipt, FilesLink *link, const char *folder, sd_json_variant *json, Error *err) {
        auto_free char *text = NULL, *receipts = text_format("%s\\Receipts", folder);
        char name[64];

        receipt_name(receipt, name);
        auto_free char *path = text_format("%s\\Receipts\\%s", folder, name);
        if (!receipts || !path ||
            sd_json_variant_format(json, SD_JSON_FORMAT_PRETTY | SD_JSON_FORMAT_NEWLINE, &text) < 0)
                return error_oom(err);
        /* the folder is there from the second move on: do not ask the server for it every time */
        if (files_write_over(link, path, text, strlen(text), false, err) == 0)
                return 0;
        if (err->kind != ERROR_NOT_FOUND)
                return -1;
        if (files_make_folder(receipts, err) < 0)
                return -1;
        return files_write_new(path, text, strlen(text), err);
}
