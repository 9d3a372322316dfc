#include "smb/engine/wire.h"

#include <string.h>

#include "appliance/base/text.h"
#include "smb/engine/contexts.h"

static const uint8_t clear_magic[4] = { 0xFE, 'S', 'M', 'B' };
static const uint8_t sealed_magic[4] = { 0xFD, 'S', 'M', 'B' };

const char *smb_command_name(unsigned command) {
        static const char *const names[SMB2_COMMAND_COUNT] = {
                "NEGOTIATE",     "SESSION_SETUP", "LOGOFF",   "TREE_CONNECT", "TREE_DISCONNECT",
                "CREATE",        "CLOSE",         "FLUSH",    "READ",         "WRITE",
                "LOCK",          "IOCTL",         "CANCEL",   "ECHO",         "QUERY_DIRECTORY",
                "CHANGE_NOTIFY", "QUERY_INFO",    "SET_INFO", "OPLOCK_BREAK",
        };
        return command < SMB2_COMMAND_COUNT ? names[command] : "unknown command";
}

static int malformed(const char *what, Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0,
                         "the file server sent a malformed %s; its software may be damaged "
                         "or somebody interferes with the connection",
                         what);
}

bool wire_is_sealed(const uint8_t *data, size_t size) {
        return size >= 4 && memcmp(data, sealed_magic, 4) == 0;
}

bool wire_is_clear(const uint8_t *data, size_t size) {
        return size >= 4 && memcmp(data, clear_magic, 4) == 0;
}

void wire_header_encode(uint8_t at[static WIRE_HEADER_SIZE], const WireHeader *h) {
        Writer w = writer_of(at, WIRE_HEADER_SIZE);
        write_bytes(&w, clear_magic, 4);
        write_u16(&w, WIRE_HEADER_SIZE);
        write_u16(&w, h->charge);
        write_u32(&w, h->status);
        write_u16(&w, h->command);
        write_u16(&w, h->credits);
        write_u32(&w, h->flags);
        write_u32(&w, h->next);
        write_u64(&w, h->message_id);
        write_u32(&w, 0);
        write_u32(&w, h->tree_id);
        write_u64(&w, h->session_id);
        write_bytes(&w, h->signature, 16);
}

int wire_header_decode(const uint8_t *data, size_t size, WireHeader *ret, Error *err) {
        Reader r = reader_of(data, size);
        Span magic = read_span(&r, 4);
        uint16_t structure = read_u16(&r);
        WireHeader h = { .charge = read_u16(&r) };
        h.status = read_u32(&r);
        h.command = read_u16(&r);
        h.credits = read_u16(&r);
        h.flags = read_u32(&r);
        h.next = read_u32(&r);
        h.message_id = read_u64(&r);
        uint64_t ids = read_u64(&r);
        if (!(h.flags & WIRE_ASYNC))
                h.tree_id = (uint32_t)(ids >> 32);
        h.session_id = read_u64(&r);
        read_bytes(&r, h.signature, 16);
        if (!reader_ok(&r) || memcmp(magic.data, clear_magic, 4) != 0 || structure != WIRE_HEADER_SIZE)
                return malformed("message header", err);
        *ret = h;
        return 0;
}

void wire_transform_encode(uint8_t at[static WIRE_TRANSFORM_SIZE], const WireTransform *t) {
        Writer w = writer_of(at, WIRE_TRANSFORM_SIZE);
        write_bytes(&w, sealed_magic, 4);
        write_bytes(&w, t->signature, 16);
        write_bytes(&w, t->nonce, 16);
        write_u32(&w, t->size);
        write_u16(&w, 0);
        write_u16(&w, 1); /* 3.1.1: Flags = Encrypted; 3.0: EncryptionAlgorithm = AES-128-CCM */
        write_u64(&w, t->session_id);
}

int wire_transform_decode(const uint8_t *data, size_t size, WireTransform *ret, Error *err) {
        Reader r = reader_of(data, size);
        WireTransform t = { 0 };
        Span magic = read_span(&r, 4);
        read_bytes(&r, t.signature, 16);
        read_bytes(&r, t.nonce, 16);
        t.size = read_u32(&r);
        (void)read_u16(&r);
        uint16_t flags = read_u16(&r);
        t.session_id = read_u64(&r);
        if (!reader_ok(&r) || memcmp(magic.data, sealed_magic, 4) != 0 || flags != 1 || t.size != reader_left(&r) ||
            t.size < WIRE_HEADER_SIZE)
                return malformed("sealed message", err);
        *ret = t;
        return 0;
}

/* A reader behind the header and the StructureSize that every body starts with. */
static Reader body_of(Span message, uint16_t structure_size) {
        Reader r = reader_of(message.data, message.size);
        read_skip(&r, WIRE_HEADER_SIZE);
        if (read_u16(&r) != structure_size)
                r.failed = true;
        return r;
}

/* The bytes an offset/length pair names; they may not overlap what comes before @r. */
static Span variable_part(Reader *r, size_t offset, size_t size) {
        if (size == 0)
                return (Span){ NULL, 0 };
        if (offset < r->at)
                r->failed = true;
        return read_span_at(r, offset, size);
}

static void start(Writer *w, uint16_t structure_size) {
        write_zero(w, WIRE_HEADER_SIZE);
        write_u16(w, structure_size);
}

static void write_id(Writer *w, const uint64_t id[2]) {
        write_u64(w, id[0]);
        write_u64(w, id[1]);
}

int wire_empty_reply_decode(Span message, uint16_t structure_size, Error *err) {
        Reader r = body_of(message, structure_size);
        return reader_ok(&r) ? 0 : malformed("reply", err);
}

/* ---- session setup and tree ------------------------------------------------------------------ */

void wire_session_setup_encode(Writer *w, const WireSessionSetup *setup) {
        start(w, 25);
        write_u8(w, 0);
        write_u8(w, setup->security_mode);
        write_u32(w, setup->capabilities);
        write_u32(w, 0); /* Channel */
        write_u16(w, WIRE_HEADER_SIZE + 24);
        write_u16(w, (uint16_t)setup->token.size);
        write_u64(w, setup->previous_session_id);
        write_bytes(w, setup->token.data, setup->token.size);
        if (setup->token.size > UINT16_MAX)
                w->failed = true;
}

int wire_session_reply_decode(Span message, WireSessionReply *ret, Error *err) {
        Reader r = body_of(message, 9);
        WireSessionReply reply = { .flags = read_u16(&r) };
        uint16_t offset = read_u16(&r), size = read_u16(&r);
        reply.token = variable_part(&r, offset, size);
        if (!reader_ok(&r))
                return malformed("SESSION_SETUP reply", err);
        *ret = reply;
        return 0;
}

int wire_tree_connect_encode(Writer *w, const char *unc, Error *err) {
        uint8_t path[2 * (SMB_HOST_MAX + SMB_SHARE_MAX + 4)];
        size_t size = 0;
        if (text_to_utf16(unc, path, sizeof path, &size, err) < 0)
                return error_wrap(err, "%s", unc);
        start(w, 9);
        write_u16(w, 0);
        write_u16(w, WIRE_HEADER_SIZE + 8);
        write_u16(w, (uint16_t)size);
        write_bytes(w, path, size);
        return 0;
}

int wire_tree_reply_decode(Span message, WireTreeReply *ret, Error *err) {
        Reader r = body_of(message, 16);
        WireTreeReply reply = { .type = read_u8(&r) };
        (void)read_u8(&r);
        reply.flags = read_u32(&r);
        reply.capabilities = read_u32(&r);
        reply.maximal_access = read_u32(&r);
        if (!reader_ok(&r))
                return malformed("TREE_CONNECT reply", err);
        *ret = reply;
        return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

int wire_create_encode(Writer *w, const SmbOpenHow *how, uint16_t dialect, Error *err) {
        uint8_t name[2 * SMB_PATH_MAX];
        size_t size = 0;
        if (text_to_utf16(how->path, name, sizeof name, &size, err) < 0)
                return error_wrap(err, "%s", how->path);
        start(w, 57);
        write_u8(w, 0);
        write_u8(w, how->lease ? 0xFF : 0); /* RequestedOplockLevel: lease */
        write_u32(w, 2);                    /* Impersonation */
        write_zero(w, 16);
        write_u32(w, how->access);
        write_u32(w, how->disposition == SMB_CREATE || how->disposition == SMB_OPEN_IF ? 0x80 : 0);
        write_u32(w, how->share);
        write_u32(w, how->disposition);
        write_u32(w, how->options);
        write_u16(w, WIRE_HEADER_SIZE + 56);
        write_u16(w, (uint16_t)size);
        size_t at = w->at;
        write_zero(w, 8);
        write_bytes(w, name, size);
        if (size == 0)
                write_zero(w, 8); /* the variable part may not be empty */
        write_align(w, 8);
        size_t contexts = w->at;
        contexts_encode(w, how, dialect);
        if (w->at > contexts) {
                write_u32_at(w, at, (uint32_t)contexts);
                write_u32_at(w, at + 4, (uint32_t)(w->at - contexts));
        }
        return 0;
}

int wire_create_reply_decode(Span message, const SmbOpenHow *how, SmbOpened *ret, Error *err) {
        SmbOpened opened = { 0 };
        Reader r = body_of(message, 89);
        uint8_t oplock = read_u8(&r);
        (void)read_u8(&r);
        opened.created = read_u32(&r) == 2; /* FILE_CREATED */
        read_skip(&r, 2 * 8);               /* CreationTime, LastAccessTime */
        opened.last_write = read_u64(&r);
        read_skip(&r, 8);                   /* ChangeTime */
        opened.allocated_bytes = read_u64(&r);
        opened.size_bytes = read_u64(&r);
        opened.attributes = read_u32(&r);
        (void)read_u32(&r);
        opened.file_id[0] = read_u64(&r);
        opened.file_id[1] = read_u64(&r);
        uint32_t offset = read_u32(&r), size = read_u32(&r);
        Span contexts = variable_part(&r, offset, size);
        if (!reader_ok(&r))
                return malformed("CREATE reply", err);
        if (contexts_decode(contexts, how, &opened, err) < 0)
                return -1;
        if (oplock != 0xFF)
                opened.lease = 0;
        *ret = opened;
        return 0;
}

void wire_close_encode(Writer *w, const uint64_t id[2]) {
        start(w, 24);
        write_u16(w, 0);
        write_u32(w, 0);
        write_id(w, id);
}

void wire_flush_encode(Writer *w, const uint64_t id[2]) {
        start(w, 24);
        write_u16(w, 0);
        write_u32(w, 0);
        write_id(w, id);
}

void wire_echo_encode(Writer *w) {
        start(w, 4);
        write_u16(w, 0);
}

void wire_read_encode(Writer *w, const uint64_t id[2], uint64_t offset, uint32_t size) {
        start(w, 49);
        write_u8(w, WIRE_READ_REPLY_SIZE); /* where the data of the reply shall start */
        write_u8(w, 0);
        write_u32(w, size);
        write_u64(w, offset);
        write_id(w, id);
        write_u32(w, 0); /* MinimumCount */
        write_u32(w, 0); /* Channel */
        write_u32(w, 0); /* RemainingBytes */
        write_u32(w, 0); /* ReadChannelInfo */
        write_u8(w, 0);
}

int wire_read_reply_decode(Span message, Span *ret, Error *err) {
        Reader r = body_of(message, 17);
        uint8_t offset = read_u8(&r);
        (void)read_u8(&r);
        uint32_t size = read_u32(&r);
        (void)read_u32(&r); /* DataRemaining */
        (void)read_u32(&r); /* Flags */
        Span data = variable_part(&r, offset, size);
        if (!reader_ok(&r))
                return malformed("READ reply", err);
        *ret = data;
        return 0;
}

void wire_write_encode(Writer *w, const uint64_t id[2], uint64_t offset, uint32_t size, bool through) {
        start(w, 49);
        write_u16(w, WIRE_WRITE_SIZE);
        write_u32(w, size);
        write_u64(w, offset);
        write_id(w, id);
        write_u32(w, 0);               /* Channel */
        write_u32(w, 0);               /* RemainingBytes */
        write_u32(w, 0);               /* WriteChannelInfo */
        write_u32(w, through ? 1 : 0); /* SMB2_WRITEFLAG_WRITE_THROUGH */
}

int wire_write_reply_decode(Span message, uint32_t *ret_count, Error *err) {
        Reader r = body_of(message, 17);
        (void)read_u16(&r);
        uint32_t count = read_u32(&r);
        if (!reader_ok(&r))
                return malformed("WRITE reply", err);
        *ret_count = count;
        return 0;
}

void wire_ioctl_encode(Writer *w, const uint64_t id[2], uint32_t code, Span in, uint32_t out_max) {
        start(w, 57);
        write_u16(w, 0);
        write_u32(w, code);
        write_id(w, id);
        write_u32(w, WIRE_HEADER_SIZE + 56);
        write_u32(w, (uint32_t)in.size);
        write_u32(w, 0); /* MaxInputResponse */
        write_u32(w, WIRE_HEADER_SIZE + 56);
        write_u32(w, 0);
        write_u32(w, out_max);
        write_u32(w, 1); /* SMB2_0_IOCTL_IS_FSCTL */
        write_u32(w, 0);
        write_bytes(w, in.data, in.size);
        if (in.size == 0)
                write_u8(w, 0);
}

int wire_ioctl_reply_decode(Span message, Span *ret, Error *err) {
        Reader r = body_of(message, 49);
        (void)read_u16(&r);
        (void)read_u32(&r);
        read_skip(&r, 16 + 4 + 4); /* FileId, InputOffset, InputCount */
        uint32_t offset = read_u32(&r), size = read_u32(&r);
        read_skip(&r, 8);
        Span out = variable_part(&r, offset, size);
        if (!reader_ok(&r))
                return malformed("IOCTL reply", err);
        *ret = out;
        return 0;
}

void wire_query_info_encode(Writer *w, const uint64_t id[2], const WireQuery *query) {
        start(w, 41);
        write_u8(w, query->type);
        write_u8(w, query->info_class);
        write_u32(w, query->out_max);
        write_u16(w, 0);
        write_u16(w, 0);
        write_u32(w, 0);
        write_u32(w, query->additional);
        write_u32(w, 0);
        write_id(w, id);
        write_u8(w, 0);
}

int wire_query_info_reply_decode(Span message, Span *ret, Error *err) {
        Reader r = body_of(message, 9);
        uint16_t offset = read_u16(&r);
        uint32_t size = read_u32(&r);
        Span out = variable_part(&r, offset, size);
        if (!reader_ok(&r))
                return malformed("QUERY_INFO reply", err);
        *ret = out;
        return 0;
}

void wire_set_info_encode(Writer *w, const uint64_t id[2], const WireQuery *what, Span in) {
        start(w, 33);
        write_u8(w, what->type);
        write_u8(w, what->info_class);
        write_u32(w, (uint32_t)in.size);
        write_u16(w, WIRE_HEADER_SIZE + 32);
        write_u16(w, 0);
        write_u32(w, what->additional);
        write_id(w, id);
        write_bytes(w, in.data, in.size);
}

int wire_lease_break_decode(Span message, WireLeaseBreak *ret, Error *err) {
        Reader r = reader_of(message.data, message.size);
        read_skip(&r, WIRE_HEADER_SIZE);
        uint16_t structure = read_u16(&r);
        if (structure == 24 && message.size >= WIRE_HEADER_SIZE + 24) { /* 2.2.23.1 */
                *ret = (WireLeaseBreak){ 0 };
                return 0;
        }
        WireLeaseBreak b = { .is_lease = true };
        (void)read_u16(&r); /* NewEpoch */
        b.ack_required = read_u32(&r) & 1;
        read_bytes(&r, b.key, 16);
        (void)read_u32(&r); /* CurrentLeaseState */
        b.now = read_u32(&r);
        read_skip(&r, 12);
        if (!reader_ok(&r) || structure != 44)
                return malformed("lease break", err);
        *ret = b;
        return 0;
}

void wire_lease_ack_encode(Writer *w, const uint8_t key[static 16], uint32_t state) {
        start(w, 36);
        write_u16(w, 0);
        write_u32(w, 0);
        write_bytes(w, key, 16);
        write_u32(w, state);
        write_u64(w, 0);
}
