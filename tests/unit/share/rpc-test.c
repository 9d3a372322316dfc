/* One remote call: what goes out, and answers good, refused and damaged. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "smb/share/srvsvc.h"

static size_t begin(Writer *w, uint8_t type, uint8_t flags) {
        write_u8(w, 5);
        write_u8(w, 0);
        write_u8(w, type);
        write_u8(w, flags);
        write_u32(w, 0x10);
        write_u16(w, 0);
        write_u16(w, 0);
        write_u32(w, 2);
        return w->at;
}

static void finish(Writer *w) { write_u16_at(w, 8, (uint16_t)w->at); }

/* As Samba 4.22 answers a bind: the pipe's name, then one result. */
static size_t bind_answer(uint8_t *to, size_t room, uint16_t result) {
        Writer w = writer_of(to, room);
        (void)begin(&w, 12, 3);
        write_u16(&w, 5840);
        write_u16(&w, 5840);
        write_u32(&w, 0x1234);
        write_u16(&w, 13);
        write_bytes(&w, "\\PIPE\\srvsvc", 13);
        write_align(&w, 4);
        write_u32(&w, 1);
        write_u16(&w, result);
        write_u16(&w, 0);
        write_zero(&w, 20);
        finish(&w);
        return w.at;
}

static void test_bind(void **unused) {
        (void)unused;
        uint8_t bytes[256];
        Writer w = writer_of(bytes, sizeof bytes);
        Error err = { 0 };

        rpc_bind_encode(&w, &srvsvc_interface, 2);
        assert_true(writer_ok(&w));
        assert_int_equal(w.at, 72);
        assert_int_equal(bytes[8], 72);
        assert_memory_equal(bytes + 32, "\xc8\x4f\x32\x4b\x70\x16\xd3\x01\x12\x78\x5a\x47\xbf\x6e\xe1\x88\x03\0\0\0", 20);

        size_t size = bind_answer(bytes, sizeof bytes, 0);
        assert_int_equal(rpc_bind_reply_decode(bytes, size, 2, &err), 0);
        for (size_t cut = 0; cut < size; cut++)
                if (rpc_bind_reply_decode(bytes, cut, 2, &err) != -1)
                        fail_msg("cut to %zu was taken", cut);
        assert_int_equal(rpc_bind_reply_decode(bytes, size, 3, &err), -1);      /* somebody else's call */
        size = bind_answer(bytes, sizeof bytes, 2);
        assert_int_equal(rpc_bind_reply_decode(bytes, size, 2, &err), -1);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        bytes[2] = 13;
        assert_int_equal(rpc_bind_reply_decode(bytes, size, 2, &err), -1);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        bytes[24] = 0xFF, bytes[25] = 0xFF, bytes[2] = 12;                      /* a name beyond the end */
        assert_int_equal(rpc_bind_reply_decode(bytes, size, 2, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);
}

static void test_request(void **unused) {
        (void)unused;
        uint8_t bytes[SRVSVC_REQUEST_MAX];
        Writer w = writer_of(bytes, sizeof bytes);
        Error err = { 0 };
        char *large = malloc(SRVSVC_REQUEST_MAX);

        assert_int_equal(srvsvc_get_encode(&w, "\\\\fs1", "vms", 2, &err), 0);
        assert_int_equal(bytes[22], 16);                /* operation */
        assert_int_equal(bytes[24 + 4], 6);             /* \\fs1 and its zero */
        assert_int_equal(bytes[24 + 4 + 12 + 12], 4);   /* vms and its zero */
        assert_memory_equal(bytes + w.at - 4, "\xF6\x01\0\0", 4);       /* 502 */
        assert_non_null(large);
        memset(large, 'a', SRVSVC_REQUEST_MAX - 1);
        large[SRVSVC_REQUEST_MAX - 1] = '\0';
        w = writer_of(bytes, sizeof bytes);
        assert_int_equal(srvsvc_get_encode(&w, "\\\\fs1", large, 2, &err), -1);
        free(large);
        w = writer_of(bytes, 100);
        assert_int_equal(srvsvc_set_encode(&w, "\\\\fs1", "vms", (Span){ bytes, 80 }, 2, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

typedef struct Answer { uint32_t list_size, array_size, code, level; bool list, cut_name; } Answer;

/* SHARE_INFO_502_I with a name, no remark, a path and a list of four bytes. */
static size_t info_answer(uint8_t *to, size_t room, const Answer *a) {
        Writer w = writer_of(to, room);
        write_u32(&w, a->level);
        write_u32(&w, 0x20000);
        write_u32(&w, 0x20004);
        write_u32(&w, 0);
        write_u32(&w, 0);
        write_zero(&w, 12);
        write_u32(&w, 0x20008);
        write_u32(&w, 0);
        write_u32(&w, a->list_size);
        write_u32(&w, a->list ? 0x2000C : 0);
        for (int i = 0; i < 2; i++) {
                write_u32(&w, 3);
                write_u32(&w, 0);
                write_u32(&w, a->cut_name ? 4 : 3);
                write_bytes(&w, "a\0b\0\0\0", 6);
                write_align(&w, 4);
        }
        if (a->list) {
                write_u32(&w, a->array_size);
                write_bytes(&w, "LIST", 4);
        }
        write_u32(&w, a->code);
        return w.at;
}

static const struct { const char *why; Answer answer; size_t size; ErrorKind kind; } answers[] = {
        { "a list", { 4, 4, 0, 502, true, false }, 4, ERROR_NONE },
        { "no list", { 0, 0, 0, 502, false, false }, 0, ERROR_NONE },
        { "sizes that differ", { 4, 8, 0, 502, true, false }, 0, ERROR_PROTOCOL },
        { "a list longer than the answer", { 400, 400, 0, 502, true, false }, 0, ERROR_PROTOCOL },
        { "a list too large", { 0x100000, 0x100000, 0, 502, true, false }, 0, ERROR_PROTOCOL },
        { "a list that leaves something over", { 0, 0, 0, 502, true, false }, 0, ERROR_PROTOCOL },
        { "another level", { 4, 4, 0, 2, true, false }, 0, ERROR_PROTOCOL },
        { "a string longer than it may be", { 4, 4, 0, 502, true, true }, 0, ERROR_PROTOCOL },
        { "refused", { 4, 4, 5, 502, true, false }, 0, ERROR_DENIED },
        { "no such share", { 4, 4, 2310, 502, true, false }, 0, ERROR_NOT_FOUND },
        { "something else", { 4, 4, 1234, 502, true, false }, 0, ERROR_INTERNAL },
};

static void test_info(void **unused) {
        (void)unused;
        uint8_t bytes[512];

        for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
                Span list = { NULL, 99 };
                Error err = { 0 };
                size_t size = info_answer(bytes, sizeof bytes, &answers[i].answer);
                int r = srvsvc_get_decode((Span){ bytes, size }, &list, &err);
                if ((r == 0) != (answers[i].kind == ERROR_NONE) || err.kind != answers[i].kind)
                        fail_msg("%s: %d, '%s'", answers[i].why, r, err.text);
                assert_int_equal(list.size, r == 0 ? answers[i].size : 99);
                for (size_t cut = 0; cut < size; cut++)
                        if (srvsvc_get_decode((Span){ bytes, cut }, &list, &err) != -1)
                                fail_msg("%s: cut to %zu was taken", answers[i].why, cut);
        }
        /* refused before there was anything: no structure, only the code */
        Writer w = writer_of(bytes, sizeof bytes);
        Error err = { 0 };
        Span list;
        write_u32(&w, 502);
        write_u32(&w, 0);
        write_u32(&w, 5);
        assert_int_equal(srvsvc_get_decode((Span){ bytes, w.at }, &list, &err), -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        write_u32_at(&w, 8, 0);
        assert_int_equal(srvsvc_get_decode((Span){ bytes, w.at }, &list, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);
}

static void test_response(void **unused) {
        (void)unused;
        uint8_t bytes[128];
        Writer w = writer_of(bytes, sizeof bytes);
        Error err = { 0 };
        Span results;

        (void)begin(&w, 2, 3);
        write_zero(&w, 8);
        write_u32(&w, 0);
        write_u32(&w, 5);
        finish(&w);
        assert_int_equal(rpc_response_decode(bytes, w.at, 2, &results, &err), 0);
        assert_int_equal(results.size, 8);
        assert_int_equal(srvsvc_set_decode(results, &err), -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        bytes[3] = 1;                                   /* first, not last */
        assert_int_equal(rpc_response_decode(bytes, w.at, 2, &results, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        bytes[3] = 3, bytes[2] = 3;                     /* a fault; its status lies where the results were */
        assert_int_equal(rpc_response_decode(bytes, w.at, 2, &results, &err), -1);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        bytes[2] = 2, bytes[4] = 0;                     /* big-endian */
        assert_int_equal(rpc_response_decode(bytes, w.at, 2, &results, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_bind), cmocka_unit_test(test_request),
                                            cmocka_unit_test(test_info), cmocka_unit_test(test_response) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
