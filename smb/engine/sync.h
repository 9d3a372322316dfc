/* sync.h — the engine for callers that may block: tools, tests, probes on a pool thread
 *
 * A SmbSync has an event loop of its own and belongs to one thread at a time.  Every call runs the
 * loop until its answer is there; between calls nothing of it runs.  Refuses to know pipelining: use smb.h for that.
 */
#pragma once

#include "smb/engine/smb.h"

typedef struct SmbSync SmbSync;

/* Connects; blocks for at most a few of config->timeout_us. */
int smb_sync_connect(const SmbConfig *config, SmbSync **ret, Error *err) FAILS;
/* Closes the connection and with it every file.  Accepts NULL. */
void smb_sync_free(SmbSync *sync);
const SmbFacts *smb_sync_facts(const SmbSync *sync);
SmbSession *smb_sync_session(SmbSync *sync);
/* One turn of the loop, waiting at most @timeout_us: for requests made through smb.h on this session. */
int smb_sync_turn(SmbSync *sync, uint64_t timeout_us, Error *err) FAILS;

/* @opened may be NULL.  Opening with SMB_MAXIMUM_ALLOWED or SMB_READ_ATTRIBUTES tells what the server
 * lets this account do: opened->maximal_access (MxAc). */
int smb_sync_open(SmbSync *sync, const SmbOpenHow *how, SmbFile **ret, SmbOpened *opened, Error *err) FAILS;
int smb_sync_close(SmbSync *sync, SmbFile *file, Error *err) FAILS;
/* Reads or writes all of @size, in as many requests as it takes; a read ends early only at end of file. */
int smb_sync_read(SmbSync *sync, SmbFile *file, uint64_t offset, void *data, size_t size, size_t *ret_size,
                  Error *err) FAILS;
int smb_sync_write(SmbSync *sync, SmbFile *file, uint64_t offset, const void *data, size_t size, Error *err) FAILS;
int smb_sync_flush(SmbSync *sync, SmbFile *file, Error *err) FAILS;
int smb_sync_set_size(SmbSync *sync, SmbFile *file, uint64_t size_bytes, Error *err) FAILS;
int smb_sync_rename(SmbSync *sync, SmbFile *file, const char *new_path, Error *err) FAILS;
/* @to receives at most @size bytes. */
int smb_sync_query(SmbSync *sync, SmbFile *file, uint8_t type, uint8_t info_class, uint32_t additional, void *to,
                   uint32_t size, uint32_t *ret_size, Error *err) FAILS;
/* @parts: SMB_SECURITY_*. */
int smb_sync_set_security(SmbSync *sync, SmbFile *file, uint32_t parts, const void *in, uint32_t size,
                          Error *err) FAILS;
int smb_sync_ioctl(SmbSync *sync, SmbFile *file, uint32_t code, const void *in, uint32_t in_size, void *to,
                   uint32_t size, uint32_t *ret_size, Error *err) FAILS;
