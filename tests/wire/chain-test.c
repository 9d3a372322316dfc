/* Small requests that go as one message, and what a server may and may not answer. */
#include "tests/wire/client.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/chain.h"

enum { TIMEOUT_US = 5 * 1000 * 1000, SHORT_US = 200 * 1000, COUNT = 40, SIZE = 4096, ODD_SIZE = 4091 };

#define E SMB_PROTECT_ENCRYPT
#define S SMB_PROTECT_SIGN
#define P SMB_PROTECT_SERVER

static const struct {
        const char *why;
        ChainAnswer answer;
        SmbProtection protection;
        const char *says;       /* NULL: all goes well */
        ErrorKind lost;
} rows[] = {
        { "each by itself", CHAIN_SPLIT, E, NULL, 0 },
        { "each by itself, signed", CHAIN_SPLIT, S, NULL, 0 },
        { "each by itself, plain", CHAIN_SPLIT, P, NULL, 0 },
        { "together", CHAIN_ONE, E, NULL, 0 },
        { "together, signed", CHAIN_ONE, S, NULL, 0 },
        { "together, plain", CHAIN_ONE, P, NULL, 0 },
        { "backwards", CHAIN_BACKWARDS, E, NULL, 0 },
        { "backwards, signed", CHAIN_BACKWARDS, S, NULL, 0 },
        { "interim reply to one", CHAIN_INTERIM, E, NULL, 0 },
        { "interim reply to one, signed", CHAIN_INTERIM, S, NULL, 0 },
        { "one not in a chain", CHAIN_REFUSED, E, NULL, 0 },
        { "one not in a chain, signed", CHAIN_REFUSED, S, NULL, 0 },
        { "one missing", CHAIN_MISSING, E, "no answer to a READ", ERROR_TIMEOUT },
        { "one twice", CHAIN_TWICE, E, "never made", ERROR_PROTOCOL },
        { "leads out", CHAIN_NEXT_BEYOND, E, "malformed chain", ERROR_PROTOCOL },
        { "leads out, plain", CHAIN_NEXT_BEYOND, P, "malformed chain", ERROR_PROTOCOL },
        { "leads to the end", CHAIN_NEXT_AT_END, E, "malformed chain", ERROR_PROTOCOL },
        { "leads into itself", CHAIN_NEXT_INSIDE, E, "malformed chain", ERROR_PROTOCOL },
        { "leads into itself, signed", CHAIN_NEXT_INSIDE, S, "malformed chain", ERROR_PROTOCOL },
        { "leads to no boundary", CHAIN_NEXT_ODD, E, "malformed chain", ERROR_PROTOCOL },
        { "cut", CHAIN_CUT, E, "malformed message header", ERROR_PROTOCOL },
        { "cut, plain", CHAIN_CUT, P, "malformed message header", ERROR_PROTOCOL },
        { "one signature wrong", CHAIN_BAD_SIGNATURE, S, "wrong signature", ERROR_DENIED },
        { "one signature missing", CHAIN_NO_SIGNATURE, S, "without the signature", ERROR_DENIED },
};

static unsigned good;

static void on_good_read(void *userdata, uint32_t size, const Error *err) {
        good += err->kind == ERROR_NONE;
        if (err->kind == ERROR_NONE || ((Client *)userdata)->err.kind == ERROR_NONE)
                client_on_read(userdata, size, err);
        else
                ((Client *)userdata)->answers++;
}

static void read_many(size_t row, uint32_t size) {
        Fake fake = fake_default();
        Client client;
        Error err = { 0 };
        auto_free uint8_t *to = calloc(COUNT, SIZE);
        bool waits = rows[row].lost == ERROR_TIMEOUT;
        fake.chain_answer = rows[row].answer;
        good = 0;
        assert_int_equal(client_connect(&client, &fake, rows[row].protection, waits ? SHORT_US : TIMEOUT_US), 0);
        client_open(&client);
        for (size_t i = 0; i < COUNT; i++)
                assert_int_equal(
                        smb_read(client.file, i * 100, to + i * SIZE, size, on_good_read, &client, &err), 0);
        client_wait(&client, COUNT);
        if (!rows[row].says) {
                if (good != COUNT || client.lost > 0)
                        fail_msg("%s: %u: %s", rows[row].why, good, client.err.text);
                for (size_t i = 0; i < COUNT; i++)
                        assert_memory_equal(to + i * SIZE, fake.file + i * 100, size);
        } else if (client.lost != 1 || client.lost_err.kind != rows[row].lost ||
                   !strstr(client.lost_err.text, rows[row].says)) {
                fail_msg("%s: lost %u as %d: %s", rows[row].why, client.lost, (int)client.lost_err.kind,
                         client.lost_err.text);
        }
        client_free(&client, &fake);
        assert_int_equal(client.answers, COUNT);
        assert_int_equal(fake.chains > 0, true);
        if (rows[row].answer == CHAIN_REFUSED)
                assert_in_range(fake.chains, 1, COUNT / CHAIN_MAX);     /* what was under way already */
}

static void test_answers(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                read_many(i, SIZE);
                read_many(i, ODD_SIZE);
        }
}

/* Writes and reads of all sizes, those too large for chains among them. */
static void test_mixed(void **state) {
        (void)state;
        static const uint32_t sizes[] = { 1, 4096, 511, 16384, 16385, 8192, 100000, 7, 4096, 4096 };
        static const SmbProtection protections[] = { E, S, P };
        auto_free uint8_t *from = malloc(100000), *to = malloc(100000);
        memset(from, 0x3C, 100000);
        for (size_t p = 0; p < ARRAY_SIZE(protections); p++) {
                Fake fake = fake_default();
                Client client;
                Error err = { 0 };
                unsigned sent = 0;
                fake.chain_answer = CHAIN_ONE;
                assert_int_equal(client_connect(&client, &fake, protections[p], TIMEOUT_US), 0);
                client_open(&client);
                for (unsigned i = 0; i < 5 * ARRAY_SIZE(sizes); i++, sent += 2) {
                        uint32_t size = sizes[i % ARRAY_SIZE(sizes)];
                        assert_int_equal(smb_write(client.file, 1000000, from, size, i % 4 == 3, client_on_done,
                                                   &client, &err), 0);
                        assert_int_equal(smb_read(client.file, 0, to, size, client_on_read, &client, &err), 0);
                }
                client_wait(&client, sent);
                assert_string_equal(client.err.text, "");
                assert_int_equal(client.lost, 0);
                assert_memory_equal(fake.file + 1000000, from, 100000);
                assert_memory_equal(fake.file, to, 100000);
                client_free(&client, &fake);
                assert_int_equal(client.answers, sent);
                assert_int_equal(fake.chains > 0, true);
        }
}

/* Only replies let waiting ones go: all must go in the end, also with few credits and through a sign-in. */
static void test_all_go(void **state) {
        (void)state;
        static const struct {
                int credits;
                Fault fault;
        } ways[] = { { 1, FAULT_NONE },
                     { 3, FAULT_NONE },
                     { 2, FAULT_EXPIRED },
                     { -1, FAULT_EXPIRED },
                     { -1, FAULT_PENDING } };
        auto_free uint8_t *to = malloc(SIZE);
        for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
                Fake fake = fake_default();
                Client client;
                Error err = { 0 };
                fake.credits = ways[w].credits;
                fake.fault = ways[w].fault;
                fake.fault_command = SMB2_READ;
                fake.fault_from = 5;
                assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
                client_open(&client);
                good = 0;
                for (size_t i = 0; i < COUNT; i++)
                        assert_int_equal(smb_read(client.file, 0, to, SIZE, on_good_read, &client, &err), 0);
                client_wait(&client, COUNT);
                if (good != COUNT)
                        fail_msg("%zu: %u: %s", w, good, client.err.text);
                client_free(&client, &fake);
        }
}

static void test_step(void **state) {
        (void)state;
        static const struct { uint32_t next; size_t left, step; } steps[] = {
                { 0, 80, 80 }, { 72, 200, 72 }, { 64, 128, 64 }, { 64, 64, 0 }, { 56, 200, 0 }, { 8, 200, 0 },
                { 68, 200, 0 }, { 200, 200, 0 }, { 208, 200, 0 }, { 0xFFFFFFF8, 200, 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                assert_int_equal(chain_step(steps[i].next, steps[i].left), steps[i].step);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_mixed),
                cmocka_unit_test(test_all_go),
                cmocka_unit_test(test_step),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
