#include "smb/engine/directory.h"

#include <string.h>

#include "appliance/base/text.h"
#include "smb/engine/file.h"
#include "smb/engine/status.h"

enum { FILE_DIRECTORY_INFORMATION = 1, FIXED_PART = 64 };
#define STATUS_NO_MORE_FILES 0x80000006u

/* ---- the request --------------------------------------------------------------------------------- */

static int take(Request *r, const Reply *reply, const Error *lost, Span *ret, Error *err) {
        if (!lost && reply->header.status == STATUS_NO_MORE_FILES)
                return 0;
        if (file_verdict(r, reply, lost, "list", err) < 0)
                return -1;
        /* The reply has the layout of QUERY_INFO's, [MS-SMB2] 2.2.34 and 2.2.38. */
        if (wire_query_info_reply_decode(reply->message, ret, err) == 0) {
                if (ret->size <= r->owner.size)
                        return 0;
                *ret = (Span){ NULL, 0 };
                (void)error_set(err, ERROR_PROTOCOL, 0, "it sent a longer listing than was asked for");
        }
        file_refuse(r, err);
        return -1;
}

static void on_listed(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        Error err = { 0 };
        Span piece = { NULL, 0 };

        if (take(r, reply, lost, &piece, &err) < 0)
                piece = (Span){ NULL, 0 };
        file_finish(r); /* before: the callback may free the session, and with it the folder */
        owner.call.data(owner.userdata, piece.data, (uint32_t)piece.size, &err);
}

int smb_query_directory(SmbFile *folder, uint32_t out_max, SmbDataDone done, void *userdata, Error *err) {
        Writer w;

        if (file_check_usable(folder, err) < 0)
                return -1;
        if (out_max > folder->session->facts.max_transact)
                out_max = folder->session->facts.max_transact;
        Request *r = file_request(folder, SMB2_QUERY_DIRECTORY, REQUEST_INLINE, on_listed, &w, err);
        if (!r)
                return -1;
        r->owner.call.data = done;
        r->owner.userdata = userdata;
        r->owner.size = out_max;
        write_zero(&w, WIRE_HEADER_SIZE);
        write_u16(&w, 33);
        write_u8(&w, FILE_DIRECTORY_INFORMATION);
        write_u8(&w, 0);
        write_u32(&w, 0);
        write_u64(&w, folder->id[0]);
        write_u64(&w, folder->id[1]);
        write_u16(&w, WIRE_HEADER_SIZE + 32);
        write_u16(&w, 2);
        write_u32(&w, out_max);
        write_u16(&w, '*');
        return file_submit(folder, r, &w, out_max, err);
}

/* ---- its answer ---------------------------------------------------------------------------------- */

static int decode(Span entry, DirectoryEntry *ret, uint32_t *ret_next, Error *err) {
        Reader r = reader_of(entry.data, entry.size);
        DirectoryEntry made = { 0 };

        uint32_t next = read_u32(&r);
        read_skip(&r, 4 + 4 * 8); /* FileIndex, four times */
        made.size_bytes = read_u64(&r);
        read_skip(&r, 8); /* AllocationSize */
        made.attributes = read_u32(&r);
        uint32_t size = read_u32(&r);
        Span name = read_span(&r, size);
        if (!reader_ok(&r) || size == 0 ||
            (next != 0 && (next < FIXED_PART + size || next % 8 != 0 || next > entry.size)))
                return error_set(err, ERROR_PROTOCOL, 0, "the file server sent a listing that cannot be read");
        if (text_from_utf16_mended(name.data, name.size, made.name, sizeof made.name, &made.unnamable, err) < 0 ||
            strpbrk(made.name, "\\/"))
                return error_set(err, ERROR_PROTOCOL, 0, "the file server sent a name that no file can have");
        *ret = made;
        *ret_next = next;
        return 0;
}

int directory_next(Span piece, size_t *at, DirectoryEntry *ret, bool *ret_more, Error *err) {
        uint32_t next;

        if (*at >= piece.size) {
                *ret_more = false;
                return 0;
        }
        if (decode((Span){ piece.data + *at, piece.size - *at }, ret, &next, err) < 0)
                return -1;
        *at = next == 0 ? piece.size : *at + next;
        *ret_more = true;
        return 0;
}
