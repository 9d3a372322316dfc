/* vhd-copy.c — a disk becomes another one on the same share: the file server copies, nothing passes through here
 *
 * [MS-SMB2] 2.2.31.1 (SRV_COPYCHUNK_COPY), 3.3.5.15.6.  Only what the source has allocated is copied, so a sparse disk
 * stays one.  The source is opened with everybody else's writing denied, as any owner would: a disk in use is refused by
 * the file server itself.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/vhd-internal.h"
#include "smb/share/files.h"
#include "smb/share/link.h"

enum {
        FSCTL_RESUME_KEY = 0x00140078, FSCTL_COPYCHUNK_WRITE = 0x001480F2, FSCTL_ALLOCATED_RANGES = 0x000940CF,
        KEY_SIZE = 24, KEY_ANSWER = 32, COPY_ANSWER = 12,
        CHUNK_MAX = 1 << 20, CHUNKS_MAX = 16,           /* what every server takes, [MS-SMB2] 3.3.3 */
        RANGES_MAX = 4096,                              /* in one answer */
};
#define WINDOW_MAX (4ULL << 30)
#define WINDOW_MIN (16ULL << 20)        /* of 4 KiB blocks, every second one allocated: 2048 ranges */

/* All integers little-endian, as in the packet. */
typedef struct Range { uint64_t offset, size; } Range;
typedef struct Chunk { uint64_t from, to; uint32_t size, reserved; } Chunk;
typedef struct CopyRequest {
        uint8_t key[KEY_SIZE];
        uint32_t count, reserved;
        Chunk chunks[CHUNKS_MAX];
} CopyRequest;
_Static_assert(sizeof(Range) == 16 && sizeof(Chunk) == 24 && sizeof(CopyRequest) == 32 + CHUNKS_MAX * 24, "as in the packet");

typedef struct Copy {
        const VhdConvert *convert;
        ShareLink link;
        SmbFile *from, *to;
        uint64_t size, done;
        CopyRequest request;                    /* chunks that wait to be sent */
        uint64_t waiting;                       /* bytes in them */
        int percent;
} Copy;

static void copy_end(Copy *copy) { share_link_end(&copy->link); }

static int send_chunks(Copy *c, Error *err) {
        uint32_t answer[COPY_ANSWER / 4] = { 0 }, got = 0, count = le32toh(c->request.count);

        if (count == 0)
                return 0;
        if (c->convert->wait.cancelled && c->convert->wait.cancelled(c->convert->wait.userdata))
                return error_set(err, ERROR_CANCELLED, 0, "the copy was cancelled");
        if (smb_sync_ioctl(c->link.sync, c->to, FSCTL_COPYCHUNK_WRITE, &c->request,
                           (uint32_t)(offsetof(CopyRequest, chunks) + count * sizeof(Chunk)), answer, sizeof answer, &got, err) < 0)
                return -1;
        if (got != sizeof answer || le32toh(answer[2]) != c->waiting)
                return error_set(err, ERROR_UNSUPPORTED, 0, "the file server copied less than it was asked to");
        c->done += c->waiting;
        c->waiting = 0;
        c->request.count = 0;
        return 0;
}

static int add_range(Copy *c, uint64_t offset, uint64_t size, Error *err) {
        while (size > 0) {
                uint32_t count = le32toh(c->request.count), n = size < CHUNK_MAX ? (uint32_t)size : CHUNK_MAX;
                c->request.chunks[count] = (Chunk){ htole64(offset), htole64(offset), htole32(n), 0 };
                c->request.count = htole32(count + 1);
                c->waiting += n;
                offset += n;
                size -= n;
                if (count + 1 == CHUNKS_MAX && send_chunks(c, err) < 0)
                        return -1;
        }
        return 0;
}

/* The allocated ranges of a window; a window that holds too many of them is asked for in smaller pieces. */
static int copy_window(Copy *c, uint64_t at, uint64_t *window, Range *ranges, Error *err) {
        uint64_t end = at + *window < c->size ? at + *window : c->size;
        Range ask = { htole64(at), htole64(end - at) };
        uint32_t got = 0;

        if (smb_sync_ioctl(c->link.sync, c->from, FSCTL_ALLOCATED_RANGES, &ask, sizeof ask, ranges, RANGES_MAX * sizeof *ranges,
                           &got, err) < 0) {
                if (err->kind != ERROR_LIMIT || *window <= WINDOW_MIN)
                        return -1;
                *window /= 4;
                return 0;
        }
        for (size_t i = 0; i < got / sizeof *ranges; i++) {
                uint64_t from = le64toh(ranges[i].offset), size = le64toh(ranges[i].size);
                if (from < at || from > end || size > end - from)
                        return error_set(err, ERROR_PROTOCOL, 0, "the file server names allocated ranges that were not asked for");
                if (add_range(c, from, size, err) < 0)
                        return -1;
        }
        return 1;
}

static void tell(Copy *c, uint64_t at) {
        int percent = c->size ? (int)(at * 100 / c->size) : 100;

        if (c->convert->progress && percent != c->percent)
                c->convert->progress(c->convert->userdata, percent);
        c->percent = percent;
}

static int copy_all(Copy *c, Error *err) {
        auto_free Range *ranges = calloc(RANGES_MAX, sizeof *ranges);
        uint64_t window = WINDOW_MAX;

        if (!ranges)
                return error_oom(err);
        for (uint64_t at = 0; at < c->size;) {
                int r = copy_window(c, at, &window, ranges, err);
                if (r < 0)
                        return -1;
                if (r > 0)
                        at += window;
                tell(c, at < c->size ? at : c->size);
        }
        if (send_chunks(c, err) < 0)
                return -1;
        return smb_sync_flush(c->link.sync, c->to, err);
}

static int open_both(Copy *c, const Unc *from, const Unc *to, Error *err) {
        SmbOpenHow how = { .access = SMB_READ_DATA | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE, .share = SMB_SHARE_READ,
                           .disposition = SMB_OPEN, .options = SMB_OPTION_NON_DIRECTORY };
        uint8_t key[KEY_ANSWER];
        SmbOpened opened = { 0 };
        uint32_t got = 0;

        (void)snprintf(how.path, sizeof how.path, "%s", from->path);
        if (smb_sync_open(c->link.sync, &how, &c->from, &opened, err) < 0)
                return err->kind != ERROR_CONFLICT
                               ? -1
                               : error_set(err, ERROR_CONFLICT, err->cause, "%.300s is in use: somebody has it open for "
                                           "writing, perhaps a running virtual machine; turn that off first",
                                           c->convert->from);
        c->size = opened.size_bytes;
        how.access = SMB_READ_DATA | SMB_WRITE_DATA | SMB_SYNCHRONIZE;
        how.share = SMB_SHARE_NONE;
        (void)snprintf(how.path, sizeof how.path, "%s", to->path);
        if (smb_sync_open(c->link.sync, &how, &c->to, NULL, err) < 0 ||
            smb_sync_ioctl(c->link.sync, c->from, FSCTL_RESUME_KEY, NULL, 0, key, sizeof key, &got, err) < 0)
                return -1;
        if (got < KEY_SIZE)
                return error_set(err, ERROR_UNSUPPORTED, 0, "the file server gives no key to copy by");
        (void)memcpy(c->request.key, key, KEY_SIZE);
        return 0;
}

static int copy_on_server(const VhdConvert *convert, const Unc *from, const Unc *to, Error *err) {
        auto_(copy_end) Copy copy = { .convert = convert, .percent = -1 };

        if (share_link_begin(convert->from, &copy.link, err) < 0 || open_both(&copy, from, to, err) < 0 ||
            copy_all(&copy, err) < 0)
                return -1;
        return smb_sync_close(copy.link.sync, copy.to, err);
}

/* Claimed, so that no machine of this host is started with one of them meanwhile. */
static int copy_claimed(VmHost *host, const VhdConvert *convert, const Unc *from, const Unc *to, Error *err) {
        Error ignored;
        VhdInfo info;

        if (vhd_info(host, convert->from, &info, err) < 0 || vhd_create(convert->to, info.size_bytes, err) < 0)
                return -1;
        if (copy_on_server(convert, from, to, err) == 0)
                return 0;
        (void)!files_remove(convert->to, &ignored);
        return -1;
}

int vhd_copy(VmHost *host, const VhdConvert *convert, Error *err) {
        DiskName from_disk, to_disk;
        Unc from, to;

        if (vhd_check_on_share(convert->from, err) < 0 || vhd_check_on_share(convert->to, err) < 0 ||
            unc_parse(convert->from, &from, err) < 0 || unc_parse(convert->to, &to, err) < 0 ||
            disk_name(convert->from, &from_disk, err) < 0 || disk_name(convert->to, &to_disk, err) < 0)
                return -1;
        if (!text_equal_nocase(from.host, to.host) || !text_equal_nocase(from.share, to.share))
                return vhd_convert(host, convert, err);
        if (vmhost_claim(host, VM_CLAIM_DISK, from_disk.id, from_disk.unc, &from_disk, 1, err) < 0)
                return -1;
        int r = vmhost_claim(host, VM_CLAIM_DISK, to_disk.id, to_disk.unc, &to_disk, 1, err);
        if (r == 0) {
                r = copy_claimed(host, convert, &from, &to, err);
                vmhost_unclaim(host, to_disk.id);
        }
        vmhost_unclaim(host, from_disk.id);
        return r < 0 && err->kind == ERROR_UNSUPPORTED ? vhd_convert(host, convert, err) : r;
}
