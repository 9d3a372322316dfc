/* permissions.h — what a file server says about files: to whom they belong, who may do what, and what it lets us do
 *
 * Looks at everything below a path over one connection, many files at a time.  Only opens, asks and closes: nothing
 * is written, and no open asks for a right to write.  Blocks.
 */
#pragma once

#include "smb/share/descriptor.h"
#include "smb/share/space.h"

enum { PERMISSIONS_MAX = 100000 };      /* files and folders in one look; more is ERROR_LIMIT */

enum { PERMISSIONS_READ_ONLY = 0x1 };

typedef struct PermissionsItem {
        char *path;                     /* below the share; "" is the share's own folder */
        bool folder;
        size_t parent;                  /* index of the folder it lies in; its own for the first */
        ErrorKind refused;              /* ERROR_NONE: we could open it */
        ErrorKind not_listed;           /* of a folder whose content we may not see */
        bool proven;                    /* the server told maximal_access */
        uint32_t maximal_access;        /* CREATE MxAc: what it lets the asker do, share and file together */
        uint32_t attributes;            /* [MS-FSCC] 2.6, PERMISSIONS_READ_ONLY; 0 where it could not be opened */
        uint64_t size_bytes, allocated_bytes;
        uint8_t *bytes;                 /* self-relative descriptor: owner, group, list */
        uint32_t size;
        char *why;                      /* bytes is NULL: the reason, or NULL when memory was short */
} PermissionsItem;

typedef struct Permissions {
        PermissionsItem *items;         /* folders before what lies in them */
        size_t count;
        uint32_t share_access;          /* TREE_CONNECT MaximalAccess: what the share lets the account do */
        bool has_space;                 /* permissions_read_some(): the first could be asked for the room where it lies */
        Space space;
} Permissions;

/* @recurse: with what lies below it.  The caller calls permissions_done(). */
int permissions_read(const char *unc, const char *ccache, bool recurse, Permissions *ret, Error *err) FAILS;
/* Only these, as paths below the share of @unc, asked as this host over @link, which is made first when it is zeroed and
 * stays for the caller to end; a failure ends it. */
int permissions_read_some(const char *unc, ShareLink *link, const char *const *paths, size_t count, Permissions *ret,
                          Error *err) FAILS;
void permissions_done(Permissions *permissions);

/* Forgets the descriptor of @item, for the reason @why. */
void permissions_forget(PermissionsItem *item, const Error *why);

/* Replaces the list (not owner, not group) of one file or folder. */
int permissions_write(const char *unc, const char *ccache, const Descriptor *d, Error *err) FAILS;

/* A NULL list refuses nothing, and Samba's MxAc shows nothing of that: where such a thing seems to be refused, it
 * is opened for what VMs need and closed again, and what was let through is added to maximal_access.  Nothing is
 * read or written; somebody's share mode in the way is a yes, for it comes after the permissions.  @link: as above. */
int permissions_try_unlisted(const char *unc, ShareLink *link, Permissions *all, Error *err) FAILS;
