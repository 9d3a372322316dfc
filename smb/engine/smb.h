/* smb.h — the SMB 3 client core: one share reached as one machine account
 *
 * Speaks 3.0, 3.0.2 and 3.1.1 and nothing below.  Owns the TCP connection, the negotiated keys,
 * the session and one tree connect.  Everything is asynchronous on the caller's sd_event loop:
 * a request is queued at once and its `done` is called exactly once from the loop, also when the
 * connection breaks (ERROR_UNREACHABLE) or the session is freed (ERROR_CANCELLED).  Any number of
 * requests may be outstanding; those beyond the server's credits wait in order.  Resolving names and asking
 * the KDC block and so happen on a thread of the session's own.
 *
 * One session object is one TCP connection with its own ClientGuid.  Not thread-safe: use it on
 * the thread that runs its loop.  Refuses to know: disks, ownership, NBD, retries of policy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <systemd/sd-event.h>

#include "appliance/base/error.h"

enum {
        SMB_HOST_MAX = 253,             /* bytes of a DNS name */
        SMB_SHARE_MAX = 80,             /* [MS-FSCC] 2.1.6 */
        SMB_PATH_MAX = 1024,            /* UTF-8 bytes of a path below the share */
        SMB_IO_MAX = 8 * 1024 * 1024,   /* bytes; a larger MaxReadSize of a server is not used */
};

typedef struct SmbSession SmbSession;
typedef struct SmbFile SmbFile;

typedef enum SmbProtection {
        SMB_PROTECT_ENCRYPT,            /* every message after session setup is sealed, or we fail */
        SMB_PROTECT_SIGN,               /* signed; sealed where the server demands it */
        SMB_PROTECT_SERVER,             /* as little as the server allows (benchmarks only) */
} SmbProtection;

typedef struct SmbConfig {
        char host[SMB_HOST_MAX + 1];    /* never an IP literal: Kerberos needs a name */
        char share[SMB_SHARE_MAX + 1];
        uint16_t port;                  /* 0 means 445 */
        uint8_t client_guid[16];
        SmbProtection protection;
        const char *ccache;             /* e.g. "FILE:/run/holdfast/krb5/machine"; NULL: default.  Copied. */
        bool pipes;                     /* the share is IPC$: its files are named pipes, one message in, one out */
        uint64_t previous_session;      /* smb_session_id() of one whose connection broke: the server ends it at
                                         * once, not when it notices, so that durable handles can be reopened */
        uint64_t timeout_us;            /* per request and for connecting; 0 means 30 s.  A CREATE that waits for
                                         * another client's lease break gets 45 s more. */
} SmbConfig;

/* Facts the server told us; valid once connected. */
typedef struct SmbFacts {
        uint16_t dialect;               /* 0x0300, 0x0302, 0x0311 */
        uint16_t cipher;                /* [MS-SMB2] 2.2.3.1.2; 0 when not sealed */
        uint16_t signing;               /* [MS-SMB2] 2.2.3.1.7 */
        bool sealed;
        uint32_t max_read, max_write, max_transact;     /* bytes, already bounded by SMB_IO_MAX */
        uint32_t server_capabilities;   /* [MS-SMB2] 2.2.4 */
        uint32_t share_flags, share_capabilities;       /* [MS-SMB2] 2.2.10 */
        uint32_t maximal_access;        /* of the share, for us */
        uint8_t server_guid[16];
} SmbFacts;

/* Called once: err->kind is ERROR_NONE on success. */
typedef void (*SmbDone)(void *userdata, const Error *err);
/* The connection is gone (never called after free, nor for a failed connect).  Outstanding requests
 * have been answered with an error before. */
typedef void (*SmbLost)(void *userdata, const Error *why);

/* Does not block and sends nothing.  ERROR_INVALID for an IP literal or an empty name. */
int smb_session_new(sd_event *event, const SmbConfig *config, SmbSession **ret, Error *err) FAILS;
/* Accepts NULL; answers what is outstanding; frees its files.  Does not block: a sign-in that waits for DNS or a KDC is left
 * to a thread, which frees the rest. */
void smb_session_free(SmbSession *session);

/* TCP, NEGOTIATE, SESSION_SETUP (Kerberos), TREE_CONNECT.  Once per session object. */
int smb_session_connect(SmbSession *session, SmbDone done, void *userdata, Error *err) FAILS;
void smb_session_on_lost(SmbSession *session, SmbLost lost, void *userdata);
const SmbFacts *smb_session_facts(const SmbSession *session);
uint64_t smb_session_id(const SmbSession *session);     /* the server's name for it; 0 before it signed in */

/* ---- opening ------------------------------------------------------------------------------- */

enum {  /* [MS-SMB2] 2.2.13.1.1 */
        SMB_READ_DATA = 0x1, SMB_WRITE_DATA = 0x2, SMB_APPEND_DATA = 0x4, SMB_READ_EA = 0x8,
        SMB_WRITE_EA = 0x10, SMB_EXECUTE = 0x20, SMB_READ_ATTRIBUTES = 0x80, SMB_WRITE_ATTRIBUTES = 0x100,
        SMB_DELETE = 0x10000, SMB_READ_CONTROL = 0x20000, SMB_SYNCHRONIZE = 0x100000,
        SMB_MAXIMUM_ALLOWED = 0x2000000,
};
enum { SMB_SHARE_NONE = 0, SMB_SHARE_READ = 1, SMB_SHARE_WRITE = 2, SMB_SHARE_DELETE = 4 };
enum { SMB_SUPERSEDE, SMB_OPEN, SMB_CREATE, SMB_OPEN_IF, SMB_OVERWRITE, SMB_OVERWRITE_IF };
enum { SMB_OPTION_DIRECTORY = 0x1, SMB_OPTION_WRITE_THROUGH = 0x2, SMB_OPTION_NON_DIRECTORY = 0x40,
       SMB_OPTION_DELETE_ON_CLOSE = 0x1000 };
enum { SMB_LEASE_READ = 1, SMB_LEASE_HANDLE = 2, SMB_LEASE_WRITE = 4 };

typedef struct SmbOpenHow {
        char path[SMB_PATH_MAX + 1];    /* below the share, '\\' between parts, no leading one */
        uint32_t access, share, disposition, options;
        uint32_t lease;                 /* SMB_LEASE_*; 0: none.  V2 lease. */
        uint8_t lease_key[16];
        bool durable;                   /* DH2Q; needs SMB_LEASE_HANDLE */
        bool persistent;                /* with durable, where the share is continuously available */
        uint32_t durable_timeout_ms;    /* 0: the server's */
        uint8_t create_guid[16];
        bool app_instance;              /* AppInstanceId, and Version on 3.1.1 */
        uint8_t app_instance_id[16];
        uint64_t app_instance_version;  /* high part; low is 0 */
        bool reconnect;                 /* DH2C of a handle that was durable, with these: */
        uint64_t reconnect_id[2];       /* FileId persistent, volatile */
} SmbOpenHow;

typedef struct SmbOpened {
        uint64_t file_id[2];            /* persistent, volatile */
        uint64_t size_bytes, allocated_bytes;
        uint64_t last_write;            /* FILETIME, 100 ns since 1601 */
        uint32_t attributes;
        uint32_t lease;                 /* granted */
        bool durable, persistent;
        uint32_t durable_timeout_ms;
        uint32_t maximal_access;        /* MxAc; 0 when the server would not say */
        bool has_disk_id;
        uint8_t disk_file_id[8], volume_id[8];  /* QFid */
        bool created;
} SmbOpened;

/* *file is NULL and opened zero when err->kind != ERROR_NONE.  err->cause is the NTSTATUS.
 * STATUS_SHARING_VIOLATION gives ERROR_CONFLICT, ACCESS_DENIED ERROR_DENIED, OBJECT_NAME_NOT_FOUND
 * and OBJECT_PATH_NOT_FOUND ERROR_NOT_FOUND. */
typedef void (*SmbOpenDone)(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err);
int smb_open(SmbSession *session, const SmbOpenHow *how, SmbOpenDone done, void *userdata, Error *err) FAILS;

/* The server broke our lease to @now (SMB_LEASE_*).  When @ack_required the callee must call
 * smb_lease_ack() or smb_close() soon: the server makes the other opener wait (35 s at most).  Neither signed
 * nor sealed by Samba: a hint that anybody on the network could forge, so nothing may be lost by believing it. */
typedef void (*SmbLeaseBroken)(void *userdata, uint32_t now, bool ack_required);
void smb_file_on_lease_broken(SmbFile *file, SmbLeaseBroken broken, void *userdata);
int smb_lease_ack(SmbFile *file, SmbDone done, void *userdata, Error *err) FAILS;

/* ---- I/O: @data must stay valid until done; nothing is ever shortened silently ---------------- */

/* @size ≤ facts.max_read.  *ret_size < @size only at end of file. */
typedef void (*SmbReadDone)(void *userdata, uint32_t size, const Error *err);
int smb_read(SmbFile *file, uint64_t offset, void *data, uint32_t size, SmbReadDone done, void *userdata,
             Error *err) FAILS;
/* @size ≤ facts.max_write; all of it was written when err->kind is ERROR_NONE. */
int smb_write(SmbFile *file, uint64_t offset, const void *data, uint32_t size, bool write_through, SmbDone done,
              void *userdata, Error *err) FAILS;
int smb_flush(SmbFile *file, SmbDone done, void *userdata, Error *err) FAILS;
/* The file object is gone after this call whatever it returns and done says. */
int smb_close(SmbFile *file, SmbDone done, void *userdata, Error *err) FAILS;
/* Ask the server whether it is there (ECHO). */
int smb_echo(SmbSession *session, SmbDone done, void *userdata, Error *err) FAILS;

/* @out of at most @out_max bytes is valid during done only.  When the answer was longer, @out is what
 * fits and err is ERROR_LIMIT with cause (int)0x80000005 (STATUS_BUFFER_OVERFLOW). */
typedef void (*SmbDataDone)(void *userdata, const void *out, uint32_t size, const Error *err);
int smb_ioctl(SmbFile *file, uint32_t code, const void *in, uint32_t in_size, uint32_t out_max, SmbDataDone done,
              void *userdata, Error *err) FAILS;
enum { SMB_INFO_FILE = 1, SMB_INFO_FILESYSTEM = 2, SMB_INFO_SECURITY = 3 };
int smb_query_info(SmbFile *file, uint8_t type, uint8_t info_class, uint32_t additional, uint32_t out_max,
                   SmbDataDone done, void *userdata, Error *err) FAILS;
int smb_set_info(SmbFile *file, uint8_t type, uint8_t info_class, const void *in, uint32_t in_size, SmbDone done,
                 void *userdata, Error *err) FAILS;
/* @parts of the descriptor that @in holds are replaced ([MS-SMB2] 2.2.39, AdditionalInformation). */
enum { SMB_SECURITY_OWNER = 1, SMB_SECURITY_GROUP = 2, SMB_SECURITY_DACL = 4 };
int smb_set_security(SmbFile *file, uint32_t parts, const void *in, uint32_t in_size, SmbDone done, void *userdata,
                     Error *err) FAILS;

/* ---- made from the above ---------------------------------------------------------------------- */

int smb_set_sparse(SmbFile *file, SmbDone done, void *userdata, Error *err) FAILS;
int smb_set_size(SmbFile *file, uint64_t size_bytes, SmbDone done, void *userdata, Error *err) FAILS;
int smb_zero(SmbFile *file, uint64_t offset, uint64_t size_bytes, SmbDone done, void *userdata, Error *err) FAILS;
typedef struct SmbRange { uint64_t offset, size_bytes; } SmbRange;
/* Allocated ranges inside [offset, offset+size); @more: the answer was cut, ask again behind the last one. */
typedef void (*SmbRangesDone)(void *userdata, const SmbRange *ranges, size_t count, bool more, const Error *err);
int smb_allocated_ranges(SmbFile *file, uint64_t offset, uint64_t size_bytes, SmbRangesDone done, void *userdata,
                         Error *err) FAILS;
/* Rename, replacing what is there. */
int smb_rename(SmbFile *file, const char *new_path, SmbDone done, void *userdata, Error *err) FAILS;
