#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "migrate/receipt.h"

static Receipt sample(void) {
        Receipt receipt = {
                .token = "01234567-89ab-4cde-8f01-23456789abcd",
                .vm_name = "web \"01\"", .vm_id = "5c5569b3-4b80-48d1-baa9-38c8af052c28",
                .migration_type = "Live", .source = "hv1.lab.test", .destination = "hv2.lab.test",
                .started_realtime_us = 1795420706001234, .duration_us = 812345,
                .has_downtime = true, .downtime_us = 12345, .downtime_method = "by hand",
                .memory_bytes_total = 268435456, .memory_bytes_sent = 70844497, .iterations = 6,
                .channel_cipher = "TLS1.3-AES-256-GCM", .disk_count = 1, .result = "Completed",
                .disks[0] = { .path = "\\\\fs1.lab.test\\vms\\a.raw", .file_id = { 1, 2, 3, 4, 5, 6, 7, 255 },
                              .volume_id = { 9 }, .size_bytes = 67108864, .epoch_before = 7, .epoch_after = 8,
                              .handover_us = 4567 },
        };
        static const char *const names[RECEIPT_PHASES] = { "Compare", "Prepare", "Transfer", "Switch", "Confirm" };
        for (unsigned i = 0; i < RECEIPT_PHASES; i++)
                receipt.phases[i] = (ReceiptPhase){ names[i], i * 1000, 999 };
        return receipt;
}

/* The whole text: names, order, units and forms are the contract of design §7. */
static void test_json(void **state) {
        (void)state;
        static const char wanted[] =
                "{\"VMName\":\"web \\\"01\\\"\",\"VMId\":\"5c5569b3-4b80-48d1-baa9-38c8af052c28\",\"MigrationType\":\"Live\","
                "\"SourceHost\":\"hv1.lab.test\",\"DestinationHost\":\"hv2.lab.test\",\"Started\":\"2026-11-23T07:58:26.001Z\","
                "\"DurationMs\":812,\"DowntimeMs\":12,\"DowntimeMethod\":\"by hand\",\"MemoryBytesTotal\":268435456,"
                "\"MemoryBytesSent\":70844497,\"Iterations\":6,\"Encrypted\":true,\"ChannelCipher\":\"TLS1.3-AES-256-GCM\","
                "\"Disks\":[{\"Path\":\"\\\\\\\\fs1.lab.test\\\\vms\\\\a.raw\",\"FileId\":\"01020304050607ff\","
                "\"VolumeId\":\"0900000000000000\",\"SizeBytes\":67108864,\"BytesMoved\":0,\"EpochBefore\":7,\"EpochAfter\":8,"
                "\"HandoverMs\":5}],"
                "\"Phases\":[{\"Name\":\"Compare\",\"StartedMs\":0,\"DurationMs\":1},"
                "{\"Name\":\"Prepare\",\"StartedMs\":1,\"DurationMs\":1},"
                "{\"Name\":\"Transfer\",\"StartedMs\":2,\"DurationMs\":1},"
                "{\"Name\":\"Switch\",\"StartedMs\":3,\"DurationMs\":1},"
                "{\"Name\":\"Confirm\",\"StartedMs\":4,\"DurationMs\":1}],\"Result\":\"Completed\",\"Reason\":\"\"}";
        Receipt receipt = sample();
        sd_json_variant *v = NULL;
        auto_free char *text = NULL;
        Error err = { 0 };

        assert_int_equal(receipt_json(&receipt, &v, &err), 0);
        assert_true(sd_json_variant_format(v, 0, &text) > 0);
        assert_string_equal(text, wanted);
        sd_json_variant_unref(v);
}

/* What was not measured is absent, never zero. */
static void test_no_downtime(void **state) {
        (void)state;
        Receipt receipt = sample();
        sd_json_variant *v = NULL;
        Error err = { 0 };

        receipt.has_downtime = false;
        receipt.phases[4].name = NULL;
        assert_int_equal(receipt_json(&receipt, &v, &err), 0);
        assert_null(sd_json_variant_by_key(v, "DowntimeMs"));
        assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(v, "Phases")), 4);
        sd_json_variant_unref(v);
}

static void test_name(void **state) {
        (void)state;
        Receipt receipt = sample();
        char name[64];
        receipt_name(&receipt, name);
        assert_string_equal(name, "20261123T075826Z-01234567-89ab-4cde-8f01-23456789abcd.json");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_no_downtime),
                cmocka_unit_test(test_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
