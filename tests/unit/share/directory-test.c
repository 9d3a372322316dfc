/* Pieces of a listing, good and hostile, as a file server might send them. */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <string.h>

#include "appliance/base/text.h"
#include "smb/engine/directory.h"

static size_t entry(uint8_t *to, size_t room, uint32_t next, uint32_t attributes, uint64_t size, const char *name) {
        uint8_t wide[2 * 300];
        size_t wide_size = 0;
        Error err = { 0 };
        Writer w = writer_of(to, room);

        assert_int_equal(text_to_utf16(name, wide, sizeof wide, &wide_size, &err), 0);
        write_u32(&w, next);
        write_zero(&w, 4 + 4 * 8);
        write_u64(&w, size);
        write_u64(&w, size);
        write_u32(&w, attributes);
        write_u32(&w, (uint32_t)wide_size);
        write_bytes(&w, wide, wide_size);
        write_align(&w, 8);
        assert_true(writer_ok(&w));
        return w.at;
}

static void test_two_entries(void **unused) {
        (void)unused;
        uint8_t piece[512];
        size_t first = entry(piece, sizeof piece, 0, 0x10, 0, "Grün"), at = 0;
        piece[0] = (uint8_t)first;
        size_t size = first + entry(piece + first, sizeof piece - first, 0, 0x20, 1ULL << 40, "web01.raw");
        DirectoryEntry e;
        bool more;
        Error err = { 0 };

        assert_int_equal(directory_next((Span){ piece, size }, &at, &e, &more, &err), 0);
        assert_true(more);
        assert_string_equal(e.name, "Grün");
        assert_int_equal(e.attributes, 0x10);
        assert_int_equal(directory_next((Span){ piece, size }, &at, &e, &more, &err), 0);
        assert_true(more);
        assert_string_equal(e.name, "web01.raw");
        assert_true(e.size_bytes == 1ULL << 40);
        assert_int_equal(directory_next((Span){ piece, size }, &at, &e, &more, &err), 0);
        assert_false(more);
        at = 0;
        assert_int_equal(directory_next((Span){ NULL, 0 }, &at, &e, &more, &err), 0);
        assert_false(more);
}

static void refuse(const char *why, const uint8_t *data, size_t size) {
        DirectoryEntry e = { .name = "untouched" };
        bool more;
        size_t at = 0;
        Error err = { 0 };
        if (directory_next((Span){ data, size }, &at, &e, &more, &err) != -1 || err.kind != ERROR_PROTOCOL)
                fail_msg("%s was taken", why);
        assert_string_equal(e.name, "untouched");
}

static void test_hostile(void **unused) {
        (void)unused;
        uint8_t piece[1024];
        size_t size = entry(piece, sizeof piece, 0, 0, 1, "a.raw");
        for (size_t cut = 1; cut < 64 + 10; cut++)      /* without its padding it is still whole */
                refuse("a cut entry", piece, cut);
        (void)entry(piece, sizeof piece, 8, 0, 1, "a.raw");
        refuse("an entry that overlaps itself", piece, size);
        (void)entry(piece, sizeof piece, 76, 0, 1, "a.raw");
        refuse("an unaligned entry", piece, size);
        (void)entry(piece, sizeof piece, 0xFFFFFFF8, 0, 1, "a.raw");
        refuse("an entry far outside", piece, size);
        size = entry(piece, sizeof piece, 0, 0, 1, "..\\..\\etc");
        refuse("a name with a separator", piece, size);
        size = entry(piece, sizeof piece, 0, 0, 1, "a/b");
        refuse("a name with a slash", piece, size);
        size = entry(piece, sizeof piece, 0, 0, 1, "");
        refuse("no name", piece, size);
        size = entry(piece, sizeof piece, 0, 0, 1, "abcd");
        piece[64] = 0, piece[65] = 0;
        refuse("a name with a zero in it", piece, size);
}

/* A client of Windows can make such a name; the others of its folder are seen all the same. */
static void test_half_a_character(void **unused) {
        (void)unused;
        uint8_t piece[512];
        size_t first = entry(piece, sizeof piece, 0, 0x20, 1, "abcd"), at = 0;
        piece[0] = (uint8_t)first;
        piece[66] = 0x00, piece[67] = 0xD8;
        size_t size = first + entry(piece + first, sizeof piece - first, 0, 0x20, 2, "web01.raw");
        DirectoryEntry e;
        bool more;
        Error err = { 0 };

        assert_int_equal(directory_next((Span){ piece, size }, &at, &e, &more, &err), 0);
        assert_string_equal(e.name, "a\xEF\xBF\xBD" "cd");
        assert_true(e.unnamable);
        assert_int_equal(directory_next((Span){ piece, size }, &at, &e, &more, &err), 0);
        assert_string_equal(e.name, "web01.raw");
        assert_false(e.unnamable);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_two_entries), cmocka_unit_test(test_hostile),
                                            cmocka_unit_test(test_half_a_character) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
