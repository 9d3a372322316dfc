/* file.h — inside the engine: what the file operations share
 */
#pragma once

#include "smb/engine/engine.h"

enum { FSCTL_SET_SPARSE = 0x900C4, FSCTL_SET_ZERO_DATA = 0x980C8, FSCTL_QUERY_ALLOCATED_RANGES = 0x940CF };
enum { FILE_RENAME_INFORMATION = 10, FILE_END_OF_FILE_INFORMATION = 20 };       /* [MS-FSCC] 2.4 */

/* A request about @file that holds a reference to it until file_finish(). */
Request *file_request(SmbFile *file, uint16_t command, size_t size, RequestDone done, Writer *w, Error *err);
/* Like connection_submit(); gives the file's reference back on failure. */
int file_submit(SmbFile *file, Request *r, const Writer *w, size_t transfer, Error *err) FAILS;
void file_finish(Request *r);
/* A reply that breaks the protocol: ends the connection, and *err becomes what the caller hears. */
void file_refuse(Request *r, Error *err);
/* The reply's verdict on @action: 0, or -1 with *err from @lost or from the status. */
int file_verdict(const Request *r, const Reply *reply, const Error *lost, const char *action, Error *err) FAILS;
int file_check_usable(const SmbFile *file, Error *err) FAILS;
