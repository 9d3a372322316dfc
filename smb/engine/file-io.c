#include "smb/engine/file.h"

#include <string.h>

#include "appliance/base/text.h"
#include "smb/engine/chain.h"
#include "smb/engine/status.h"

static int too_large(const SmbFile *file, const char *what, uint32_t size, uint32_t max, Error *err) {
        return error_set(err, ERROR_INVALID, 0, "%s: %s of %u bytes; 1 to %u are possible", file->unc, what, size,
                         max);
}

/* ---- read ------------------------------------------------------------------------------------ */

static void on_read(Request *r, const Reply *reply, const Error *lost);

static int send_read(SmbFile *file, const RequestOwner *owner, uint8_t *into, Error *err) {
        Writer w;
        uint32_t size = owner->size - owner->got;
        Request *r = file_request(file, SMB2_READ, REQUEST_INLINE, on_read, &w, err);
        if (!r)
                return -1;
        SmbSession *session = r->owner.session;
        r->owner = *owner;
        r->owner.session = session;
        r->owner.file = file;
        r->into = into;
        r->into_size = size;
        r->chainable = size <= CHAIN_ELEMENT_BYTES;
        wire_read_encode(&w, file->id, owner->offset + owner->got, size);
        return file_submit(file, r, &w, size, err);
}

/* How many bytes the reply brought; they are where they belong afterwards.  0: end of file. */
static int take_read(Request *r, const Reply *reply, const Error *lost, uint32_t *ret_size, Error *err) {
        Span data;
        if (!lost && reply->header.status == STATUS_END_OF_FILE) {
                *ret_size = 0;
                return 0;
        }
        if (file_verdict(r, reply, lost, "read", err) < 0)
                return -1;
        if (reply->placed) {
                *ret_size = (uint32_t)reply->placed_size;
                return 0;
        }
        if (wire_read_reply_decode(reply->message, &data, err) < 0) {
                file_refuse(r, err);
                return -1;
        }
        if (data.size > r->into_size) {
                (void)error_set(err, ERROR_PROTOCOL, 0, "it sent more data than was asked for");
                file_refuse(r, err);
                return -1;
        }
        if (data.size > 0)
                memcpy(r->into, data.data, data.size);
        *ret_size = (uint32_t)data.size;
        return 0;
}

static void on_read(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        SmbFile *file = owner.file;
        Error err = { 0 };
        uint32_t got = 0;
        int result = take_read(r, reply, lost, &got, &err);
        owner.got += got;
        /* Short without being empty says nothing about the end of the file: ask for the rest. */
        if (result == 0 && got > 0 && owner.got < owner.size) {
                result = send_read(file, &owner, r->into + got, &err);
                if (result == 0) {
                        file_finish(r);
                        return;
                }
        }
        file_finish(r);
        owner.call.read(owner.userdata, result == 0 ? owner.got : 0, &err);
}

int smb_read(SmbFile *file, uint64_t offset, void *data, uint32_t size, SmbReadDone done, void *userdata,
             Error *err) {
        if (file_check_usable(file, err) < 0)
                return -1;
        uint32_t max = file->session->facts.max_read;
        if (size == 0 || size > max)
                return too_large(file, "a read", size, max, err);
        RequestOwner owner = { .call.read = done, .userdata = userdata, .offset = offset, .size = size };
        return send_read(file, &owner, data, err);
}

/* ---- write ----------------------------------------------------------------------------------- */

static void on_write(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        Error err = { 0 };
        uint32_t count = 0;
        if (file_verdict(r, reply, lost, "write", &err) == 0) {
                if (wire_write_reply_decode(reply->message, &count, &err) < 0)
                        file_refuse(r, &err);
                else if (count != owner.size)
                        (void)error_set(&err, ERROR_LIMIT, 0,
                                        "the file server wrote only %u of %u bytes to %s; look for "
                                        "free space on its disk",
                                        count, owner.size, owner.file->unc);
        }
        file_finish(r);
        owner.call.done(owner.userdata, &err);
}

int smb_write(SmbFile *file, uint64_t offset, const void *data, uint32_t size, bool write_through, SmbDone done,
              void *userdata, Error *err) {
        Writer w;
        if (file_check_usable(file, err) < 0)
                return -1;
        uint32_t max = file->session->facts.max_write;
        if (size == 0 || size > max)
                return too_large(file, "a write", size, max, err);
        Request *r = file_request(file, SMB2_WRITE, REQUEST_INLINE, on_write, &w, err);
        if (!r)
                return -1;
        r->owner.call.done = done;
        r->owner.userdata = userdata;
        r->owner.size = size;
        r->payload = (Span){ data, size };
        r->chainable = size <= CHAIN_ELEMENT_BYTES && !write_through;
        wire_write_encode(&w, file->id, offset, size, write_through);
        return file_submit(file, r, &w, size, err);
}

/* ---- requests that bring data ---------------------------------------------------------------- */

typedef int (*DecodeData)(Span message, Span *ret, Error *err);

static void on_data(Request *r, const Reply *reply, const Error *lost, const char *action, DecodeData decode) {
        RequestOwner owner = r->owner;
        Error err = { 0 }, ignored;
        Span out = { NULL, 0 };
        bool cut = reply && reply->header.status == STATUS_BUFFER_OVERFLOW;
        if (file_verdict(r, reply, lost, action, &err) == 0 || cut) {
                if (decode(reply->message, &out, cut ? &ignored : &err) < 0 && !cut)
                        file_refuse(r, &err);
                if (out.size > owner.size) {
                        out = (Span){ NULL, 0 };
                        (void)error_set(&err, ERROR_PROTOCOL, 0, "it sent more data than was asked for");
                        file_refuse(r, &err);
                }
        }
        file_finish(r); /* before: the callback may free the session, and with it the file */
        owner.call.data(owner.userdata, out.data, (uint32_t)out.size, &err);
}

static void on_ioctl(Request *r, const Reply *reply, const Error *lost) {
        on_data(r, reply, lost, "run a control request on", wire_ioctl_reply_decode);
}

static void on_query(Request *r, const Reply *reply, const Error *lost) {
        on_data(r, reply, lost, "query", wire_query_info_reply_decode);
}

static int check_transact(const SmbFile *file, uint32_t in, uint32_t out, Error *err) {
        if (file_check_usable(file, err) < 0)
                return -1;
        uint32_t max = file->session->facts.max_transact, larger = in > out ? in : out;
        return larger > max ? too_large(file, "a request", larger, max, err) : 0;
}

int smb_ioctl(SmbFile *file, uint32_t code, const void *in, uint32_t in_size, uint32_t out_max, SmbDataDone done,
              void *userdata, Error *err) {
        Writer w;
        if (check_transact(file, in_size, out_max, err) < 0)
                return -1;
        Request *r = file_request(file, SMB2_IOCTL, WIRE_HEADER_SIZE + 57 + in_size, on_ioctl, &w, err);
        if (!r)
                return -1;
        r->owner.call.data = done;
        r->owner.userdata = userdata;
        r->owner.size = out_max;
        wire_ioctl_encode(&w, file->id, code, (Span){ in, in_size }, out_max);
        return file_submit(file, r, &w, in_size > out_max ? in_size : out_max, err);
}

int smb_query_info(SmbFile *file, uint8_t type, uint8_t info_class, uint32_t additional, uint32_t out_max,
                   SmbDataDone done, void *userdata, Error *err) {
        Writer w;
        WireQuery query = { type, info_class, additional, out_max };
        if (check_transact(file, 0, out_max, err) < 0)
                return -1;
        Request *r = file_request(file, SMB2_QUERY_INFO, REQUEST_INLINE, on_query, &w, err);
        if (!r)
                return -1;
        r->owner.call.data = done;
        r->owner.userdata = userdata;
        r->owner.size = out_max;
        wire_query_info_encode(&w, file->id, &query);
        return file_submit(file, r, &w, out_max, err);
}

static void on_set(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        Error err = { 0 };
        if (file_verdict(r, reply, lost, "change", &err) == 0 &&
            wire_empty_reply_decode(reply->message, 2, &err) < 0)
                file_refuse(r, &err);
        file_finish(r);
        owner.call.done(owner.userdata, &err);
}

static int set(SmbFile *file, const WireQuery *what, const void *in, uint32_t in_size, SmbDone done, void *userdata,
               Error *err) {
        Writer w;
        if (check_transact(file, in_size, 0, err) < 0)
                return -1;
        Request *r = file_request(file, SMB2_SET_INFO, WIRE_HEADER_SIZE + 33 + in_size, on_set, &w, err);
        if (!r)
                return -1;
        r->owner.call.done = done;
        r->owner.userdata = userdata;
        wire_set_info_encode(&w, file->id, what, (Span){ in, in_size });
        return file_submit(file, r, &w, in_size, err);
}

int smb_set_info(SmbFile *file, uint8_t type, uint8_t info_class, const void *in, uint32_t in_size, SmbDone done,
                 void *userdata, Error *err) {
        const WireQuery what = { .type = type, .info_class = info_class };
        return set(file, &what, in, in_size, done, userdata, err);
}

int smb_set_security(SmbFile *file, uint32_t parts, const void *in, uint32_t in_size, SmbDone done, void *userdata,
                     Error *err) {
        const WireQuery what = { .type = SMB_INFO_SECURITY, .additional = parts };
        return set(file, &what, in, in_size, done, userdata, err);
}

/* ---- made from the above ---------------------------------------------------------------------- */

int smb_set_size(SmbFile *file, uint64_t size_bytes, SmbDone done, void *userdata, Error *err) {
        uint8_t in[8];
        Writer w = writer_of(in, sizeof in);
        write_u64(&w, size_bytes);
        return smb_set_info(file, SMB_INFO_FILE, FILE_END_OF_FILE_INFORMATION, in, sizeof in, done, userdata, err);
}

int smb_rename(SmbFile *file, const char *new_path, SmbDone done, void *userdata, Error *err) {
        uint8_t name[2 * SMB_PATH_MAX], in[20 + sizeof name];
        size_t size = 0;
        if (text_to_utf16(new_path, name, sizeof name, &size, err) < 0)
                return error_wrap(err, "new name of %s", file->unc);
        Writer w = writer_of(in, sizeof in); /* [MS-FSCC] 2.4.42.2 */
        write_u8(&w, 1);                     /* ReplaceIfExists */
        write_zero(&w, 7 + 8);
        write_u32(&w, (uint32_t)size);
        write_bytes(&w, name, size);
        write_zero(&w, size < 4 ? 4 - size : 0); /* at least 24 bytes */
        return smb_set_info(file, SMB_INFO_FILE, FILE_RENAME_INFORMATION, in, (uint32_t)w.at, done, userdata, err);
}

static void on_control(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        Error err = { 0 };
        (void)!file_verdict(r, reply, lost, "zero or mark sparse", &err);
        file_finish(r);
        owner.call.done(owner.userdata, &err);
}

static int control(SmbFile *file, uint32_t code, Span in, SmbDone done, void *userdata, Error *err) {
        Writer w;
        Request *r = file_request(file, SMB2_IOCTL, REQUEST_INLINE, on_control, &w, err);
        if (!r)
                return -1;
        r->owner.call.done = done;
        r->owner.userdata = userdata;
        wire_ioctl_encode(&w, file->id, code, in, 0);
        return file_submit(file, r, &w, 0, err);
}

int smb_set_sparse(SmbFile *file, SmbDone done, void *userdata, Error *err) {
        static const uint8_t on = 1;
        return control(file, FSCTL_SET_SPARSE, (Span){ &on, 1 }, done, userdata, err);
}

static void write_pair(Writer *w, uint64_t a, uint64_t b) {
        write_u64(w, a);
        write_u64(w, b);
}

int smb_zero(SmbFile *file, uint64_t offset, uint64_t size_bytes, SmbDone done, void *userdata, Error *err) {
        uint8_t in[16];
        Writer w = writer_of(in, sizeof in);
        if (offset > INT64_MAX || size_bytes > INT64_MAX - offset)
                return error_set(err, ERROR_INVALID, 0, "%s: a range beyond any file", file->unc);
        write_pair(&w, offset, offset + size_bytes);
        return control(file, FSCTL_SET_ZERO_DATA, (Span){ in, sizeof in }, done, userdata, err);
}

enum { RANGE_SIZE = 16, RANGES_MAX = 1024 };

static void on_ranges(Request *r, const Reply *reply, const Error *lost) {
        RequestOwner owner = r->owner;
        SmbRange ranges[RANGES_MAX];
        Error err = { 0 };
        Span out = { NULL, 0 };
        size_t count = 0;
        bool more = reply && reply->header.status == STATUS_BUFFER_OVERFLOW;
        if (more || file_verdict(r, reply, lost, "list the allocated ranges of", &err) == 0) {
                if (wire_ioctl_reply_decode(reply->message, &out, &err) < 0 || out.size > sizeof ranges ||
                    out.size % RANGE_SIZE != 0 || (more && out.size == 0)) {
                        (void)error_set(&err, ERROR_PROTOCOL, 0, "it sent a malformed list of allocated ranges");
                        file_refuse(r, &err);
                        out.size = 0;
                        more = false;
                }
                Reader reader = reader_of(out.data, out.size);
                for (count = 0; count < out.size / RANGE_SIZE; count++) {
                        ranges[count].offset = read_u64(&reader);
                        ranges[count].size_bytes = read_u64(&reader);
                }
        }
        file_finish(r);
        owner.call.ranges(owner.userdata, ranges, count, more, &err);
}

int smb_allocated_ranges(SmbFile *file, uint64_t offset, uint64_t size_bytes, SmbRangesDone done, void *userdata,
                         Error *err) {
        uint8_t in[16];
        Writer data = writer_of(in, sizeof in), w;
        write_pair(&data, offset, size_bytes);
        Request *r = file_request(file, SMB2_IOCTL, REQUEST_INLINE, on_ranges, &w, err);
        if (!r)
                return -1;
        r->owner.call.ranges = done;
        r->owner.userdata = userdata;
        wire_ioctl_encode(&w, file->id, FSCTL_QUERY_ALLOCATED_RANGES, (Span){ in, sizeof in },
                          RANGES_MAX * RANGE_SIZE);
        return file_submit(file, r, &w, 0, err);
}
