/* share-list.h — a share's own permissions, over the named pipe srvsvc
 *
 * Blocks.  Reading needs rights on the server that a host may lack (srvsvc.h): ERROR_DENIED then, and only
 * TREE_CONNECT's MaximalAccess is known.
 */
#pragma once

#include "smb/share/descriptor.h"

/* @unc names the share, or anything in it.  @ccache: as whom, NULL: the machine account of the process's cache.
 * *ret is ended by descriptor_done(); a share without a list gives one that refuses nothing. */
int share_list_read(const char *unc, const char *ccache, Descriptor *ret, Error *err) FAILS;
int share_list_write(const char *unc, const char *ccache, const Descriptor *d, Error *err) FAILS;
