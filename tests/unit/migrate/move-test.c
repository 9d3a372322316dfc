/* What crosses to the other host or outlives this process: records, requests, findings. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/compare.h"
#include "migrate/move-record.h"

static void test_token(void **state) {
        (void)state;
        static const struct {
                const char *why, *token;
                int wanted;
        } rows[] = {
                { "a UUID", "01234567-89ab-4cde-8f01-23456789abcd", 0 },
                { "upper case", "01234567-89AB-4CDE-8F01-23456789ABCD", -1 },
                { "too short", "01234567-89ab-4cde-8f01-23456789abc", -1 },
                { "too long", "01234567-89ab-4cde-8f01-23456789abcde", -1 },
                { "a way out", "../../../../../../../../../../etc/passwd", -1 },
                { "a slash inside", "0123456/-89ab-4cde-8f01-23456789abcd", -1 },
                { "a dash where a digit belongs", "-1234567-89ab-4cde-8f01-23456789abcd", -1 },
                { "a digit where a dash belongs", "01234567089ab-4cde-8f01-23456789abcd", -1 },
                { "empty", "", -1 },
                { "nothing", NULL, -1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Error err = { 0 };
                if (move_token_check(rows[i].token, &err) != rows[i].wanted)
                        fail_msg("%s", rows[i].why);
        }
}

static void test_record(void **state) {
        (void)state;
        MoveRecord *record = calloc(1, sizeof *record), *got = calloc(1, sizeof *got);
        auto_free char *text = NULL;
        Error err = { 0 };

        strcpy(record->token, "01234567-89ab-4cde-8f01-23456789abcd");
        strcpy(record->peer, "hv2.lab.test");
        strcpy(record->vm_name, "web01");
        strcpy(record->vm_id, "5c5569b3-4b80-48d1-baa9-38c8af052c28");
        strcpy(record->folder, "\\\\fs1.lab.test\\vms\\web01");
        strcpy(record->disks[0], "\\\\fs1.lab.test\\vms\\web01\\a.raw");
        strcpy(record->disks[1], "\\\\fs1.lab.test\\vms\\web01\\b.raw");
        record->disk_count = 2;
        record->outgoing = true;
        record->next_epoch = UINT64_MAX - 1;
        assert_int_equal(move_record_encode(record, &text, &err), 0);
        assert_int_equal(move_record_decode(text, got, &err), 0);
        assert_memory_equal(record, got, sizeof *record);

        static const struct {
                const char *why, *json;
        } bad[] = {
                { "cut", "{\"Token\":\"01234567-89ab-4cde-8f01-23456789abcd\"" },
                { "empty", "" },
                { "no disks", "{\"Token\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"Outgoing\":true,\"Peer\":\"a\",\"VMName\":"
                              "\"a\",\"VMId\":\"a\",\"Folder\":\"a\",\"NextEpoch\":1}" },
                { "a token that is a path", "{\"Token\":\"../../etc\",\"Outgoing\":true,\"Peer\":\"a\",\"VMName\":\"a\","
                                            "\"VMId\":\"a\",\"Folder\":\"a\",\"NextEpoch\":1,\"Disks\":[]}" },
                { "an id too long", "{\"Token\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"Outgoing\":true,\"Peer\":\"a\","
                                    "\"VMName\":\"a\",\"VMId\":\"5c5569b3-4b80-48d1-baa9-38c8af052c28x\",\"Folder\":\"a\","
                                    "\"NextEpoch\":1,\"Disks\":[]}" },
                { "a disk that is a number", "{\"Token\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"Outgoing\":true,"
                                             "\"Peer\":\"a\",\"VMName\":\"a\",\"VMId\":\"a\",\"Folder\":\"a\",\"NextEpoch\":1,"
                                             "\"Disks\":[5]}" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (move_record_decode(bad[i].json, got, &err) != -1)
                        fail_msg("%s was taken", bad[i].why);
        assert_memory_equal(record, got, sizeof *record);       /* untouched by failures */
        free(record);
        free(got);
}

static CompareRequest *request_sample(void) {
        CompareRequest *request = calloc(1, sizeof *request);
        strcpy(request->token, "01234567-89ab-4cde-8f01-23456789abcd");
        strcpy(request->source, "hv1.lab.test");
        request->keep = request->running = request->emulated = true;
        request->realtime_us = 1795420706001234;
        request->next_epoch = 42;
        VmDefinition *d = &request->definition;
        strcpy(d->name, "web01");
        strcpy(d->id, "5c5569b3-4b80-48d1-baa9-38c8af052c28");
        strcpy(d->folder, "\\\\fs1.lab.test\\vms\\web01");
        d->generation = 1;
        d->memory_bytes = 256ULL << 20;
        d->processor_count = d->disk_count = 1;
        strcpy(d->disks[0], "\\\\fs1.lab.test\\vms\\web01\\a.raw");
        memcpy(request->disks[0].file_id, "\x01\x02\x03\x04\xFF\xFE\xFD\xFC", 8);
        request->disks[0].size_bytes = 67108864;
        return request;
}

static void test_request(void **state) {
        (void)state;
        CompareRequest *request = request_sample(), *got = calloc(1, sizeof *got);
        sd_json_variant *v = NULL;
        Error err = { 0 };

        if (compare_request_json(request, &v, &err) < 0 || compare_request_parse(v, got, &err) < 0)
                fail_msg("%s", err.text);
        assert_string_equal(got->token, request->token);
        assert_string_equal(got->definition.disks[0], request->definition.disks[0]);
        assert_memory_equal(&got->disks, &request->disks, sizeof got->disks);
        assert_int_equal(got->next_epoch, 42);
        assert_true(got->keep && got->running && got->emulated);

        /* each value is needed, and none may have another form */
        static const char *const names[] = { "Token", "Keep", "Running", "Emulated", "Realtime", "NextEpoch", "Source",
                                             "Definition", "Disks" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                sd_json_variant *bad = sd_json_variant_ref(v);
                assert_true(sd_json_variant_set_field(&bad, names[i], NULL) >= 0);
                if (compare_request_parse(bad, got, &err) != -1 || err.kind != ERROR_PROTOCOL)
                        fail_msg("taken without %s", names[i]);
                sd_json_variant_unref(bad);
        }
        sd_json_variant *bad = sd_json_variant_ref(v);
        assert_true(sd_json_variant_set_field_string(&bad, "Definition", "<domain type='kvm'/>") >= 0);
        assert_int_equal(compare_request_parse(bad, got, &err), -1);
        sd_json_variant_unref(bad);
        sd_json_variant_unref(v);
        free(request);
        free(got);
}

static void test_findings(void **state) {
        (void)state;
        Findings *findings = calloc(1, sizeof *findings), *got = calloc(1, sizeof *got);
        sd_json_variant *v = NULL;
        Error err = { 0 };

        strcpy(findings->host, "hv2.lab.test");
        Finding *f = finding_add(findings, FINDING_MEMORY, ERROR_LIMIT, "%s has no memory", "hv2");
        finding_because(f, "free -m", "%d bytes", 5);
        finding_about(f, "\\\\fs1\\vms\\a.raw");
        finding_remedy(f, "hv1.lab.test", "Stop-VM %s", "'a'");
        assert_string_equal(f->remedy, "free -m\nStop-VM 'a'");
        assert_int_equal(findings_json(findings, &v, &err), 0);
        assert_int_equal(findings_append_json(got, v, &err), 0);
        assert_int_equal(got->count, 1);
        assert_memory_equal(&got->list[0], &findings->list[0], sizeof got->list[0]);
        assert_int_equal(findings_error(got, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        assert_string_equal(err.text, "hv2 has no memory");
        assert_int_equal(findings_append_json(got, v, &err), 0);
        (void)findings_error(got, &err);
        assert_non_null(strstr(err.text, "1 more"));
        assert_int_equal(findings_append_json(got, NULL, &err), -1);
        sd_json_variant_unref(v);

        /* a command that does not fit is left out whole */
        for (int i = 0; i < 200; i++)
                finding_remedy(f, NULL, "Stop-VM 'web%03d'", i);
        assert_in_range(strlen(f->remedy), FINDING_REMEDY_MAX - 32, FINDING_REMEDY_MAX - 1);
        assert_int_equal(strlen(strrchr(f->remedy, '\n')), strlen("\nStop-VM 'web000'"));
        finding_remedy(NULL, NULL, "x");
        finding_about(NULL, "x");
        char *quoted = finding_quote("it's"), *shell = finding_quote_shell("it's");
        assert_string_equal(quoted, "'it''s'");
        assert_string_equal(shell, "'it'\\''s'");
        free(quoted);
        free(shell);

        /* a host that finds too much is believed as far as there is room */
        for (int i = 0; i < 2 * FINDINGS_MAX; i++)
                finding_because(finding_add(findings, FINDING_DISK, ERROR_DENIED, "%d", i), NULL, "x");
        assert_int_equal(findings->count, FINDINGS_MAX);
        free(findings);
        free(got);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token),
                cmocka_unit_test(test_record),
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_findings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
