#include "migrate/compare.h"

#include <string.h>

#include "appliance/base/cleanup.h"

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

static int disk_json(const CompareRequest *request, unsigned i, sd_json_variant **ret) {
        char file_id[17], volume_id[17];

        text_hex(request->disks[i].file_id, 8, file_id);
        text_hex(request->disks[i].volume_id, 8, volume_id);
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("FileId", file_id),
                              SD_JSON_BUILD_PAIR_STRING("VolumeId", volume_id),
                              SD_JSON_BUILD_PAIR_UNSIGNED("SizeBytes", request->disks[i].size_bytes));
}

static int fabrics_json(const Fabrics *fabrics, sd_json_variant **ret) {
        auto_(unrefp) sd_json_variant *list = NULL;
        int r = sd_json_variant_new_array(&list, NULL, 0);

        for (size_t i = 0; r >= 0 && i < fabrics->count; i++) {
                auto_(unrefp) sd_json_variant *v = NULL;
                r = sd_json_variant_new_string(&v, fabrics->list[i]);
                if (r >= 0)
                        r = sd_json_variant_append_array(&list, v);
        }
        if (r >= 0)
                *ret = take_ptr(list);
        return r;
}

static int take_fabrics(sd_json_variant *list, Fabrics *ret, Error *err) {
        if (sd_json_variant_elements(list) > FABRICS_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "the request to compare names too many fabrics");
        for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
                sd_json_variant *v = sd_json_variant_by_index(list, i);
                if (!sd_json_variant_is_string(v) || !fabrics_add(ret, sd_json_variant_string(v)))
                        return error_set(err, ERROR_PROTOCOL, 0, "the request to compare names a fabric that is none");
        }
        return 0;
}

int compare_request_json(const CompareRequest *request, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *disks = NULL, *processor = NULL, *host_processor = NULL, *fabrics = NULL;
        auto_free char *xml = NULL;

        if (definition_write(&request->definition, request->emulated, &xml, err) < 0 ||
            processor_json(&request->processor, &processor, err) < 0 ||
            processor_json(&request->host_processor, &host_processor, err) < 0)
                return -1;
        if (sd_json_variant_new_array(&disks, NULL, 0) < 0 || fabrics_json(&request->fabrics, &fabrics) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < request->definition.disk_count; i++) {
                auto_(unrefp) sd_json_variant *disk = NULL;
                if (disk_json(request, i, &disk) < 0 || sd_json_variant_append_array(&disks, disk) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("Token", request->token),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Keep", request->keep),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Running", request->running),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Emulated", request->emulated),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Realtime", request->realtime_us),
                           SD_JSON_BUILD_PAIR_UNSIGNED("NextEpoch", request->next_epoch),
                           SD_JSON_BUILD_PAIR_STRING("Source", request->source),
                           SD_JSON_BUILD_PAIR_STRING("Definition", xml),
                           SD_JSON_BUILD_PAIR_VARIANT("Processor", processor),
                           SD_JSON_BUILD_PAIR_VARIANT("HostProcessor", host_processor),
                           SD_JSON_BUILD_PAIR_VARIANT("Fabrics", fabrics),
                           SD_JSON_BUILD_PAIR_VARIANT("Disks", disks)) < 0)
                return error_oom(err);
        return 0;
}

typedef struct Fields {
        const char *token, *source, *definition;
        int keep, running, emulated;
        uint64_t realtime_us, next_epoch;
        sd_json_variant *disks, *processor, *host_processor, *fabrics;
} Fields;

typedef struct DiskFields {
        const char *file_id, *volume_id;
        uint64_t size_bytes;
} DiskFields;

static int unhex(const char *text, uint8_t to[static 8]) {
        if (strlen(text) != 16)
                return -1;
        for (size_t i = 0; i < 16; i++) {
                char c = text[i];
                int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
                if (digit < 0)
                        return -1;
                to[i / 2] = (uint8_t)(i % 2 ? to[i / 2] | digit : digit << 4);
        }
        return 0;
}

static int take_disks(sd_json_variant *list, CompareRequest *request, Error *err) {
        static const sd_json_dispatch_field fields[] = {
                { "FileId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(DiskFields, file_id),
                  SD_JSON_MANDATORY },
                { "VolumeId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                  offsetof(DiskFields, volume_id), SD_JSON_MANDATORY },
                { "SizeBytes", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(DiskFields, size_bytes),
                  SD_JSON_MANDATORY },
                { 0 },
        };

        if (sd_json_variant_elements(list) != request->definition.disk_count)
                return error_set(err, ERROR_PROTOCOL, 0, "the request to compare counts its disks wrongly");
        for (unsigned i = 0; i < request->definition.disk_count; i++) {
                DiskFields f = { 0 };
                if (sd_json_dispatch(sd_json_variant_by_index(list, i), fields, 0, &f) < 0 ||
                    unhex(f.file_id, request->disks[i].file_id) < 0 ||
                    unhex(f.volume_id, request->disks[i].volume_id) < 0)
                        return error_set(err, ERROR_PROTOCOL, 0, "the request to compare describes a disk badly");
                request->disks[i].size_bytes = f.size_bytes;
        }
        return 0;
}

int compare_request_parse(sd_json_variant *v, CompareRequest *ret, Error *err) {
        static const sd_json_dispatch_field fields[] = {
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, token),
                  SD_JSON_MANDATORY },
                { "Keep", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, offsetof(Fields, keep),
                  SD_JSON_MANDATORY },
                { "Running", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, offsetof(Fields, running),
                  SD_JSON_MANDATORY },
                { "Emulated", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, offsetof(Fields, emulated),
                  SD_JSON_MANDATORY },
                { "Realtime", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Fields, realtime_us),
                  SD_JSON_MANDATORY },
                { "NextEpoch", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Fields, next_epoch),
                  SD_JSON_MANDATORY },
                { "Source", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, source),
                  SD_JSON_MANDATORY },
                { "Definition", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                  offsetof(Fields, definition), SD_JSON_MANDATORY },
                { "Disks", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, offsetof(Fields, disks),
                  SD_JSON_MANDATORY },
                { "Processor", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref, offsetof(Fields, processor), 0 },
                { "HostProcessor", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref,
                  offsetof(Fields, host_processor), 0 },
                { "Fabrics", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, offsetof(Fields, fabrics), 0 },
                { 0 },
        };
        auto_free CompareRequest *request = calloc(1, sizeof *request);
        Fields f = { 0 };

        if (!request)
                return error_oom(err);
        if (sd_json_dispatch(v, fields, SD_JSON_ALLOW_EXTENSIONS, &f) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the request to compare lacks a value");
        if (strlen(f.token) != UUID_TEXT_SIZE - 1 || strlen(f.source) >= sizeof request->source)
                return error_set(err, ERROR_PROTOCOL, 0, "the request to compare has a value of a wrong length");
        if (definition_read(f.definition, strlen(f.definition), &request->definition, err) < 0 ||
            take_disks(f.disks, request, err) < 0 ||
            (f.processor && processor_parse(f.processor, &request->processor, err) < 0) ||
            (f.host_processor && processor_parse(f.host_processor, &request->host_processor, err) < 0) ||
            (f.fabrics && take_fabrics(f.fabrics, &request->fabrics, err) < 0))
                return -1;
        (void)strcpy(request->token, f.token);
        (void)strcpy(request->source, f.source);
        request->keep = f.keep;
        request->running = f.running;
        request->emulated = f.emulated;
        request->realtime_us = f.realtime_us;
        request->next_epoch = f.next_epoch;
        *ret = *request;
        return 0;
}
