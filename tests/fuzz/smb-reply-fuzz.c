#include <assert.h>

#include "smb/engine/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const uint8_t *data, size_t size, Span part) {
        assert(part.size == 0 || (part.data >= data && part.data + part.size <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span message = { data, size }, part = { 0 };
        Error err = { 0 };
        WireHeader header;
        WireTransform transform;
        WireSessionReply session = { 0 };
        WireTreeReply tree;
        WireLeaseBreak lease;
        uint32_t count;
        (void)!wire_header_decode(data, size, &header, &err);
        (void)!wire_transform_decode(data, size, &transform, &err);
        (void)!wire_session_reply_decode(message, &session, &err);
        inside(data, size, session.token);
        (void)!wire_tree_reply_decode(message, &tree, &err);
        (void)!wire_write_reply_decode(message, &count, &err);
        (void)!wire_lease_break_decode(message, &lease, &err);
        (void)!wire_empty_reply_decode(message, 60, &err);
        static int (*const decoders[])(Span, Span *, Error *) = {
                wire_read_reply_decode,
                wire_ioctl_reply_decode,
                wire_query_info_reply_decode,
        };
        for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
                if (decoders[i](message, &part, &err) == 0)
                        inside(data, size, part);
        return 0;
}
