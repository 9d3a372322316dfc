/* nbd-wire.h — the bytes of NBD: fixed newstyle haggling, requests, simple and structured replies
 *
 * Pure: decodes what a client sent, encodes what it gets, keeps nothing.  Names and numbers are those of the NBD
 * project's doc/proto.md; everything on the wire is big-endian.  A decoder never leaves its buffer.
 */
#pragma once

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

enum {
        NBD_GREETING_SIZE = 18, NBD_CLIENT_FLAGS_SIZE = 4, NBD_OPTION_SIZE = 16, NBD_OPTION_REPLY_SIZE = 20,
        NBD_REQUEST_SIZE = 28, NBD_SIMPLE_REPLY_SIZE = 16, NBD_CHUNK_SIZE = 20,
        NBD_DATA_CHUNK_SIZE = NBD_CHUNK_SIZE + 8,       /* OFFSET_DATA, before the data */
        NBD_DESCRIPTOR_SIZE = 8,                        /* of BLOCK_STATUS */
        NBD_OLD_ZEROES = 124,                           /* behind the answer to EXPORT_NAME */
};

enum { NBD_FIXED_NEWSTYLE = 1, NBD_NO_ZEROES = 2 };     /* handshake flags, both ways */

typedef enum NbdOptionCode {
        NBD_OPT_EXPORT_NAME = 1, NBD_OPT_ABORT = 2, NBD_OPT_LIST = 3, NBD_OPT_STARTTLS = 5, NBD_OPT_INFO = 6,
        NBD_OPT_GO = 7, NBD_OPT_STRUCTURED_REPLY = 8, NBD_OPT_LIST_META_CONTEXT = 9, NBD_OPT_SET_META_CONTEXT = 10,
} NbdOptionCode;

#define NBD_REP_ACK 1u
#define NBD_REP_SERVER 2u
#define NBD_REP_INFO 3u
#define NBD_REP_META_CONTEXT 4u
#define NBD_REP_ERR_UNSUP 0x80000001u
#define NBD_REP_ERR_POLICY 0x80000002u
#define NBD_REP_ERR_INVALID 0x80000003u
#define NBD_REP_ERR_UNKNOWN 0x80000006u

enum { NBD_INFO_EXPORT = 0, NBD_INFO_BLOCK_SIZE = 3 };
enum {  /* transmission flags */
        NBD_FLAG_HAS_FLAGS = 0x1, NBD_FLAG_SEND_FLUSH = 0x4, NBD_FLAG_SEND_FUA = 0x8, NBD_FLAG_SEND_TRIM = 0x20,
        NBD_FLAG_SEND_WRITE_ZEROES = 0x40, NBD_FLAG_SEND_DF = 0x80, NBD_FLAG_CAN_MULTI_CONN = 0x100,
        NBD_FLAG_SEND_FAST_ZERO = 0x800,
};

typedef enum NbdCommand {
        NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_DISC, NBD_CMD_FLUSH, NBD_CMD_TRIM, NBD_CMD_CACHE, NBD_CMD_WRITE_ZEROES,
        NBD_CMD_BLOCK_STATUS,
} NbdCommand;
enum {  /* command flags */
        NBD_CMD_FLAG_FUA = 1, NBD_CMD_FLAG_NO_HOLE = 2, NBD_CMD_FLAG_DF = 4, NBD_CMD_FLAG_REQ_ONE = 8,
        NBD_CMD_FLAG_FAST_ZERO = 16,
};

enum { NBD_REPLY_FLAG_DONE = 1 };
enum { NBD_REPLY_OFFSET_DATA = 1, NBD_REPLY_BLOCK_STATUS = 5, NBD_REPLY_ERROR = 0x8001 };
enum { NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2 };        /* base:allocation */
#define NBD_ALLOCATION "base:allocation"

/* ---- haggling ---------------------------------------------------------------------------------- */

typedef struct NbdOption { uint32_t code, size; } NbdOption;

void nbd_greeting_encode(Writer *w);
/* ERROR_PROTOCOL for flags that are not known: what such a client would send next is not known either. */
int nbd_client_flags_decode(Span data, uint32_t *ret_flags, Error *err) FAILS;
int nbd_option_decode(Span data, NbdOption *ret, Error *err) FAILS;
/* INFO and GO.  The export's name is not looked at: a disk process has one disk. */
int nbd_info_decode(Span data, bool *ret_wants_block_size, Error *err) FAILS;
/* LIST_ and SET_META_CONTEXT.  @queries: how many there were; @allocation: one of them names base:allocation, or, for
 * a list, all of base:. */
typedef struct NbdContexts { uint32_t queries; bool allocation; } NbdContexts;
int nbd_contexts_decode(Span data, bool lists, NbdContexts *ret, Error *err) FAILS;

/* The head of a reply of @size bytes to option @code. */
void nbd_option_reply_encode(Writer *w, uint32_t code, uint32_t type, size_t size);
/* One that says in words why not. */
void nbd_option_refusal_encode(Writer *w, uint32_t code, uint32_t type, const char *why);
typedef struct NbdExport {
        uint64_t size_bytes;
        uint16_t flags;
        uint32_t block_minimum, block_preferred, request_maximum;
} NbdExport;
/* Answers INFO and GO up to and with the ACK. */
void nbd_info_encode(Writer *w, uint32_t code, const NbdExport *facts, bool block_size);
/* Answers EXPORT_NAME. */
void nbd_old_export_encode(Writer *w, const NbdExport *facts, bool zeroes);
void nbd_context_encode(Writer *w, uint32_t code, uint32_t id, const char *name);
/* The one export of LIST: the default one, which has no name. */
void nbd_list_encode(Writer *w);

/* ---- requests and replies ----------------------------------------------------------------------- */

typedef struct NbdRequest {
        uint16_t flags, command;
        uint64_t cookie, offset;
        uint32_t size;
} NbdRequest;
int nbd_request_decode(const uint8_t data[static NBD_REQUEST_SIZE], NbdRequest *ret, Error *err) FAILS;

/* @error: errno, told as the nearest of NBD's. */
void nbd_simple_reply_encode(Writer *w, int error, uint64_t cookie);
/* The head of the only chunk, of @size bytes behind the head. */
void nbd_chunk_encode(Writer *w, uint16_t type, uint64_t cookie, size_t size);
void nbd_data_chunk_encode(Writer *w, uint64_t cookie, uint64_t offset, size_t data_size);
/* The whole chunk; @why may be empty and is cut at 256 bytes. */
void nbd_error_chunk_encode(Writer *w, int error, uint64_t cookie, const char *why);
enum { NBD_ERROR_CHUNK_MAX = NBD_CHUNK_SIZE + 6 + 256 };
void nbd_descriptor_encode(Writer *w, uint32_t size, uint32_t state);
void nbd_u32_encode(Writer *w, uint32_t value);
