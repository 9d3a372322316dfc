/* The framing of encrypted messages, as clients send it and as nobody should. */
#include "tests/unit/test.h"

#include <string.h>

#include "appliance/gateway/seal.h"

#define FRONT "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n" \
              "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
#define OCTETS "\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
#define TOKEN "\x10\0\0\0" "0123456789abcdef"
#define END "--Encrypted Boundary--\r\n"
#define SPNEGO "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\""

static const struct {
        const char *why, *type, *body;
        size_t size;
        const char *data;               /* wanted; NULL: refused */
} rows[] = {
#define ROW(why, type, body, data) { why, type, body, sizeof(body) - 1, data }
        ROW("whole", SPNEGO, FRONT "5" OCTETS TOKEN "hello" END, "hello"),
        ROW("no tab, as Ruby sends it", SPNEGO,
            "--Encrypted Boundary\r\nContent-Type: x\r\nOriginalContent: type=y;Length=5\r\n--Encrypted Boundary\r\n"
            "Content-Type: application/octet-stream\r\n" TOKEN "hello" END, "hello"),
        ROW("Kerberos by name", "multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\"",
            FRONT "5" OCTETS TOKEN "hello" END, "hello"),
        ROW("no line break at the end", SPNEGO, FRONT "5" OCTETS TOKEN "hello--Encrypted Boundary--", "hello"),
        ROW("the boundary inside", SPNEGO, FRONT "5" OCTETS TOKEN "a" END "b" END, "a" END "b"),
        ROW("empty", SPNEGO, "", NULL),
        ROW("CredSSP", "multipart/encrypted;protocol=\"application/HTTP-CredSSP-session-encrypted\"",
            FRONT "5" OCTETS TOKEN "hello" END, NULL),
        ROW("no closing boundary", SPNEGO, FRONT "5" OCTETS TOKEN "hello", NULL),
        ROW("no length", SPNEGO, FRONT OCTETS TOKEN "hello" END, NULL),
        ROW("no octets", SPNEGO, FRONT "5\r\n" END, NULL),
        ROW("a token longer than the body", SPNEGO, FRONT "5" OCTETS "\xff\0\0\0" "0123" END, NULL),
        ROW("a token of 4 GiB", SPNEGO, FRONT "5" OCTETS "\xff\xff\xff\xff" "0123456789abcdef" END, NULL),
        ROW("too short a token", SPNEGO, FRONT "5" OCTETS "\4\0\0\0" "0123hello" END, NULL),
        ROW("cut in the token's length", SPNEGO, FRONT "5" OCTETS "\4\0" END, NULL),
};

static void test_rows(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SealedPart part = { 0 };
                Error err = { 0 };
                int r = seal_parse(rows[i].type, rows[i].body, rows[i].size, &part, &err);
                if ((r == 0) != (rows[i].data != NULL))
                        fail_msg("%s: %d '%s'", rows[i].why, r, err.text);
                if (r < 0)
                        continue;
                if (part.data.size != strlen(rows[i].data) || memcmp(part.data.data, rows[i].data, part.data.size) != 0)
                        fail_msg("%s: other data", rows[i].why);
                assert_int_equal(part.length, 5);
        }
}

static void test_announced(void **state) {
        assert_true(seal_announced(SPNEGO));
        assert_true(seal_announced("Multipart/x-multi-encrypted"));     /* refused, by its name, when it is parsed */
        assert_false(seal_announced("application/soap+xml"));
        assert_false(seal_announced(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_announced) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
