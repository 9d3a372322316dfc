/* vhd-share.h — one disk file on a share: made sparse, looked at, without a disk process
 *
 * Over our own SMB 3 engine, on an event loop that lives for the call; libsmbclient cannot make a file sparse.
 */
#pragma once

#include <stdint.h>

#include "appliance/base/error.h"
#include "smb/share/unc.h"

/* A new file of zeros that takes no room; ERROR_CONFLICT when the name exists.  Nothing is left after a failure
 * unless the connection broke. */
int vhd_share_create(const Unc *unc, uint64_t size_bytes, Error *err) FAILS;

/* Alone: a disk that anybody has open is ERROR_CONFLICT.  @size_bytes below what it has is ERROR_INVALID. */
int vhd_share_grow(const Unc *unc, uint64_t size_bytes, Error *err) FAILS;

/* Opens for attributes only: works beside a running machine and disturbs nobody. */
int vhd_share_look(const Unc *unc, uint64_t *ret_size_bytes, uint64_t *ret_allocated_bytes, Error *err) FAILS;
