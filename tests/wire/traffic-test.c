/* After connecting: a server that misbehaves, or a network that somebody sits on. */
#include "tests/wire/client.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/directory.h"
#include "smb/engine/status.h"

enum { TIMEOUT_US = 5 * 1000 * 1000, LARGE = 256 * 1024, SMALL = 512 };

typedef struct TrafficRow {
        const char *why;
        SmbProtection protection;
        Fault fault;
        uint32_t size;          /* of the read that it befalls */
        const char *says;       /* NULL: all goes well */
        ErrorKind lost;         /* what on_lost says */
        ErrorKind kind;         /* what the request says */
} TrafficRow;

#define E SMB_PROTECT_ENCRYPT
#define S SMB_PROTECT_SIGN
#define P SMB_PROTECT_SERVER
#define GONE ERROR_UNREACHABLE
static const TrafficRow rows[] = {
        { "signature stripped", S, FAULT_STRIP_SIGNATURE, SMALL, "without the signature", ERROR_DENIED, GONE },
        { "signature stripped, large", S, FAULT_STRIP_SIGNATURE, LARGE, "without the signature", ERROR_DENIED,
          GONE },
        { "signature wrong", S, FAULT_BAD_SIGNATURE, SMALL, "wrong signature", ERROR_DENIED, GONE },
        { "signature wrong, large", S, FAULT_BAD_SIGNATURE, LARGE, "wrong signature", ERROR_DENIED, GONE },
        { "data changed", S, FAULT_BIT_FLIP, SMALL, "wrong signature", ERROR_DENIED, GONE },
        { "data changed, large", S, FAULT_BIT_FLIP, LARGE, "wrong signature", ERROR_DENIED, GONE },
        { "sealed data changed", E, FAULT_BIT_FLIP, SMALL, "does not decrypt", ERROR_DENIED, GONE },
        { "sealed data changed, large", E, FAULT_BIT_FLIP, LARGE, "does not decrypt", ERROR_DENIED, GONE },
        { "clear under seal", E, FAULT_CLEAR, SMALL, "unencrypted", ERROR_DENIED, GONE },
        { "clear under seal, large", E, FAULT_CLEAR, LARGE, "unencrypted", ERROR_DENIED, GONE },
        { "answer to nothing", P, FAULT_WRONG_ID, SMALL, "never made", ERROR_PROTOCOL, GONE },
        { "answer to nothing, large", P, FAULT_WRONG_ID, LARGE, "never made", ERROR_PROTOCOL, GONE },
        { "answer to another command", E, FAULT_WRONG_COMMAND, SMALL, "never made", ERROR_PROTOCOL, GONE },
        { "chain of one", E, FAULT_COMPOUND, SMALL, "malformed chain", ERROR_PROTOCOL, GONE },
        { "chain of one, large", S, FAULT_COMPOUND, LARGE, "malformed chain", ERROR_PROTOCOL, GONE },
        { "a request", E, FAULT_REQUEST, SMALL, "no reply", ERROR_PROTOCOL, GONE },
        { "impossible length", E, FAULT_LENGTH, SMALL, "impossible length", ERROR_PROTOCOL, GONE },
        { "tiny length", P, FAULT_TINY, SMALL, "impossible length", ERROR_PROTOCOL, GONE },
        { "stops in the middle", E, FAULT_TRUNCATE, SMALL, "closed the connection", GONE, GONE },
        { "stops in the middle, large", S, FAULT_TRUNCATE, LARGE, "closed the connection", GONE, GONE },
        { "no body", E, FAULT_SHORT_BODY, SMALL, "malformed", ERROR_PROTOCOL, GONE },
        { "more data than asked for", P, FAULT_LONG_DATA, SMALL, "more data", ERROR_PROTOCOL, GONE },
        { "more data than asked for, large", P, FAULT_LONG_DATA, LARGE, "more data", ERROR_PROTOCOL, GONE },
        { "more data than asked for, sealed", E, FAULT_LONG_DATA, LARGE, "more data", ERROR_PROTOCOL, GONE },
        { "hangs up", E, FAULT_HANG_UP, SMALL, "closed the connection", GONE, GONE },
        { "never answers", E, FAULT_SILENT, SMALL, "no answer to a READ", ERROR_TIMEOUT, ERROR_TIMEOUT },
        { "half the data at a time", E, FAULT_SHORT_DATA, SMALL, NULL, 0, 0 },
        { "half the data at a time, large", S, FAULT_SHORT_DATA, LARGE, NULL, 0, 0 },
        { "interim reply", E, FAULT_PENDING, SMALL, NULL, 0, 0 },
        { "interim reply, signed", S, FAULT_PENDING, LARGE, NULL, 0, 0 },
        { "session expired", E, FAULT_EXPIRED, SMALL, NULL, 0, 0 },
        { "session expired, signed", S, FAULT_EXPIRED, LARGE, NULL, 0, 0 },
        { "session expired, plain", P, FAULT_EXPIRED, LARGE, NULL, 0, 0 },
};

static void run_row(const TrafficRow *row) {
        Fake fake = fake_default();
        Client client;
        auto_free uint8_t *to = malloc(LARGE);
        bool waits = row->lost == ERROR_TIMEOUT;
        fake.fault = row->fault;
        fake.fault_command = SMB2_READ;
        fake.fault_from = 1;            /* the first read goes well */
        assert_int_equal(client_connect(&client, &fake, row->protection, waits ? 200000 : TIMEOUT_US), 0);
        client_open(&client);
        assert_int_equal(client_read(&client, 0, to, row->size), 0);
        int r = client_read(&client, 1234, to, row->size);
        if (!row->says) {
                if (r < 0)
                        fail_msg("%s: %s", row->why, client.err.text);
                assert_int_equal(client.size, row->size);
                assert_memory_equal(to, fake.file + 1234, row->size);
                assert_int_equal(client_read(&client, 99, to, SMALL), 0);
                assert_int_equal(fake.sign_ins, row->fault == FAULT_EXPIRED ? 2 : 1);
                assert_int_equal(client.lost, 0);
        } else if (r == 0 || client.err.kind != row->kind || !strstr(client.err.text, row->says) ||
                   client.lost != 1 || client.lost_err.kind != row->lost) {
                fail_msg("%s: %d, kind %d, lost %u as %d: %s", row->why, r, (int)client.err.kind, client.lost,
                         (int)client.lost_err.kind, client.err.text);
        }
        assert_int_equal(client.answers, 1);
        client_free(&client, &fake);
        assert_int_equal(client.answers, 1);
}

static void test_rows(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                run_row(&rows[i]);
}

typedef struct Counted {
        Client *client;
        bool read;
} Counted;

static void on_counted(void *userdata, uint32_t size, const Error *err) {
        Counted *counted = userdata;
        counted->read = err->kind == ERROR_NONE;
        if (!counted->read)
                assert_int_equal(err->kind, ERROR_UNREACHABLE);
        client_on_read(counted->client, size, err);
}

/* Every request is answered once, also those that were never sent.  Which of the first hundred come through is the
 * network's affair: a reset throws away what has arrived and was not read yet. */
static void test_many_answered_once(void **state) {
        (void)state;
        enum { COUNT = 400 };
        Fake fake = fake_default();
        Client client;
        Error err = { 0 };
        static uint8_t to[COUNT][SMALL];
        Counted counted[COUNT] = { 0 };
        size_t came = 0;
        fake.fault = FAULT_HANG_UP;
        fake.fault_command = SMB2_READ;
        fake.fault_from = 100;
        fake.credits = 3;
        assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
        client_open(&client);
        for (size_t i = 0; i < COUNT; i++) {
                counted[i].client = &client;
                assert_int_equal(smb_read(client.file, i * SMALL, to[i], SMALL, on_counted, &counted[i], &err), 0);
        }
        assert_int_equal(client.answers, 0);            /* never from within the call */
        client_wait(&client, COUNT);
        assert_int_equal(client.lost, 1);
        assert_int_equal(smb_read(client.file, 0, to[0], SMALL, client_on_read, &client, &err), -1);
        assert_int_equal(err.kind, ERROR_UNREACHABLE);
        for (size_t i = 0; i < COUNT; i++)
                if (counted[i].read) {
                        assert_memory_equal(to[i], fake.file + i * SMALL, SMALL);
                        came++;
                }
        assert_in_range(came, 1, 100);
        client_free(&client, &fake);
        assert_int_equal(client.answers, COUNT);
        assert_int_equal(client.lost, 1);
}

static void test_free_answers(void **state) {
        (void)state;
        Fake fake = fake_default();
        Client client;
        Error err = { 0 };
        uint8_t to[SMALL];
        fake.fault = FAULT_SILENT;
        fake.fault_command = SMB2_READ;
        assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
        client_open(&client);
        for (int i = 0; i < 5; i++)
                assert_int_equal(smb_read(client.file, 0, to, SMALL, client_on_read, &client, &err), 0);
        (void)sd_event_run(client.event, 1000);
        client_free(&client, &fake);
        assert_int_equal(client.answers, 5);
        assert_int_equal(client.err.kind, ERROR_CANCELLED);
        assert_int_equal(client.lost, 0);
}

static void free_in_callback(void *userdata, uint32_t size, const Error *err) {
        Client *client = userdata;
        client_on_read(userdata, size, err);
        if (client->session) {
                SmbSession *session = client->session;
                client->session = NULL;
                smb_session_free(session);
        }
}

/* The callback of one request, of a reply and of a loss, may end everything. */
static void test_free_in_callback(void **state) {
        (void)state;
        static const Fault faults[] = { FAULT_NONE, FAULT_HANG_UP, FAULT_CLEAR };
        for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
                Fake fake = fake_default();
                Client client;
                Error err = { 0 };
                uint8_t to[SMALL];
                fake.fault = faults[f];
                fake.fault_command = SMB2_READ;
                assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
                client_open(&client);
                for (int i = 0; i < 5; i++)
                        assert_int_equal(smb_read(client.file, 0, to, SMALL, free_in_callback, &client, &err), 0);
                client_wait(&client, 5);
                client_free(&client, &fake);
                assert_int_equal(client.answers, 5);
                assert_int_equal(client.lost, 0);
        }
}

static void free_in_data_callback(void *userdata, const void *out, uint32_t size, const Error *err) {
        (void)out;
        free_in_callback(userdata, size, err);
}

/* The same of those that bring data which is no file's content. */
static void test_free_in_data_callback(void **state) {
        (void)state;
        static const struct { unsigned command; Fault fault; } rows_here[] = {
                { SMB2_QUERY_INFO, FAULT_STATUS }, { SMB2_QUERY_INFO, FAULT_HANG_UP },
                { SMB2_IOCTL, FAULT_STATUS }, { SMB2_IOCTL, FAULT_HANG_UP },
                { SMB2_QUERY_DIRECTORY, FAULT_STATUS }, { SMB2_QUERY_DIRECTORY, FAULT_HANG_UP },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows_here); i++) {
                Fake fake = fake_default();
                Client client;
                Error err = { 0 };
                fake.fault = rows_here[i].fault;
                fake.status = 0xC00000BB;
                fake.fault_command = rows_here[i].command;
                assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
                client_open(&client);
                int r = rows_here[i].command == SMB2_QUERY_INFO
                                ? smb_query_info(client.file, SMB_INFO_FILE, 5, 0, 24, free_in_data_callback,
                                                 &client, &err)
                        : rows_here[i].command == SMB2_IOCTL
                                ? smb_ioctl(client.file, 0x900C0, NULL, 0, 64, free_in_data_callback, &client, &err)
                                : smb_query_directory(client.file, 4096, free_in_data_callback, &client, &err);
                assert_int_equal(r, 0);
                client_wait(&client, 1);
                client_free(&client, &fake);
                assert_int_equal(client.answers, 1);
                assert_int_equal(client.lost, 0);
        }
}

/* A 256 KiB read costs four credits. */
static void test_credits(void **state) {
        (void)state;
        static const struct { const char *why; int credits; bool echo; const char *says; } starving[] = {
                { "one at a time, more on asking", 1, true, NULL },
                { "one at a time, never more", 1, false, "grants 1 credits" },
                { "two at a time: they add up", 2, false, NULL },
        };
        auto_free uint8_t *to = malloc(LARGE);
        for (size_t i = 0; i < ARRAY_SIZE(starving); i++) {
                Fake fake = fake_default();
                Client client;
                fake.credits = starving[i].credits;
                fake.echo_grants = starving[i].echo;
                assert_int_equal(client_connect(&client, &fake, S, TIMEOUT_US), 0);
                client_open(&client);
                int r = client_read(&client, 0, to, LARGE);
                if (starving[i].says) {
                        if (r == 0 || !strstr(client.err.text, starving[i].says) ||
                            client.err.kind != ERROR_UNSUPPORTED)
                                fail_msg("%s: %s", starving[i].why, client.err.text);
                } else if (r < 0) {
                        fail_msg("%s: %s", starving[i].why, client.err.text);
                }
                assert_int_equal(client.lost, 0);
                assert_int_equal(client_read(&client, 0, to, SMALL), 0);
                client_free(&client, &fake);
        }
}

static void test_pending_forever(void **state) {
        (void)state;
        Fake fake = fake_default();
        Client client;
        Error err = { 0 };
        uint8_t to[SMALL];
        fake.fault = FAULT_PENDING_ONLY;
        fake.fault_command = SMB2_READ;
        assert_int_equal(client_connect(&client, &fake, E, 200000), 0);
        client_open(&client);
        assert_int_equal(smb_read(client.file, 0, to, SMALL, client_on_read, &client, &err), 0);
        for (int i = 0; i < 40; i++)
                (void)sd_event_run(client.event, 20000);
        assert_int_equal(client.answers, 0);            /* 0.2 s are over, and the server said it works on it */
        client_free(&client, &fake);
        assert_int_equal(client.answers, 1);
}

/* Samba never seals a lease break, so it is taken in any dress. */
static void test_lease_break(void **state) {
        (void)state;
        static const struct {
                SmbProtection protection;
                Fault fault;
        } breaks[] = { { E, FAULT_BREAK }, { S, FAULT_BREAK }, { P, FAULT_BREAK }, { E, FAULT_BREAK_CLEAR } };
        for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
                Fake fake = fake_default();
                Client client;
                Error err = { 0 };
                fake.fault = breaks[i].fault;
                fake.fault_command = SMB2_FLUSH;
                assert_int_equal(client_connect(&client, &fake, breaks[i].protection, TIMEOUT_US), 0);
                client_open(&client);
                assert_int_equal(smb_flush(client.file, client_on_done, &client, &err), 0);
                client_wait(&client, 1);
                assert_string_equal(client.err.text, "");
                assert_int_equal(client.lease_breaks, 1);
                assert_int_equal(client.lease_now, SMB_LEASE_READ);
                assert_true(client.lease_ack);
                assert_int_equal(smb_lease_ack(client.file, client_on_done, &client, &err), 0);
                client_wait(&client, 2);
                assert_string_equal(client.err.text, "");
                assert_int_equal(smb_close(client.file, client_on_done, &client, &err), 0);
                client_wait(&client, 3);
                assert_string_equal(client.err.text, "");
                assert_int_equal(client.lost, 0);
                client_free(&client, &fake);
        }
}

static void test_half_written(void **state) {
        (void)state;
        Fake fake = fake_default();
        Client client;
        uint8_t from[SMALL] = { 0 };
        fake.fault = FAULT_HALF_WRITE;
        fake.fault_command = SMB2_WRITE;
        assert_int_equal(client_connect(&client, &fake, E, TIMEOUT_US), 0);
        client_open(&client);
        assert_int_equal(client_write(&client, 0, from, sizeof from), -1);
        assert_non_null(strstr(client.err.text, "only 256 of 512 bytes to \\\\fs1.lab.test\\vms\\web01\\disk.raw"));
        assert_int_equal(client.lost, 0);
        client_free(&client, &fake);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_many_answered_once),
                cmocka_unit_test(test_free_answers),
                cmocka_unit_test(test_free_in_callback),
                cmocka_unit_test(test_free_in_data_callback),
                cmocka_unit_test(test_credits),
                cmocka_unit_test(test_pending_forever),
                cmocka_unit_test(test_lease_break),
                cmocka_unit_test(test_half_written),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
