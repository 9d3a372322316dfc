#include "smb/share/files.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/engine/directory.h"
#include "smb/share/link.h"

enum { ATTRIBUTE_DIRECTORY = 0x10 };    /* [MS-FSCC] 2.6 */
enum { LIST_PIECE = 64 * 1024, RENAME_TRIES = 100, RENAME_PAUSE_US = 30 * 1000 };

/* How a file is called that is not whole yet; a host that died in the middle leaves one behind. */
#define TEMPORARY ".holdfast-"

/* ---- reading ------------------------------------------------------------------------------------- */

int files_read(const char *unc, size_t size_max, char **ret, size_t *ret_size, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };
        SmbFile *file;
        SmbOpened opened;
        size_t size;

        if (size_max > FILES_SIZE_MAX)
                size_max = FILES_SIZE_MAX;
        if (share_link_begin(unc, &link, err) < 0 ||
            share_link_open(&link, link.unc.path, SMB_READ_DATA, SMB_OPEN, SMB_OPTION_NON_DIRECTORY, &file, &opened,
                            err) < 0)
                return error_wrap(err, "cannot read a file");
        if (opened.size_bytes > size_max)
                return error_set(err, ERROR_LIMIT, 0,
                                 "'%.300s' has %llu bytes and more than %zu are not read; it is not the "
                                 "kind of file that belongs there",
                                 unc, (unsigned long long)opened.size_bytes, size_max);
        auto_free char *content =
                malloc(size_max < opened.size_bytes ? size_max + 1 : (size_t)opened.size_bytes + 1);
        if (!content)
                return error_oom(err);
        if (smb_sync_read(link.sync, file, 0, content, (size_t)opened.size_bytes, &size, err) < 0)
                return error_wrap(err, "cannot read a file");
        content[size] = '\0';
        *ret = take_ptr(content);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int files_exists(const char *unc, bool *ret, bool *ret_is_folder, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };
        SmbFile *file;
        SmbOpened opened = { 0 };
        bool exists = true;

        if (share_link_begin(unc, &link, err) < 0)
                return -1;
        if (share_link_open(&link, link.unc.path, SMB_READ_ATTRIBUTES, SMB_OPEN, 0, &file, &opened, err) < 0) {
                if (err->kind != ERROR_NOT_FOUND)
                        return -1;
                exists = false;
        }
        *ret = exists;
        if (ret_is_folder)
                *ret_is_folder = (opened.attributes & ATTRIBUTE_DIRECTORY) != 0;
        return 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* In the same folder, so that a rename is enough; files_list() does not show it. */
static int temporary_path(const Unc *unc, char to[static SMB_PATH_MAX + 1], Error *err) {
        char uuid[UUID_TEXT_SIZE];
        Unc folder = *unc;

        if (text_uuid(uuid, err) < 0)
                return -1;
        (void)unc_to_parent(&folder);
        int n = snprintf(to, SMB_PATH_MAX + 1, "%s%s" TEMPORARY "%s", folder.path, *folder.path ? "\\" : "", uuid);
        if (n > SMB_PATH_MAX)
                return error_set(err, ERROR_INVALID, 0,
                                 "the path is too long for a temporary name beside it; use a shorter "
                                 "one");
        return 0;
}

/* A name cannot be replaced while somebody reads it: the server says ACCESS_DENIED or a sharing violation.  Our
 * own readers are done in milliseconds. */
static int rename_patiently(ShareLink *link, SmbFile *file, bool replace, Error *err) {
        for (unsigned tries = 0;; tries++) {
                if (share_link_rename(link, file, link->unc.path, replace, err) == 0)
                        return 0;
                bool may_pass = replace && (err->kind == ERROR_DENIED || err->kind == ERROR_CONFLICT);
                if (!may_pass || tries == RENAME_TRIES)
                        return -1;
                (void)usleep(RENAME_PAUSE_US);
        }
}

static int write_and_rename(ShareLink *link, SmbFile *file, const void *data, size_t size, bool replace,
                            Error *err) {
        if (smb_sync_write(link->sync, file, 0, data, size, err) < 0 || smb_sync_flush(link->sync, file, err) < 0)
                return -1;
        return rename_patiently(link, file, replace, err);
}

/* Flushed before it is renamed: whoever sees the name sees all of it, also after the server lost its power. */
static int put_over(ShareLink *link, const char *unc, const void *data, size_t size, bool replace, Error *err) {
        char temporary[SMB_PATH_MAX + 1];
        SmbFile *file;
        Error ignored;

        if (size > FILES_SIZE_MAX)
                return error_set(err, ERROR_LIMIT, 0, "'%.300s' would be larger than %d bytes", unc,
                                 FILES_SIZE_MAX);
        if (!*link->unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share, not a file; name a file in it", unc);
        if (temporary_path(&link->unc, temporary, err) < 0 ||
            share_link_open(link, temporary, SMB_WRITE_DATA | SMB_DELETE, SMB_CREATE, SMB_OPTION_NON_DIRECTORY,
                            &file, NULL, err) < 0)
                return error_wrap(err, "cannot write '%.200s'", unc);
        if (write_and_rename(link, file, data, size, replace, err) < 0) {
                (void)!share_link_delete(link, file, &ignored);
                return error_wrap(err, "cannot write '%.200s'", unc);
        }
        return smb_sync_close(link->sync, file, err);
}

static int put(const char *unc, const void *data, size_t size, bool replace, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };

        if (share_link_begin(unc, &link, err) < 0)
                return -1;
        return put_over(&link, unc, data, size, replace, err);
}

void files_link_end(FilesLink *link) {
        if (link)
                share_link_end(link);
        free(link);
}

int files_write_over(FilesLink *link, const char *unc, const void *data, size_t size, bool replace, Error *err) {
        if (link) {
                if (unc_parse(unc, &link->unc, err) < 0)
                        return -1;
                if (put_over(link, unc, data, size, replace, err) == 0)
                        return 0;
                if (err->kind != ERROR_UNREACHABLE && err->kind != ERROR_TIMEOUT)
                        return -1;
        }
        return put(unc, data, size, replace, err);
}

int files_write(const char *unc, const void *data, size_t size, Error *err) {
        return put(unc, data, size, true, err);
}

int files_write_new(const char *unc, const void *data, size_t size, Error *err) {
        return put(unc, data, size, false, err);
}

/* ---- folders and removing ------------------------------------------------------------------------ */

int files_make_folder(const char *unc, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };

        if (share_link_begin(unc, &link, err) < 0)
                return -1;
        for (char *path = link.unc.path, *cut = path; *cut;) {
                cut += strcspn(cut, "\\");
                char kept = *cut;
                SmbFile *file;
                *cut = '\0';
                if (share_link_open(&link, path, SMB_READ_ATTRIBUTES, SMB_OPEN_IF, SMB_OPTION_DIRECTORY, &file,
                                    NULL, err) < 0 ||
                    smb_sync_close(link.sync, file, err) < 0)
                        return error_wrap(err, "cannot make a folder");
                *cut = kept;
                if (kept)
                        cut++;
        }
        return 0;
}

static int remove_one(const char *unc, uint32_t options, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };
        SmbFile *file;

        if (share_link_begin(unc, &link, err) < 0)
                return -1;
        if (!*link.unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share; name a file or folder in it", unc);
        if (share_link_open(&link, link.unc.path, SMB_DELETE, SMB_OPEN, options, &file, NULL, err) < 0 ||
            share_link_delete(&link, file, err) < 0)
                return error_wrap(err, "cannot remove '%.200s'", unc);
        return 0;
}

int files_remove(const char *unc, Error *err) { return remove_one(unc, SMB_OPTION_NON_DIRECTORY, err); }

int files_remove_folder(const char *unc, Error *err) { return remove_one(unc, SMB_OPTION_DIRECTORY, err); }

/* ---- listing ------------------------------------------------------------------------------------- */

typedef struct Listing {
        FilesEntry *list;
        size_t count, room;
        const char *unc;                /* for errors */
        bool finished, at_end;          /* of the request under way; of the folder */
        int result;
        Error err;
} Listing;

static void listing_done(Listing *l) { free(l->list); }

static int add(Listing *l, const DirectoryEntry *entry, Error *err) {
        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0 ||
            strncmp(entry->name, TEMPORARY, strlen(TEMPORARY)) == 0)
                return 0;
        if (l->count == FILES_LIST_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "the folder '%.300s' has more than %d entries; move some elsewhere", l->unc,
                                 FILES_LIST_MAX);
        if (l->count == l->room) {
                size_t room = l->room ? 2 * l->room : 64;
                FilesEntry *bigger = reallocarray(l->list, room, sizeof *bigger);
                if (!bigger)
                        return error_oom(err);
                l->list = bigger;
                l->room = room;
        }
        FilesEntry *to = &l->list[l->count++];
        *to = (FilesEntry){ .is_folder = (entry->attributes & ATTRIBUTE_DIRECTORY) != 0,
                            .size_bytes = entry->size_bytes };
        static_assert(sizeof to->name >= sizeof entry->name, "every name fits");
        (void)strcpy(to->name, entry->name);
        return 0;
}

static void on_piece(void *userdata, const void *out, uint32_t size, const Error *outcome) {
        Listing *l = userdata;
        DirectoryEntry entry;
        bool more = size > 0;
        size_t at = 0;

        l->finished = true;
        l->at_end = size == 0;
        l->err = *outcome;
        l->result = outcome->kind == ERROR_NONE ? 0 : -1;
        while (l->result == 0 && more) {
                l->result = directory_next((Span){ out, size }, &at, &entry, &more, &l->err);
                if (l->result == 0 && more)
                        l->result = add(l, &entry, &l->err);
        }
}

static int list(ShareLink *link, SmbFile *folder, Listing *l, Error *err) {
        for (size_t pieces = 0; !l->at_end; pieces++) {
                if (pieces > FILES_LIST_MAX)    /* every one of an honest server brings an entry */
                        return error_set(err, ERROR_PROTOCOL, 0, "the file server's list of '%.300s' has no end", l->unc);
                l->finished = false;
                if (smb_query_directory(folder, LIST_PIECE, on_piece, l, err) < 0)
                        return -1;
                while (!l->finished)
                        if (smb_sync_turn(link->sync, UINT64_MAX, err) < 0)
                                return -1;
                if (l->result < 0) {
                        *err = l->err;
                        return -1;
                }
        }
        return 0;
}

int files_list(const char *unc, FilesEntry **ret, size_t *ret_count, Error *err) {
        auto_(listing_done) Listing listing = { .unc = unc };
        auto_(share_link_end) ShareLink link = { 0 };
        SmbFile *folder;

        if (share_link_begin(unc, &link, err) < 0 ||
            share_link_open(&link, link.unc.path, SMB_READ_DATA, SMB_OPEN, SMB_OPTION_DIRECTORY, &folder, NULL,
                            err) < 0 ||
            list(&link, folder, &listing, err) < 0)
                return error_wrap(err, "cannot list a folder");
        *ret = take_ptr(listing.list);
        *ret_count = listing.count;
        return 0;
}
