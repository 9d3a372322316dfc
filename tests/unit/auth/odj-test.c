/* Blobs of an offline join: one that Samba 4.22 made (in the fuzz corpus), and what is wrong with others. */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/odj.h"

typedef struct File { uint8_t *data; size_t size; } File;

static File load(const char *name) {
        char path[512];
        File f = { .data = malloc(ODJ_TEXT_MAX) };

        (void)snprintf(path, sizeof path, "%s/%s", getenv("CORPUS"), name);
        auto_file FILE *in = fopen(path, "re");
        assert_non_null(in);
        assert_non_null(f.data);
        f.size = fread(f.data, 1, ODJ_TEXT_MAX, in);
        return f;
}

static const struct {
        const char *why, *file;
        bool text;
} whole[] = {
        { "the data itself", "samba", false },
        { "as djoin's file: UTF-16 with a mark and a zero", "samba-text", true },
        { "a package alone", "package-only", false },
        { "as plain text", "plain-text", true },
};

static void test_whole(void **state) {
        char first[ODJ_PASSWORD_MAX] = "";

        for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
                OfflineJoin got = { .domain = "" };
                Error err = { 0 };
                File f = load(whole[i].file);
                int r = whole[i].text ? odj_read(f.data, f.size, &got, &err) : odj_decode(f.data, f.size, &got, &err);
                if (r < 0)
                        fail_msg("%s: %s", whole[i].why, err.text);
                assert_string_equal(got.domain, "lab.test");
                assert_string_equal(got.computer, "HV9");
                assert_string_equal(got.server, "dc1.lab.test");
                if (i == 0)
                        memcpy(first, got.password, sizeof first);
                assert_true(strlen(got.password) > 120);        /* 120 characters, most of them of three bytes */
                assert_string_equal(got.password, first);
                odj_erase(&got);
                assert_int_equal(got.password[0], 0);
                free(f.data);
        }
}

/* Each length cut, each in an allocation of its own size for the sanitizers; nothing of the password in the error. */
static void test_cut(void **state) {
        File f = load("samba");

        for (size_t n = 0; n < f.size; n += 3) {
                OfflineJoin got = { .domain = "untouched" };
                Error err = { 0 };
                auto_free uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, f.data, n);
                assert_int_equal(odj_decode(cut, n, &got, &err), -1);
                assert_int_equal(err.kind, ERROR_INVALID);
                assert_string_equal(got.domain, "untouched");
        }
        free(f.data);
}

static const struct {
        const char *why;
        size_t at;
        uint8_t byte;
} changes[] = {
        { "big-endian", 0x01, 0x00 },
        { "another version of the encoding", 0x00, 0x02 },
        { "no blobs", 0x18, 0x00 },
        { "too many blobs", 0x19, 0xFF },
        { "another version of the data", 0x14, 0x02 },
        { "counts that differ", 0x20, 0x03 },
};

static void test_changed(void **state) {
        File f = load("samba");

        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                OfflineJoin got = { .domain = "" };
                Error err = { 0 };
                uint8_t was = f.data[changes[i].at];
                f.data[changes[i].at] = changes[i].byte;
                if (odj_decode(f.data, f.size, &got, &err) == 0)
                        fail_msg("%s was taken", changes[i].why);
                f.data[changes[i].at] = was;
        }
        /* an encrypted package is for Windows; the first blob is still good */
        OfflineJoin got = { .domain = "" };
        Error err = { 0 };
        f.data[0x380] = 1;
        assert_int_equal(odj_decode(f.data, f.size, &got, &err), 0);
        free(f.data);
}

static const char *const texts[] = { "", "AA==AA", "AR", "====", "not base64!", "QUJD\xFF" };

static void test_texts(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                OfflineJoin got;
                Error err = { 0 };
                if (odj_read(texts[i], strlen(texts[i]), &got, &err) == 0)
                        fail_msg("'%s' was taken", texts[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_whole), cmocka_unit_test(test_cut),
                                            cmocka_unit_test(test_changed), cmocka_unit_test(test_texts) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
