/* wire.h — SMB 2 messages as bytes: headers and every command we send ([MS-SMB2] 2.2)
 *
 * Pure functions.  Encoders write into a Writer whose first byte is the message's first header
 * byte, so that offsets are those of the wire; they leave 64 zero bytes for the header, which is
 * filled in last.  Decoders take a whole message, header included; what they return as Span
 * points into it.  Nothing here allocates or knows a connection.
 */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"
#include "smb/engine/smb.h"

enum {
        WIRE_LENGTH_SIZE = 4,           /* [MS-SMB2] 2.1 */
        WIRE_HEADER_SIZE = 64,          /* 2.2.1 */
        WIRE_TRANSFORM_SIZE = 52,       /* 2.2.41 */
        WIRE_READ_REPLY_SIZE = 80,      /* header and fixed part of a READ reply; its data follows */
        WIRE_MESSAGE_SIZE_MAX = 0xFFFFFF,
        WIRE_UNIT = 65536,              /* bytes one credit pays for, 3.1.5.2 */
};

typedef enum SmbCommand {
        SMB2_NEGOTIATE, SMB2_SESSION_SETUP, SMB2_LOGOFF, SMB2_TREE_CONNECT, SMB2_TREE_DISCONNECT, SMB2_CREATE,
        SMB2_CLOSE, SMB2_FLUSH, SMB2_READ, SMB2_WRITE, SMB2_LOCK, SMB2_IOCTL, SMB2_CANCEL, SMB2_ECHO,
        SMB2_QUERY_DIRECTORY, SMB2_CHANGE_NOTIFY, SMB2_QUERY_INFO, SMB2_SET_INFO, SMB2_OPLOCK_BREAK,
        SMB2_COMMAND_COUNT,
} SmbCommand;
const char *smb_command_name(unsigned command);

enum { WIRE_RESPONSE = 0x1, WIRE_ASYNC = 0x2, WIRE_RELATED = 0x4, WIRE_SIGNED = 0x8 };   /* 2.2.1.2 Flags */

typedef struct WireHeader {
        uint16_t charge, command, credits;
        uint32_t status, flags, next;
        uint64_t message_id;
        uint32_t tree_id;               /* 0 in asynchronous replies */
        uint64_t session_id;
        uint8_t signature[16];
} WireHeader;

void wire_header_encode(uint8_t at[static WIRE_HEADER_SIZE], const WireHeader *header);
int wire_header_decode(const uint8_t *data, size_t size, WireHeader *ret, Error *err) FAILS;

typedef struct WireTransform {
        uint8_t signature[16], nonce[16];
        uint32_t size;                  /* of the message inside */
        uint64_t session_id;
} WireTransform;
void wire_transform_encode(uint8_t at[static WIRE_TRANSFORM_SIZE], const WireTransform *transform);
/* Also checks that the message inside is exactly as long as stated and long enough for a header. */
int wire_transform_decode(const uint8_t *data, size_t size, WireTransform *ret, Error *err) FAILS;

/* Is this the start of a sealed (2.2.41) or of a clear (2.2.1) message? */
bool wire_is_sealed(const uint8_t *data, size_t size);
bool wire_is_clear(const uint8_t *data, size_t size);

/* ---- session setup and tree ------------------------------------------------------------------ */

enum { SESSION_IS_GUEST = 1, SESSION_IS_NULL = 2, SESSION_ENCRYPT = 4 };       /* 2.2.6 */
typedef struct WireSessionSetup {
        uint8_t security_mode;
        uint32_t capabilities;
        uint64_t previous_session_id;
        Span token;
} WireSessionSetup;
void wire_session_setup_encode(Writer *w, const WireSessionSetup *setup);
typedef struct WireSessionReply {
        uint16_t flags;
        Span token;
} WireSessionReply;
int wire_session_reply_decode(Span message, WireSessionReply *ret, Error *err) FAILS;

enum { SHARE_TYPE_DISK = 1, SHARE_TYPE_PIPE = 2, SHARE_FLAG_ENCRYPT = 0x8000 };      /* 2.2.10 */
/* \\host\share */
int wire_tree_connect_encode(Writer *w, const char *unc, Error *err) FAILS;
typedef struct WireTreeReply {
        uint8_t type;
        uint32_t flags, capabilities, maximal_access;
} WireTreeReply;
int wire_tree_reply_decode(Span message, WireTreeReply *ret, Error *err) FAILS;

/* ---- files ----------------------------------------------------------------------------------- */

/* CREATE with the contexts that @how asks for (contexts.h). */
int wire_create_encode(Writer *w, const SmbOpenHow *how, uint16_t dialect, Error *err) FAILS;
int wire_create_reply_decode(Span message, const SmbOpenHow *how, SmbOpened *ret, Error *err) FAILS;

void wire_close_encode(Writer *w, const uint64_t id[2]);
void wire_flush_encode(Writer *w, const uint64_t id[2]);
void wire_echo_encode(Writer *w);
void wire_read_encode(Writer *w, const uint64_t id[2], uint64_t offset, uint32_t size);
int wire_read_reply_decode(Span message, Span *ret, Error *err) FAILS;
/* The data of a WRITE follows what is encoded here: exactly WIRE_WRITE_SIZE bytes. */
enum { WIRE_WRITE_SIZE = WIRE_HEADER_SIZE + 48 };
void wire_write_encode(Writer *w, const uint64_t id[2], uint64_t offset, uint32_t size, bool through);
int wire_write_reply_decode(Span message, uint32_t *ret_count, Error *err) FAILS;
void wire_ioctl_encode(Writer *w, const uint64_t id[2], uint32_t code, Span in, uint32_t out_max);
int wire_ioctl_reply_decode(Span message, Span *ret, Error *err) FAILS;
typedef struct WireQuery { uint8_t type, info_class; uint32_t additional, out_max; } WireQuery;
void wire_query_info_encode(Writer *w, const uint64_t id[2], const WireQuery *query);
int wire_query_info_reply_decode(Span message, Span *ret, Error *err) FAILS;
void wire_set_info_encode(Writer *w, const uint64_t id[2], const WireQuery *what, Span in);    /* out_max unused */

typedef struct WireLeaseBreak {
        bool is_lease;                  /* false: an oplock break; we never ask for oplocks */
        bool ack_required;
        uint8_t key[16];
        uint32_t now;
} WireLeaseBreak;
int wire_lease_break_decode(Span message, WireLeaseBreak *ret, Error *err) FAILS;
void wire_lease_ack_encode(Writer *w, const uint8_t key[static 16], uint32_t state);

/* Replies without content: only the shape is checked.  @structure_size as in 2.2. */
int wire_empty_reply_decode(Span message, uint16_t structure_size, Error *err) FAILS;
