#include "smb/share/share-list.h"

#include <stdio.h>
#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "smb/share/link.h"
#include "smb/share/srvsvc.h"

enum { PIPE_TRANSCEIVE = 0x11C017, CALL_BIND = 1, CALL_REQUEST = 2, ANSWER_MAX = RPC_FRAGMENT_MAX };

typedef struct Pipe {
        ShareLink link;
        SmbFile *file;
        uint8_t *buffer; /* of ANSWER_MAX bytes: question, then answer */
} Pipe;

static void pipe_done(Pipe *pipe) {
        share_link_end(&pipe->link);
        free(pipe->buffer);
}

static int transceive(Pipe *pipe, const Writer *w, uint32_t *ret_size, Error *err) {
        return smb_sync_ioctl(pipe->link.sync, pipe->file, PIPE_TRANSCEIVE, w->data, (uint32_t)w->at, pipe->buffer,
                              ANSWER_MAX, ret_size, err);
}

static int pipe_open(const char *unc, const char *ccache, Pipe *pipe, Error *err) {
        uint8_t question[256];
        Writer w = writer_of(question, sizeof question);
        uint32_t size;

        if (!(pipe->buffer = malloc(ANSWER_MAX)))
                return error_oom(err);
        if (share_link_begin_as(unc, ccache, true, &pipe->link, err) < 0 ||
            share_link_open(&pipe->link, "srvsvc", SMB_READ_DATA | SMB_WRITE_DATA, SMB_OPEN, 0, &pipe->file, NULL,
                            err) < 0)
                return -1;
        rpc_bind_encode(&w, &srvsvc_interface, CALL_BIND);
        if (transceive(pipe, &w, &size, err) < 0)
                return -1;
        return rpc_bind_reply_decode(pipe->buffer, size, CALL_BIND, err);
}

/* Sends what @w holds and leaves the results inside pipe->buffer. */
static int call(Pipe *pipe, const Writer *w, Span *ret, Error *err) {
        uint32_t size;

        if (transceive(pipe, w, &size, err) < 0)
                return -1;
        return rpc_response_decode(pipe->buffer, size, CALL_REQUEST, ret, err);
}

static void server_name(const Pipe *pipe, char *to, size_t size) {
        (void)snprintf(to, size, "\\\\%s", pipe->link.unc.host);
}

static int read_list(Pipe *pipe, Descriptor *ret, Error *err) {
        char server[SMB_HOST_MAX + 3];
        uint8_t question[SRVSVC_REQUEST_MAX];
        Writer w = writer_of(question, sizeof question);
        Span results, bytes;

        server_name(pipe, server, sizeof server);
        if (srvsvc_get_encode(&w, server, pipe->link.unc.share, CALL_REQUEST, err) < 0 ||
            call(pipe, &w, &results, err) < 0 || srvsvc_get_decode(results, &bytes, err) < 0)
                return -1;
        if (bytes.size > 0)
                return descriptor_decode(bytes.data, bytes.size, ret, err);
        *ret = (Descriptor){ .control = DESCRIPTOR_SELF_RELATIVE };
        return 0;
}

int share_list_read(const char *unc, const char *ccache, Descriptor *ret, Error *err) {
        auto_(pipe_done) Pipe pipe = { 0 };

        if (pipe_open(unc, ccache, &pipe, err) < 0 || read_list(&pipe, ret, err) < 0)
                return error_wrap(err, "cannot read the permissions of the share of '%.150s'", unc);
        return 0;
}

static int write_list(Pipe *pipe, const Descriptor *d, Error *err) {
        char server[SMB_HOST_MAX + 3];
        size_t size;
        Span results;
        auto_free uint8_t *bytes = malloc(2 * RPC_FRAGMENT_MAX);

        if (!bytes)
                return error_oom(err);
        server_name(pipe, server, sizeof server);
        Writer w = writer_of(bytes + RPC_FRAGMENT_MAX, RPC_FRAGMENT_MAX);
        if (descriptor_encode(d, bytes, RPC_FRAGMENT_MAX, &size, err) < 0 ||
            srvsvc_set_encode(&w, server, pipe->link.unc.share, (Span){ bytes, size }, CALL_REQUEST, err) < 0 ||
            call(pipe, &w, &results, err) < 0)
                return -1;
        return srvsvc_set_decode(results, err);
}

int share_list_write(const char *unc, const char *ccache, const Descriptor *d, Error *err) {
        auto_(pipe_done) Pipe pipe = { 0 };

        if (pipe_open(unc, ccache, &pipe, err) < 0 || write_list(&pipe, d, err) < 0)
                return error_wrap(err, "cannot change the permissions of the share of '%.150s'", unc);
        return 0;
}
