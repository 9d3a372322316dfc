#include "tests/unit/test.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/contexts.h"
#include "smb/engine/negotiate.h"
#include "smb/engine/wire.h"

static void test_header_round_trip(void **state) {
        (void)state;
        uint8_t b[WIRE_HEADER_SIZE];
        Error err = { 0 };
        WireHeader in = { .charge = 3,
                          .command = SMB2_READ,
                          .credits = 77,
                          .status = 0xC0000022,
                          .flags = WIRE_SIGNED,
                          .message_id = 0x1122334455667788,
                          .tree_id = 9,
                          .session_id = 0x99AABBCCDDEEFF00 },
                   out;
        memset(in.signature, 0x5A, sizeof in.signature);
        wire_header_encode(b, &in);
        assert_int_equal(wire_header_decode(b, sizeof b, &out, &err), 0);
        assert_memory_equal(&in, &out, sizeof in);
        for (size_t size = 0; size < sizeof b; size++)
                assert_int_equal(wire_header_decode(b, size, &out, &err), -1);
        in.flags |= WIRE_ASYNC; /* then AsyncId is where TreeId was */
        wire_header_encode(b, &in);
        assert_int_equal(wire_header_decode(b, sizeof b, &out, &err), 0);
        assert_int_equal(out.tree_id, 0);
        b[0] = 0xFF; /* SMB 1 */
        assert_int_equal(wire_header_decode(b, sizeof b, &out, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);
}

static void test_transform(void **state) {
        (void)state;
        uint8_t b[WIRE_TRANSFORM_SIZE + 80] = { 0 };
        Error err = { 0 };
        WireTransform in = { .size = 80, .session_id = 5 }, out;
        wire_transform_encode(b, &in);
        assert_int_equal(wire_transform_decode(b, sizeof b, &out, &err), 0);
        assert_memory_equal(&in, &out, sizeof in);
        assert_int_equal(wire_transform_decode(b, sizeof b - 1, &out, &err), -1); /* size says otherwise */
        in.size = 63;
        wire_transform_encode(b, &in);
        assert_int_equal(wire_transform_decode(b, WIRE_TRANSFORM_SIZE + 63, &out, &err), -1); /* no header fits */
        in.size = 80;
        wire_transform_encode(b, &in);
        b[42] = 2; /* a flag that is not Encrypted */
        assert_int_equal(wire_transform_decode(b, sizeof b, &out, &err), -1);
}

/* Replies whose data is given by offset and length: where they may be. */
static void test_variable_parts(void **state) {
        (void)state;
        static const struct {
                const char *why;
                uint8_t offset;
                uint32_t size;
                bool ok;
        } rows[] = {
                { "right behind", 80, 20, true },     { "later", 90, 10, true },
                { "nothing, anywhere", 0, 0, true },  { "one too long", 80, 21, false },
                { "into the header", 10, 20, false }, { "into the fixed part", 79, 1, false },
                { "far outside", 255, 1, false },     { "wraps", 80, 0xFFFFFFFF, false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t m[100] = { 0 };
                Error err = { 0 };
                Span data;
                Writer w = writer_of(m, sizeof m);
                write_zero(&w, WIRE_HEADER_SIZE);
                write_u16(&w, 17);
                write_u8(&w, rows[i].offset);
                write_u8(&w, 0);
                write_u32(&w, rows[i].size);
                int r = wire_read_reply_decode((Span){ m, sizeof m }, &data, &err);
                if ((r == 0) != rows[i].ok)
                        fail_msg("%s", rows[i].why);
                if (r == 0)
                        assert_int_equal(data.size, rows[i].size);
        }
}

/* A create reply of @size bytes with @contexts at offset 152. */
static size_t create_reply(uint8_t *m, size_t size, const uint8_t *contexts, size_t contexts_size) {
        Writer w = writer_of(m, size);
        write_zero(&w, WIRE_HEADER_SIZE);
        write_u16(&w, 89);
        write_u8(&w, 0xFF);
        write_u8(&w, 0);
        write_u32(&w, 2);
        write_zero(&w, 32);
        write_u64(&w, 4096);
        write_u64(&w, 1234);
        write_u32(&w, 0x20);
        write_u32(&w, 0);
        write_u64(&w, 0x11);
        write_u64(&w, 0x22);
        write_u32(&w, contexts_size ? 152 : 0);
        write_u32(&w, (uint32_t)contexts_size);
        write_bytes(&w, contexts, contexts_size);
        assert_true(writer_ok(&w));
        return w.at;
}

typedef struct ContextSpec {
        const char *name;
        const void *data;
        uint32_t size;
} ContextSpec;

static size_t chain(uint8_t *to, size_t size, const ContextSpec *specs, size_t count) {
        Writer w = writer_of(to, size);
        for (size_t i = 0; i < count; i++) {
                size_t start = w.at;
                write_u32(&w, 0);
                write_u16(&w, 16);
                write_u16(&w, 4);
                write_u16(&w, 0);
                write_u16(&w, 24);
                write_u32(&w, specs[i].size);
                write_bytes(&w, specs[i].name, 4);
                write_u32(&w, 0);
                write_bytes(&w, specs[i].data, specs[i].size);
                if (i + 1 < count) {
                        write_align(&w, 8);
                        write_u32_at(&w, start, (uint32_t)(w.at - start));
                }
        }
        assert_true(writer_ok(&w));
        return w.at;
}

static void test_create_reply(void **state) {
        (void)state;
        uint8_t m[600], c[400], lease[52] = { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3 };
        static const uint8_t mxac[8] = { 0, 0, 0, 0, 0xFF, 0x01, 0x1F, 0 },
                             refused[8] = { 0x22, 0, 0, 0xC0, 0xFF, 1 };
        static const uint8_t qfid[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
        static const uint8_t durable[8] = { 0x60, 0xEA, 0, 0, 2 };
        const ContextSpec all[] = { { "MxAc", mxac, 8 },
                                    { "QFid", qfid, 32 },
                                    { "RqLs", lease, 52 },
                                    { "DH2Q", durable, 8 },
                                    { "XxYy", "?", 1 } };
        SmbOpenHow how = { .lease = 3, .durable = true };
        SmbOpened o;
        Error err = { 0 };
        memset(how.lease_key, 7, 16);
        size_t size = create_reply(m, sizeof m, c, chain(c, sizeof c, all, ARRAY_SIZE(all)));
        assert_int_equal(wire_create_reply_decode((Span){ m, size }, &how, &o, &err), 0);
        assert_int_equal(o.size_bytes, 1234);
        assert_int_equal(o.allocated_bytes, 4096);
        assert_int_equal(o.file_id[0], 0x11);
        assert_int_equal(o.file_id[1], 0x22);
        assert_true(o.created);
        assert_int_equal(o.maximal_access, 0x1F01FF);
        assert_true(o.has_disk_id);
        assert_memory_equal(o.disk_file_id, qfid, 8);
        assert_memory_equal(o.volume_id, qfid + 8, 8);
        assert_int_equal(o.lease, 3);
        assert_true(o.durable && o.persistent);
        assert_int_equal(o.durable_timeout_ms, 60000);
        for (size_t cut = 0; cut < size; cut++)
                assert_int_equal(wire_create_reply_decode((Span){ m, cut }, &how, &o, &err), -1);

        const ContextSpec no_access[] = { { "MxAc", refused, 8 } };
        size = create_reply(m, sizeof m, c, chain(c, sizeof c, no_access, 1));
        assert_int_equal(wire_create_reply_decode((Span){ m, size }, &how, &o, &err), 0);
        assert_int_equal(o.maximal_access, 0);

        lease[0] = 8; /* somebody else's key */
        const ContextSpec foreign[] = { { "RqLs", lease, 52 } };
        size = create_reply(m, sizeof m, c, chain(c, sizeof c, foreign, 1));
        assert_int_equal(wire_create_reply_decode((Span){ m, size }, &how, &o, &err), -1);
}

/* A chain that does not go forwards, or leaves its buffer. */
static void test_context_chains(void **state) {
        (void)state;
        static const struct {
                const char *why;
                uint32_t next;
                uint16_t name_offset, name_size, data_offset;
                uint32_t data_size;
        } rows[] = {
                { "backwards", 0xFFFFFFF0, 16, 4, 0, 0 },
                { "into itself", 8, 16, 4, 0, 0 },
                { "outside", 64, 16, 4, 0, 0 },
                { "name outside", 0, 16, 60, 0, 0 },
                { "name far outside", 0, 0xFFFF, 4, 0, 0 },
                { "data outside", 0, 16, 4, 24, 41 },
                { "data far outside", 0, 16, 4, 24, 0xFFFFFFFF },
        };
        SmbOpenHow how = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t c[64] = { 0 };
                SmbOpened o = { 0 };
                Error err = { 0 };
                Writer w = writer_of(c, sizeof c);
                write_u32(&w, rows[i].next);
                write_u16(&w, rows[i].name_offset);
                write_u16(&w, rows[i].name_size);
                write_u16(&w, 0);
                write_u16(&w, rows[i].data_offset);
                write_u32(&w, rows[i].data_size);
                if (contexts_decode((Span){ c, sizeof c }, &how, &o, &err) == 0)
                        fail_msg("%s", rows[i].why);
                assert_int_equal(err.kind, ERROR_PROTOCOL);
        }
        uint8_t endless[40 * 24]; /* more contexts than there are kinds */
        memset(endless, 0, sizeof endless);
        for (size_t at = 0; at + 24 < sizeof endless; at += 24) {
                endless[at] = 24;
                endless[at + 4] = 16;
                endless[at + 6] = 4;
        }
        SmbOpened o = { 0 };
        Error err = { 0 };
        assert_int_equal(contexts_decode((Span){ endless, sizeof endless }, &how, &o, &err), -1);
}

static bool contains(const uint8_t *data, size_t size, const void *what, size_t what_size) {
        return memmem(data, size, what, what_size) != NULL;
}

static void test_create_request(void **state) {
        (void)state;
        uint8_t m[3000];
        Error err = { 0 };
        SmbOpenHow how = { .path = "web01\\Virtual Hard Disks\\ä.raw",
                           .access = 3,
                           .share = SMB_SHARE_READ,
                           .disposition = SMB_OPEN,
                           .lease = 3,
                           .durable = true,
                           .app_instance = true,
                           .app_instance_version = 0x0102030405060708 };
        memset(how.lease_key, 0x77, 16);
        memset(how.app_instance_id, 0x66, 16);
        Writer w = writer_of(m, sizeof m);
        assert_int_equal(wire_create_encode(&w, &how, DIALECT_311, &err), 0);
        assert_true(writer_ok(&w));
        assert_true(contains(m, w.at, "RqLs", 4) && contains(m, w.at, "DH2Q", 4) && contains(m, w.at, "MxAc", 4));
        assert_true(contains(m, w.at, "\x45\xBC\xA6\x6A", 4) && contains(m, w.at, "\xB9\x82\xD0\xB7", 4));
        assert_true(contains(m, w.at, "\x08\x07\x06\x05\x04\x03\x02\x01", 8));
        assert_int_equal(m[WIRE_HEADER_SIZE + 3], 0xFF); /* a lease, not an oplock */

        w = writer_of(m, sizeof m);
        assert_int_equal(wire_create_encode(&w, &how, DIALECT_302, &err), 0);
        assert_false(contains(m, w.at, "\xB9\x82\xD0\xB7", 4)); /* the version is 3.1.1's */

        how.reconnect = true;
        w = writer_of(m, sizeof m);
        assert_int_equal(wire_create_encode(&w, &how, DIALECT_311, &err), 0);
        assert_true(contains(m, w.at, "DH2C", 4) && contains(m, w.at, "RqLs", 4));
        assert_false(contains(m, w.at, "DH2Q", 4) || contains(m, w.at, "MxAc", 4));

        w = writer_of(m, 200); /* a buffer too small is noticed, not overrun */
        assert_int_equal(wire_create_encode(&w, &how, DIALECT_311, &err), 0);
        assert_false(writer_ok(&w));
        strcpy(how.path, "\xFF");
        w = writer_of(m, sizeof m);
        assert_int_equal(wire_create_encode(&w, &how, DIALECT_311, &err), -1);
}

/* SET_INFO says in AdditionalInformation which parts of a descriptor are replaced ([MS-SMB2] 2.2.39). */
static void test_set_info_request(void **state) {
        (void)state;
        uint8_t b[WIRE_HEADER_SIZE + 64];
        Writer w = writer_of(b, sizeof b);
        const uint64_t id[2] = { 0x1111, 0x2222 };
        const WireQuery what = { .type = SMB_INFO_SECURITY, .additional = SMB_SECURITY_DACL };
        wire_set_info_encode(&w, id, &what, (Span){ (const uint8_t *)"list", 4 });
        const uint8_t *body = b + WIRE_HEADER_SIZE;
        assert_true(writer_ok(&w));
        assert_int_equal(w.at, WIRE_HEADER_SIZE + 32 + 4);
        assert_int_equal(body[0], 33);
        assert_int_equal(body[2], SMB_INFO_SECURITY);
        assert_int_equal(body[4], 4);                   /* length, and offset from the header's first byte */
        assert_int_equal(body[8], WIRE_HEADER_SIZE + 32);
        assert_int_equal(body[12], SMB_SECURITY_DACL);
        assert_memory_equal(body + 32, "list", 4);
}

static void test_lease_break(void **state) {
        (void)state;
        uint8_t m[WIRE_HEADER_SIZE + 44];
        Error err = { 0 };
        WireLeaseBreak b;
        Writer w = writer_of(m, sizeof m);
        write_zero(&w, WIRE_HEADER_SIZE);
        write_u16(&w, 44);
        write_u16(&w, 5);
        write_u32(&w, 1);
        write_bytes(&w, "0123456789abcdef", 16);
        write_u32(&w, 7);
        write_u32(&w, 1);
        write_zero(&w, 12);
        assert_int_equal(wire_lease_break_decode((Span){ m, sizeof m }, &b, &err), 0);
        assert_true(b.is_lease && b.ack_required);
        assert_int_equal(b.now, 1);
        assert_memory_equal(b.key, "0123456789abcdef", 16);
        for (size_t cut = 0; cut < sizeof m; cut++)
                assert_int_equal(wire_lease_break_decode((Span){ m, cut }, &b, &err), -1);
        m[WIRE_HEADER_SIZE] = 24; /* an oplock break is somebody else's */
        assert_int_equal(wire_lease_break_decode((Span){ m, sizeof m }, &b, &err), 0);
        assert_false(b.is_lease);
}

static void test_negotiate_request(void **state) {
        (void)state;
        uint8_t m[NEGOTIATE_SIZE_MAX];
        Error err = { 0 };
        Negotiate offer = { .security_mode = SIGNING_REQUIRED,
                            .capabilities = CAP_LEASING,
                            .host = "fs1.lab.test" };
        Writer w = writer_of(m, sizeof m);
        assert_int_equal(negotiate_encode(&w, &offer, &err), 0);
        Reader r = reader_of(m, w.at);
        read_skip(&r, WIRE_HEADER_SIZE);
        assert_int_equal(read_u16(&r), 36);
        assert_int_equal(read_u16(&r), 3);
        read_skip(&r, 2 + 2 + 4 + 16);
        uint32_t at = read_u32(&r);
        assert_int_equal(read_u32(&r), 4);
        static const uint16_t dialects[] = { 0x0300, 0x0302, 0x0311 }; /* and nothing below */
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(read_u16(&r), dialects[i]);
        assert_int_equal(at % 8, 0);
        static const uint16_t types[] = { 1, 2, 8, 5 };
        r.at = at;
        for (size_t i = 0; i < 4; i++) {
                read_skip(&r, (8 - (r.at & 7)) & 7);
                assert_int_equal(read_u16(&r), types[i]);
                uint16_t size = read_u16(&r);
                (void)read_u32(&r);
                Span data = read_span(&r, size);
                if (types[i] == 8) { /* signing: HMAC-SHA256 is not offered */
                        assert_int_equal(data.size, 6);
                        assert_memory_equal(data.data, "\x02\0\x02\0\x01\0", 6);
                }
        }
        assert_true(reader_done(&r));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header_round_trip), cmocka_unit_test(test_transform),
                cmocka_unit_test(test_variable_parts),    cmocka_unit_test(test_create_reply),
                cmocka_unit_test(test_context_chains),    cmocka_unit_test(test_create_request),
                cmocka_unit_test(test_lease_break),       cmocka_unit_test(test_negotiate_request),
                cmocka_unit_test(test_set_info_request),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
