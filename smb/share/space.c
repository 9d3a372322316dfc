#include "smb/share/space.h"

#include "appliance/base/bytes.h"

enum { FULL_SIZE_INFORMATION = 7, FULL_SIZE = 32 };    /* [MS-FSCC] 2.5.4 */

int space_decode(const uint8_t *data, size_t size, Space *ret, Error *err) {
        Reader r = reader_of(data, size);
        uint64_t total = read_u64(&r), caller = read_u64(&r);
        (void)read_u64(&r);     /* what is free for everybody together */
        uint64_t sectors = read_u32(&r), bytes = read_u32(&r), unit;
        Space space;

        if (!reader_done(&r) || __builtin_mul_overflow(sectors, bytes, &unit) || unit == 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the file server does not say how much room it has as it should");
        if (__builtin_mul_overflow(caller, unit, &space.free_bytes))
                space.free_bytes = UINT64_MAX;
        if (__builtin_mul_overflow(total, unit, &space.total_bytes))
                space.total_bytes = UINT64_MAX;
        *ret = space;
        return 0;
}

int space_read(ShareLink *link, const char *path, Space *ret, Error *err) {
        uint8_t answer[FULL_SIZE];
        uint32_t size = 0;
        SmbFile *file;

        if (share_link_open(link, path, SMB_READ_ATTRIBUTES, SMB_OPEN, 0, &file, NULL, err) < 0 ||
            smb_sync_query(link->sync, file, SMB_INFO_FILESYSTEM, FULL_SIZE_INFORMATION, 0, answer, sizeof answer, &size,
                           err) < 0 ||
            smb_sync_close(link->sync, file, err) < 0)
                return error_wrap(err, "cannot learn how much room '%.150s' has", path);
        return space_decode(answer, size, ret, err);
}
