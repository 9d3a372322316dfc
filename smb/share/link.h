/* link.h — a path and a blocking SMB 3 connection to its share, for one call
 */
#pragma once

#include "smb/engine/sync.h"
#include "smb/share/unc.h"

typedef struct ShareLink {
        Unc unc;
        SmbSync *sync;
} ShareLink;

/* Parses @unc and connects to its share, sealed, as the machine account of the process's credential cache. */
int share_link_begin(const char *unc, ShareLink *ret, Error *err) FAILS;
/* As whom @ccache says ("MEMORY:…"; NULL: the process's).  @pipes: to IPC$ of the server, whatever share @unc
 * names. */
int share_link_begin_as(const char *unc, const char *ccache, bool pipes, ShareLink *ret, Error *err) FAILS;
void share_link_end(ShareLink *link);   /* closes everything; fine on a zeroed one */

/* Opens @path below the share with everybody else's access allowed.  @opened may be NULL. */
int share_link_open(ShareLink *link, const char *path, uint32_t access, uint32_t disposition, uint32_t options,
                    SmbFile **ret, SmbOpened *opened, Error *err) FAILS;

/* FileDispositionInformation, then close: the file or empty folder is gone. */
int share_link_delete(ShareLink *link, SmbFile *consumed_file, Error *err) FAILS;
/* FileRenameInformation.  Without @replace an existing name is ERROR_CONFLICT. */
int share_link_rename(ShareLink *link, SmbFile *file, const char *new_path, bool replace, Error *err) FAILS;
