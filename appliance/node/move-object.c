#include "appliance/node/move-object.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/vm-object.h"

#define HYPERV "Microsoft.HyperV.PowerShell."

static void unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

/* The elements of @list as objects of @type. */
static int typed_list(sd_json_variant *list, const char *type, sd_json_variant **ret) {
        auto_(unrefp) sd_json_variant *typed = NULL;
        int r = sd_json_variant_new_array(&typed, NULL, 0);

        for (size_t i = 0; r >= 0 && list && i < sd_json_variant_elements(list); i++) {
                auto_(unrefp) sd_json_variant *v = sd_json_variant_ref(sd_json_variant_by_index(list, i));
                r = sd_json_variant_set_field_string(&v, "$type", type);
                if (r >= 0)
                        r = sd_json_variant_append_array(&typed, v);
        }
        if (r >= 0)
                *ret = take_ptr(typed);
        return r;
}

int move_report_object(sd_json_variant *receipt, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *report = sd_json_variant_ref(receipt), *disks = NULL, *phases = NULL;

        if (typed_list(sd_json_variant_by_key(receipt, "Disks"), HYPERV "MigrationReportDisk", &disks) < 0 ||
            typed_list(sd_json_variant_by_key(receipt, "Phases"), HYPERV "MigrationReportPhase", &phases) < 0 ||
            sd_json_variant_set_field_string(&report, "$type", HYPERV "MigrationReport") < 0 ||
            sd_json_variant_set_field(&report, "Disks", disks) < 0 ||
            sd_json_variant_set_field(&report, "Phases", phases) < 0)
                return error_oom(err);
        *ret = take_ptr(report);
        return 0;
}

static const char *state_text(JobState state) {
        static const char *const texts[] = { [JOB_RUNNING] = "Running", [JOB_COMPLETED] = "Completed",
                                             [JOB_FAILED] = "Failed", [JOB_CANCELLED] = "Cancelled" };
        return (size_t)state < ARRAY_SIZE(texts) ? texts[state] : "?";
}

int move_job_object(const Job *job, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *receipt = NULL, *report = NULL;
        char computer[MACHINE_NAME_MAX], started[DATETIME_TEXT_SIZE], ended[DATETIME_TEXT_SIZE], duration[TIMESPAN_TEXT_SIZE];
        uint64_t until_us = job->ended_us ? job->ended_us : clock_us(CLOCK_REALTIME);

        vm_computer_name(job->source, computer, sizeof computer);
        datetime_text(job->started_us, started);
        datetime_text(job->ended_us, ended);
        timespan_text(until_us > job->started_us ? until_us - job->started_us : 0, duration);
        if (job->receipt && sd_json_parse(job->receipt, 0, &receipt, NULL, NULL) >= 0 &&
            move_report_object(receipt, &report, err) < 0)
                return -1;
        sd_json_variant *downtime = report ? sd_json_variant_by_key(report, "DowntimeMs") : NULL;
        if (sd_json_buildo(
                    ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMMigrationJob"),
                    SD_JSON_BUILD_PAIR_STRING("Id", job->id), SD_JSON_BUILD_PAIR_STRING("VMName", job->vm_name),
                    SD_JSON_BUILD_PAIR_STRING("VMId", job->vm_id),
                    SD_JSON_BUILD_PAIR_STRING("MigrationType", job->kind),
                    SD_JSON_BUILD_PAIR_STRING("SourceHost", job->source),
                    SD_JSON_BUILD_PAIR_STRING("DestinationHost", job->destination),
                    SD_JSON_BUILD_PAIR_STRING("Phase", job->phase),
                    SD_JSON_BUILD_PAIR_INTEGER("PercentComplete", job->percent),
                    SD_JSON_BUILD_PAIR_STRING("State", state_text(job->state)),
                    SD_JSON_BUILD_PAIR_STRING("Started", started),
                    SD_JSON_BUILD_PAIR_CONDITION(job->ended_us > 0, "Ended", SD_JSON_BUILD_STRING(ended)),
                    SD_JSON_BUILD_PAIR_STRING("Duration", duration),
                    SD_JSON_BUILD_PAIR_CONDITION(!!downtime, "DowntimeMs", SD_JSON_BUILD_VARIANT(downtime)),
                    SD_JSON_BUILD_PAIR_STRING("UserName", job->caller),
                    SD_JSON_BUILD_PAIR_STRING("Reason", job->reason),
                    SD_JSON_BUILD_PAIR_STRING("ComputerName", computer),
                    SD_JSON_BUILD_PAIR_CONDITION(!!report, "MigrationReport", SD_JSON_BUILD_VARIANT(report))) < 0)
                return error_oom(err);
        return 0;
}

/* The part of @vm that the finding is about, for the cmdlet that mends it: the adapter, the drive, or the machine. */
static sd_json_variant *source_of(sd_json_variant *vm, const Finding *finding) {
        bool is_switch = finding->id == FINDING_SWITCH;
        sd_json_variant *list = sd_json_variant_by_key(vm, is_switch ? "NetworkAdapters" : "HardDrives");

        for (size_t i = 0; sd_json_variant_is_array(list) && i < sd_json_variant_elements(list); i++) {
                sd_json_variant *part = sd_json_variant_by_index(list, i);
                sd_json_variant *name = sd_json_variant_by_key(part, is_switch ? "SwitchName" : "Path");
                if (sd_json_variant_is_string(name) && *finding->object &&
                    text_equal_nocase(finding->object, sd_json_variant_string(name)))
                        return part;
        }
        return vm;
}

static int incompatibility(const Finding *f, const Mend *mend, sd_json_variant *vm, sd_json_variant **ret) {
        auto_(unrefp) sd_json_variant *windows = NULL, *samba = NULL, *netapp = NULL;
        int r = object_strings(mend->windows, mend->windows_count, &windows);

        if (r >= 0)
                r = object_strings(mend->samba, mend->samba_count, &samba);
        if (r >= 0)
                r = object_strings(mend->netapp, mend->netapp_count, &netapp);
        return r < 0 ? r
                     : sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMIncompatibility"),
                                      SD_JSON_BUILD_PAIR_STRING("Message", f->message),
                                      SD_JSON_BUILD_PAIR_UNSIGNED("MessageId", f->id),
                                      SD_JSON_BUILD_PAIR_VARIANT("Source", source_of(vm, f)),
                                      SD_JSON_BUILD_PAIR_STRING("ComputerName", f->host),
                                      SD_JSON_BUILD_PAIR_STRING("Evidence", f->evidence),
                                      SD_JSON_BUILD_PAIR_STRING("Path", f->object),
                                      SD_JSON_BUILD_PAIR_STRING("Remedy", f->remedy),
                                      SD_JSON_BUILD_PAIR_STRING("RemedyComputerName", *f->remedy ? f->remedy_host : ""),
                                      SD_JSON_BUILD_PAIR_VARIANT("Windows", windows),
                                      SD_JSON_BUILD_PAIR_VARIANT("Samba", samba),
                                      SD_JSON_BUILD_PAIR_VARIANT("NetApp", netapp));
}

static int incompatibilities(const Findings *findings, const CompareMends *mends, bool advice, sd_json_variant *vm,
                             sd_json_variant **ret) {
        static const Mend none = { 0 };
        auto_(unrefp) sd_json_variant *list = NULL;
        int r = sd_json_variant_new_array(&list, NULL, 0);

        for (size_t i = 0; r >= 0 && i < findings->count; i++) {
                auto_(unrefp) sd_json_variant *v = NULL;
                if (findings->list[i].advice != advice)
                        continue;
                r = incompatibility(&findings->list[i], mends ? &mends->each[i] : &none, vm, &v);
                if (r >= 0)
                        r = sd_json_variant_append_array(&list, v);
        }
        if (r >= 0)
                *ret = take_ptr(list);
        return r;
}

int move_compatibility_object(const VmInfo *info, const char *host, const char *destination, const Findings *findings,
                              const CompareMends *mends, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *vm = NULL, *list = NULL, *advice = NULL;

        if (vm_object(info, host, &vm, err) < 0)
                return -1;
        if (incompatibilities(findings, mends, false, vm, &list) < 0 ||
            incompatibilities(findings, mends, true, vm, &advice) < 0 ||
            sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("$type", HYPERV "VMCompatibilityReport"),
                           SD_JSON_BUILD_PAIR_VARIANT("VM", vm),
                           SD_JSON_BUILD_PAIR_STRING("OperationType", "MoveVirtualMachine"),
                           SD_JSON_BUILD_PAIR_STRING("Destination", destination),
                           /* no file is moved: all stay where they are */
                           SD_JSON_BUILD_PAIR_STRING("Path", info->definition.folder),
                           SD_JSON_BUILD_PAIR_STRING("SnapshotPath", info->definition.folder),
                           SD_JSON_BUILD_PAIR_STRING("VhdDestinationPath", info->definition.folder),
                           SD_JSON_BUILD_PAIR_VARIANT("Incompatibilities", list),
                           SD_JSON_BUILD_PAIR_VARIANT("Advice", advice)) < 0)
                return error_oom(err);
        return 0;
}
