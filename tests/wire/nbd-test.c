/* The NBD server's bytes, by hand: what real clients say rightly is in the lab (25-disk-nbd.sh), what they never say
 * is here. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "smb/disk/nbd-wire.h"
#include "tests/wire/hex.h"
#include "tests/wire/memory-disk.h"

enum { BYTES_MAX = 2 * MEMORY_DISK_SIZE };

typedef struct Bytes { size_t size; uint8_t data[BYTES_MAX]; } Bytes;

typedef struct Talk {
        sd_event *event;
        Nbd *nbd;
        int fd;                         /* the client's end; -1: closed */
        bool ended;                     /* by the server */
        MemoryDisk disk;
        Bytes said, got;
        size_t at;                      /* of got: what was looked at */
} Talk;

/* ---- words --------------------------------------------------------------------------------------- */

static void put(Bytes *b, unsigned width, uint64_t value) {
        while (width-- > 0)
                b->data[b->size++] = (uint8_t)(value >> (8 * width));
}

static void put_hex(Bytes *b, const char *text) { b->size += hex(text, b->data + b->size, BYTES_MAX - b->size); }

static uint64_t get(Talk *t, unsigned width) {
        uint64_t value = 0;
        if (t->at + width > t->got.size)
                fail_msg("the server said too little");
        while (width-- > 0)
                value = value << 8 | t->got.data[t->at++];
        return value;
}

/* Says what was put, @pace bytes at a time, and hears everything that comes of it. */
static void talk(Talk *t, size_t pace) {
        size_t said = 0;
        for (bool busy = true; busy || said < t->said.size;) {
                size_t left = t->said.size - said, n = left < pace ? left : pace;
                ssize_t k = n > 0 && t->fd >= 0 ? send(t->fd, t->said.data + said, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
                said += k > 0 ? (size_t)k : k < 0 && errno == EPIPE ? left : 0;
                busy = k > 0;
                while (sd_event_run(t->event, 0) > 0)
                        busy = true;
                ssize_t got = t->fd < 0 ? -1 : recv(t->fd, t->got.data + t->got.size, BYTES_MAX - t->got.size, MSG_DONTWAIT);
                t->ended |= got == 0;
                if (got > 0)
                        t->got.size += (size_t)got;
                busy |= got > 0;
        }
        t->said.size = 0;
}

static void hang_up(Talk *t) {
        assert_int_equal(close(t->fd), 0);
        t->fd = -1;
        talk(t, 1);
}

static void begin(Talk *t, const char *flags) {
        Error err;
        int ends[2];

        memory_disk_init(&t->disk);
        t->said.size = t->got.size = t->at = 0;
        t->ended = false;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        assert_true(sd_event_new(&t->event) >= 0);
        assert_int_equal(nbd_new(t->event, -1, &memory_disk_backend, &t->disk, &t->nbd, &err), 0);
        assert_int_equal(nbd_adopt(t->nbd, ends[0], &err), 0);
        t->fd = ends[1];
        put_hex(&t->said, flags);
        talk(t, 4);
        assert_int_equal(get(t, 8), 0x4e42444d41474943);        /* NBDMAGIC */
        assert_int_equal(get(t, 8), 0x49484156454f5054);        /* IHAVEOPT */
        assert_int_equal(get(t, 2), 3);
}

static void end(Talk *t) {
        memory_disk_release(&t->disk);
        nbd_free(t->nbd);
        (void)sd_event_unref(t->event);
        if (t->fd >= 0)
                (void)close(t->fd);
}

static void put_option(Talk *t, uint32_t code, const char *payload) {
        put(&t->said, 8, 0x49484156454f5054);
        put(&t->said, 4, code);
        put(&t->said, 4, strlen(payload) / 2);
        put_hex(&t->said, payload);
}

static void put_request(Talk *t, uint16_t flags, uint16_t command, uint64_t cookie, uint64_t offset, uint32_t size) {
        put(&t->said, 4, 0x25609513);
        put(&t->said, 2, flags);
        put(&t->said, 2, command);
        put(&t->said, 8, cookie);
        put(&t->said, 8, offset);
        put(&t->said, 4, size);
}

static void go(Talk *t, bool structured, bool allocation) {
        if (structured)
                put_option(t, NBD_OPT_STRUCTURED_REPLY, "");
        if (allocation)
                put_option(t, NBD_OPT_SET_META_CONTEXT, "00000000" "00000001" "0000000f" "626173653a616c6c6f636174696f6e");
        put_option(t, NBD_OPT_GO, "00000000" "0000");
        talk(t, 1 << 16);
        t->at = t->got.size;
}

static void expect_simple(Talk *t, uint32_t error, uint64_t cookie) {
        assert_int_equal(get(t, 4), 0x67446698);
        assert_int_equal(get(t, 4), error);
        assert_int_equal(get(t, 8), cookie);
}

static uint32_t expect_chunk(Talk *t, uint16_t type, uint64_t cookie) {
        assert_int_equal(get(t, 4), 0x668e33ef);
        assert_int_equal(get(t, 2), 1);
        assert_int_equal(get(t, 2), type);
        assert_int_equal(get(t, 8), cookie);
        return (uint32_t)get(t, 4);
}

static void expect_bytes(Talk *t, uint8_t value, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (get(t, 1) != value)
                        fail_msg("byte %zu of %zu is wrong", i, size);
}

static void expect_quiet(Talk *t) { assert_int_equal(t->at, t->got.size); }

/* ---- haggling ------------------------------------------------------------------------------------ */

#define ACK " 00000001:"
#define INVALID " 80000003:*"
#define SIZE_1M "0000000000100000"
#define CONTEXT "626173653a616c6c6f636174696f6e"
static const struct {
        const char *why;
        bool structured;                /* asked for before */
        uint32_t code;
        const char *payload, *answers;  /* type:payload in hex, * for any words */
} haggles[] = {
        { "structured replies", false, 8, "", ACK },
        { "structured replies with words", false, 8, "00", INVALID },
        { "TLS", false, 5, "", " 80000002:*" },
        { "extended headers", false, 11, "", " 80000001:" },
        { "an unknown option with words", false, 4711, "0102030405", " 80000001:" },
        { "the list", false, 3, "", " 00000002:00000000" ACK },
        { "the list with words", false, 3, "00", INVALID },
        { "the size", false, 6, "000000000000", " 00000003:0000" SIZE_1M "096d" ACK },
        { "the size, structured", true, 6, "000000000000", " 00000003:0000" SIZE_1M "09ed" ACK },
        { "of an export with a name", false, 6, "00000002616200010000", " 00000003:0000" SIZE_1M "096d" ACK },
        { "block sizes, too", false, 6, "0000000000010003",
          " 00000003:0000" SIZE_1M "096d 00000003:0003000000010000100002000000" ACK },
        { "go", false, 7, "000000000000", " 00000003:0000" SIZE_1M "096d" ACK },
        { "no words", false, 6, "", INVALID },
        { "words missing", false, 6, "000000000001", INVALID },
        { "words too many", false, 6, "00000000000000", INVALID },
        { "a name that is not there", false, 6, "ffffffff0000", INVALID },
        { "contexts without structured replies", false, 10, "0000000000000001" "0000000f" CONTEXT, INVALID },
        { "base:allocation", true, 10, "0000000000000001" "0000000f" CONTEXT, " 00000004:00000001" CONTEXT ACK },
        { "another context", true, 10, "0000000000000001" "00000003" "783a79", ACK },
        { "no context", true, 10, "0000000000000000", ACK },
        { "list all contexts", true, 9, "0000000000000000", " 00000004:00000000" CONTEXT ACK },
        { "list base:", true, 9, "0000000000000001" "00000005" "626173653a", " 00000004:00000000" CONTEXT ACK },
        { "set base: alone", true, 10, "0000000000000001" "00000005" "626173653a", ACK },
        { "more contexts announced than there are", true, 10, "00000000000000ff" "0000000f" CONTEXT, INVALID },
        { "contexts without end", true, 10, "00000000ffffffff", INVALID },
};

static void expect_answers(Talk *t, uint32_t code, const char *answers, const char *why) {
        static char text[2 * 1024];
        while (*answers) {
                unsigned type;
                assert_int_equal(sscanf(answers, " %8x:", &type), 1);
                answers = strchr(answers, ':') + 1;
                size_t n = strcspn(answers, " ");
                assert_int_equal(get(t, 8), 0x0003e889045565a9);
                assert_int_equal(get(t, 4), code);
                uint64_t got = get(t, 4), size = get(t, 4);
                for (size_t i = 0; i < size; i++)
                        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)get(t, 1));
                text[2 * size] = '\0';
                if (got != type || (*answers != '*' && (strlen(text) != n || strncmp(text, answers, n) != 0)))
                        fail_msg("%s: got %08x:%s", why, (unsigned)got, text);
                answers += n;
        }
}

static void test_haggling(void **unused) {
        (void)unused;
        static Talk t;
        for (size_t i = 0; i < sizeof haggles / sizeof haggles[0]; i++)
                for (size_t pace = 1; pace <= 4096; pace *= 4096) {
                        begin(&t, "00000003");
                        if (haggles[i].structured)
                                put_option(&t, NBD_OPT_STRUCTURED_REPLY, "");
                        talk(&t, pace);
                        if (haggles[i].structured)
                                expect_answers(&t, 8, ACK, "before");
                        put_option(&t, haggles[i].code, haggles[i].payload);
                        talk(&t, pace);
                        expect_answers(&t, haggles[i].code, haggles[i].answers, haggles[i].why);
                        expect_quiet(&t);
                        assert_false(t.ended);
                        end(&t);
                }
}

static void test_export_name(void **unused) {
        (void)unused;
        static const struct { const char *why, *flags; size_t zeroes; } rows[] = {
                { "modern", "00000003", 0 }, { "with zeroes", "00000001", 124 }, { "not fixed", "00000000", 124 },
        };
        static Talk t;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                begin(&t, rows[i].flags);
                put_option(&t, NBD_OPT_EXPORT_NAME, "6162");
                put_request(&t, 0, NBD_CMD_READ, 7, 0, 16);
                talk(&t, 1);
                assert_int_equal(get(&t, 8), MEMORY_DISK_SIZE);
                assert_int_equal(get(&t, 2), 0x096d);
                expect_bytes(&t, 0, rows[i].zeroes);
                expect_simple(&t, 0, 7);
                expect_bytes(&t, 0, 16);
                end(&t);
        }
}

/* A disk that cannot be reached: said in words where there are words, and by hanging up where there are none. */
static void test_no_disk(void **unused) {
        (void)unused;
        static Talk t;
        begin(&t, "00000003");
        t.disk.error = EIO;
        put_option(&t, NBD_OPT_GO, "000000000000");
        talk(&t, 4096);
        expect_answers(&t, NBD_OPT_GO, " 80000006:*", "go");
        assert_int_equal(t.disk.complaints, 1);
        put_option(&t, NBD_OPT_EXPORT_NAME, "");
        talk(&t, 4096);
        expect_quiet(&t);
        assert_true(t.ended);
        end(&t);
}

/* The disk is not ready yet: what the client says meanwhile waits. */
static void test_not_ready(void **unused) {
        (void)unused;
        static Talk t;
        begin(&t, "00000003");
        t.disk.holds = true;
        put_option(&t, NBD_OPT_GO, "000000000000");
        put_request(&t, 0, NBD_CMD_READ, 1, 0, 8);
        talk(&t, 4096);
        expect_quiet(&t);
        memory_disk_release(&t.disk);
        talk(&t, 1);
        expect_answers(&t, NBD_OPT_GO, " 00000003:0000" SIZE_1M "096d" ACK, "go");
        expect_simple(&t, 0, 1);
        expect_bytes(&t, 0, 8);
        end(&t);

        begin(&t, "00000003");          /* and a client that does not wait for it */
        t.disk.holds = true;
        put_option(&t, NBD_OPT_GO, "000000000000");
        talk(&t, 4096);
        hang_up(&t);
        assert_int_equal(t.disk.withdrawn, 1);
        end(&t);
}

/* ---- what ends a connection ---------------------------------------------------------------------- */

static void test_sent_away(void **unused) {
        (void)unused;
        static const struct { const char *why, *flags, *bytes; bool served; unsigned complaints; } rows[] = {
                { "flags of another world", "00000007", "", false, 1 },
                { "no option", "00000003", "00000000000000000000000700000000", false, 1 },
                { "an option too long", "00000003", "49484156454f5054" "00000007" "00004001", false, 1 },
                { "an option that only fixed clients have", "00000002", "49484156454f5054" "00000007" "00000000", false, 1 },
                { "abort", "00000003", "49484156454f5054" "00000002" "00000000", false, 0 },
                { "no request", "00000003", "67446698" "0000" "0000" "0000000000000000" "0000000000000000" "00000000", true, 1 },
                { "a write beyond measure", "00000003",
                  "25609513" "0000" "0001" "0000000000000000" "0000000000000000" "02000001", true, 1 },
                { "good bye", "00000003", "25609513" "0000" "0002" "0000000000000000" "0000000000000000" "00000000", true, 0 },
        };
        static Talk t;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                begin(&t, rows[i].flags);
                if (rows[i].served)
                        go(&t, false, false);
                put_hex(&t.said, rows[i].bytes);
                talk(&t, 4096);
                if (!t.ended || t.disk.complaints != rows[i].complaints)
                        fail_msg("%s: ended %d, %u complaints", rows[i].why, t.ended, t.disk.complaints);
                end(&t);
        }
}

static void test_options_without_end(void **unused) {
        (void)unused;
        static Talk t;
        begin(&t, "00000003");
        for (int i = 0; i <= NBD_OPTIONS_MAX; i++)
                put_option(&t, 4711, "");
        talk(&t, 4096);
        assert_true(t.ended);
        end(&t);
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void put_write(Talk *t, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t size, uint8_t value) {
        put_request(t, flags, NBD_CMD_WRITE, cookie, offset, size);
        (void)memset(t->said.data + t->said.size, value, size);
        t->said.size += size;
}

static void test_requests(void **unused) {
        (void)unused;
        static Talk t;
        static const size_t paces[] = { 1, 27, 4096, 1 << 20 };
        for (size_t i = 0; i < sizeof paces / sizeof paces[0]; i++)
                for (int structured = 0; structured < 2; structured++) {
                        begin(&t, "00000003");
                        go(&t, structured, false);
                        put_write(&t, NBD_CMD_FLAG_FUA, 1, 100, 300, 0x55);
                        put_request(&t, 0, NBD_CMD_READ, 2, 99, 302);
                        put_request(&t, 0, NBD_CMD_FLUSH, 3, 0, 0);
                        put_request(&t, NBD_CMD_FLAG_FAST_ZERO, NBD_CMD_WRITE_ZEROES, 4, 100, 100);
                        put_request(&t, 0, NBD_CMD_TRIM, 5, 200, 100);
                        put_request(&t, NBD_CMD_FLAG_NO_HOLE, NBD_CMD_WRITE_ZEROES, 6, 300, 99);
                        put_request(&t, 0, NBD_CMD_READ, 7, 398, 3);
                        talk(&t, paces[i]);
                        expect_simple(&t, 0, 1);
                        if (structured) {
                                assert_int_equal(expect_chunk(&t, NBD_REPLY_OFFSET_DATA, 2), 8 + 302);
                                assert_int_equal(get(&t, 8), 99);
                        } else {
                                expect_simple(&t, 0, 2);
                        }
                        expect_bytes(&t, 0, 1);
                        expect_bytes(&t, 0x55, 300);
                        expect_bytes(&t, 0, 1);
                        for (uint64_t cookie = 3; cookie <= 6; cookie++)
                                expect_simple(&t, 0, cookie);
                        if (structured) {
                                assert_int_equal(expect_chunk(&t, NBD_REPLY_OFFSET_DATA, 7), 8 + 3);
                                assert_int_equal(get(&t, 8), 398);
                        } else {
                                expect_simple(&t, 0, 7);
                        }
                        expect_bytes(&t, 0, 1);
                        expect_bytes(&t, 0x55, 1);
                        expect_bytes(&t, 0, 1);
                        expect_quiet(&t);
                        assert_int_equal(t.disk.fua, 1);
                        assert_int_equal(t.disk.flushes, 1);
                        assert_true(t.disk.fast);
                        end(&t);
                }
}

/* The whole disk at once, in pieces that a socket takes. */
static void test_large(void **unused) {
        (void)unused;
        static Talk t;
        begin(&t, "00000003");
        go(&t, true, false);
        put_write(&t, 0, 1, 0, MEMORY_DISK_SIZE, 0x77);
        talk(&t, 70000);
        put_request(&t, 0, NBD_CMD_READ, 2, 0, MEMORY_DISK_SIZE);
        talk(&t, 70000);
        expect_simple(&t, 0, 1);
        assert_int_equal(expect_chunk(&t, NBD_REPLY_OFFSET_DATA, 2), 8 + MEMORY_DISK_SIZE);
        (void)get(&t, 8);
        expect_bytes(&t, 0x77, MEMORY_DISK_SIZE);
        end(&t);
}

#define MB MEMORY_DISK_SIZE
static void test_refusals(void **unused) {
        (void)unused;
        static const struct { const char *why; uint16_t flags, command; uint64_t offset; uint32_t size, error; } rows[] = {
                { "read behind the end", 0, NBD_CMD_READ, MB, 1, 22 },
                { "read across the end", 0, NBD_CMD_READ, MB - 1, 2, 22 },
                { "read where numbers end", 0, NBD_CMD_READ, UINT64_MAX, 2, 22 },
                { "read nothing", 0, NBD_CMD_READ, 0, 0, 22 },
                { "read too much", 0, NBD_CMD_READ, 0, NBD_REQUEST_MAX + 1, 22 },
                { "read with FUA", NBD_CMD_FLAG_FUA, NBD_CMD_READ, 0, 1, 22 },
                { "write across the end", 0, NBD_CMD_WRITE, MB - 1, 2, 28 },
                { "write nothing", 0, NBD_CMD_WRITE, 0, 0, 22 },
                { "write with an unknown flag", 0x40, NBD_CMD_WRITE, 0, 4, 22 },
                { "zero across the end", 0, NBD_CMD_WRITE_ZEROES, MB - 1, 2, 28 },
                { "zero fast and without a hole", NBD_CMD_FLAG_FAST_ZERO | NBD_CMD_FLAG_NO_HOLE, NBD_CMD_WRITE_ZEROES, 0,
                  4096, 95 },
                { "trim behind the end", 0, NBD_CMD_TRIM, MB, 1, 22 },
                { "cache", 0, NBD_CMD_CACHE, 0, 1, 22 },
                { "block status without the context", 0, NBD_CMD_BLOCK_STATUS, 0, 1, 22 },
                { "an unknown command", 0, 4711, 0, 0, 22 },
        };
        static Talk t;
        for (int structured = 0; structured < 2; structured++) {
                begin(&t, "00000003");
                go(&t, structured, false);
                for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                        if (rows[i].command == NBD_CMD_WRITE)
                                put_write(&t, rows[i].flags, i, rows[i].offset, rows[i].size, 0x66);
                        else
                                put_request(&t, rows[i].flags, rows[i].command, i, rows[i].offset, rows[i].size);
                        talk(&t, 4096);
                        if (structured && (rows[i].command == NBD_CMD_READ || rows[i].command == NBD_CMD_BLOCK_STATUS)) {
                                assert_int_equal(expect_chunk(&t, NBD_REPLY_ERROR, i), 6);
                                if (get(&t, 4) != rows[i].error)
                                        fail_msg("%s: another error", rows[i].why);
                                assert_int_equal(get(&t, 2), 0);
                        } else {
                                assert_int_equal(get(&t, 4), 0x67446698);
                                if (get(&t, 4) != rows[i].error || get(&t, 8) != i)
                                        fail_msg("%s: another error", rows[i].why);
                        }
                        expect_quiet(&t);
                }
                for (size_t i = 0; i < MB; i++)
                        assert_int_equal(t.disk.data[i], 0);
                end(&t);
        }
}

static void test_errors(void **unused) {
        (void)unused;
        static const struct { int error; uint32_t told; } rows[] = {
                { EIO, 5 }, { ENOSPC, 28 }, { EDQUOT, 28 }, { ENOMEM, 12 }, { EINVAL, 22 }, { EPERM, 1 },
                { ESHUTDOWN, 108 }, { EOPNOTSUPP, 95 }, { ESTALE, 5 },
        };
        static Talk t;
        begin(&t, "00000003");
        go(&t, true, false);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                t.disk.error = rows[i].error;
                put_request(&t, 0, NBD_CMD_READ, i, 0, 4096);
                put_request(&t, 0, NBD_CMD_FLUSH, 100 + i, 0, 0);
                talk(&t, 4096);
                assert_int_equal(expect_chunk(&t, NBD_REPLY_ERROR, i), 6 + strlen("the memory disk was told to fail"));
                assert_int_equal(get(&t, 4), rows[i].told);
                t.at += get(&t, 2);
                expect_simple(&t, rows[i].told, 100 + i);
        }
        end(&t);
}

static void expect_status(Talk *t, uint64_t cookie, const char *descriptors) {
        uint32_t size = expect_chunk(t, NBD_REPLY_BLOCK_STATUS, cookie);
        assert_int_equal(get(t, 4), 1);
        char text[256] = "";
        for (uint32_t at = 4; at < size; at += 8) {
                unsigned length = (unsigned)get(t, 4), state = (unsigned)get(t, 4);
                (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%uK%s ", length / 1024,
                               state == 3 ? "hole" : state == 0 ? "data" : "?");
        }
        assert_string_equal(text, descriptors);
}

static void test_block_status(void **unused) {
        (void)unused;
        static const struct { const char *why; uint16_t flags; unsigned from, size; bool knows_nothing; const char *says; } rows[] = {
                { "all", 0, 0, 1024, false, "64Khole 64Kdata 128Khole 64Kdata 704Khole " },
                { "from inside data", 0, 96, 64, false, "32Kdata 32Khole " },
                { "to inside data", 0, 0, 96, false, "64Khole 32Kdata " },
                { "only a hole", 0, 400, 100, false, "100Khole " },
                { "only data", 0, 256, 64, false, "64Kdata " },
                { "one: a hole", NBD_CMD_FLAG_REQ_ONE, 0, 1024, false, "64Khole " },
                { "one: data", NBD_CMD_FLAG_REQ_ONE, 70, 1024 - 70, false, "58Kdata " },
                { "the server covered nothing", 0, 0, 1024, true, "1024Kdata " },
        };
        static Talk t;
        begin(&t, "00000003");
        go(&t, true, true);
        t.disk.data[64 * 1024] = t.disk.data[256 * 1024] = 1;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                t.disk.knows_nothing = rows[i].knows_nothing;
                put_request(&t, rows[i].flags, NBD_CMD_BLOCK_STATUS, i, rows[i].from * 1024, rows[i].size * 1024);
                talk(&t, 4096);
                expect_status(&t, i, rows[i].says);
        }
        end(&t);
}

/* ---- how much may be under way ------------------------------------------------------------------- */

static void test_bounds(void **unused) {
        (void)unused;
        static const struct { const char *why; unsigned asked; uint32_t size; unsigned taken; } rows[] = {
                { "many small ones", NBD_IN_FLIGHT_MAX + 10, 512, NBD_IN_FLIGHT_MAX },
                { "as many as allowed", NBD_IN_FLIGHT_MAX, 512, NBD_IN_FLIGHT_MAX },
        };
        static Talk t;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                begin(&t, "00000003");
                go(&t, false, false);
                t.disk.holds = true;
                for (unsigned k = 0; k < rows[i].asked; k++)
                        put_request(&t, 0, NBD_CMD_READ, k, 0, rows[i].size);
                talk(&t, 1 << 16);
                if (t.disk.held_count != rows[i].taken)
                        fail_msg("%s: %u are under way", rows[i].why, t.disk.held_count);
                memory_disk_release(&t.disk);
                talk(&t, 1);
                for (unsigned k = 0; k < rows[i].asked; k++) {
                        expect_simple(&t, 0, k);
                        expect_bytes(&t, 0, rows[i].size);
                }
                end(&t);
        }
}

/* A client that is gone: its parked writes go with it, and are not on the disk afterwards. */
static void test_withdrawn(void **unused) {
        (void)unused;
        static Talk t;
        begin(&t, "00000003");
        go(&t, false, false);
        t.disk.holds = true;
        put_write(&t, 0, 1, 0, 512, 0x11);
        put_write(&t, 0, 2, 512, 512, 0x22);
        put_request(&t, 0, NBD_CMD_WRITE, 3, 1024, 512);        /* and half a one */
        put(&t.said, 8, 0x3333333333333333);
        talk(&t, 1 << 16);
        assert_int_equal(t.disk.held_count, 2);
        hang_up(&t);
        assert_int_equal(t.disk.withdrawn, 2);
        memory_disk_release(&t.disk);
        for (size_t i = 0; i < 2048; i++)
                assert_int_equal(t.disk.data[i], 0);
        end(&t);
}

/* The socket of a disk: for us and our group, in place of one that was left behind, and many clients one after another. */
static void test_listening(void **unused) {
        (void)unused;
        static Talk t;
        char folder[] = "/tmp/nbd-test-XXXXXX", path[64];
        Error err;
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof path, "%s/nbd.sock", folder);
        int left = nbd_listen(path, &err), fd = nbd_listen(path, &err);
        assert_true(left >= 0 && fd >= 0);
        (void)close(left);
        memory_disk_init(&t.disk);
        t.said.size = t.got.size = t.at = 0;
        assert_true(sd_event_new(&t.event) >= 0);
        assert_int_equal(nbd_new(t.event, fd, &memory_disk_backend, &t.disk, &t.nbd, &err), 0);
        for (int i = 0; i < 3 * NBD_CONNECTIONS_MAX; i++) {
                struct sockaddr_un to = { .sun_family = AF_UNIX };
                (void)strcpy(to.sun_path, path);
                t.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                assert_int_equal(connect(t.fd, (struct sockaddr *)&to, sizeof to), 0);
                t.got.size = t.at = 0;
                put_hex(&t.said, "00000003");
                talk(&t, 4096);
                assert_int_equal(get(&t, 8), 0x4e42444d41474943);
                hang_up(&t);
        }
        end(&t);
        (void)unlink(path);
        (void)rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_haggling), cmocka_unit_test(test_export_name), cmocka_unit_test(test_no_disk),
                cmocka_unit_test(test_not_ready), cmocka_unit_test(test_sent_away),
                cmocka_unit_test(test_options_without_end), cmocka_unit_test(test_requests),
                cmocka_unit_test(test_large), cmocka_unit_test(test_refusals), cmocka_unit_test(test_errors),
                cmocka_unit_test(test_block_status), cmocka_unit_test(test_bounds), cmocka_unit_test(test_withdrawn),
                cmocka_unit_test(test_listening),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
