#include "smb/share/permissions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/directory.h"
#include "smb/share/matrix.h"

enum {
        WINDOW = 64, /* files asked about at a time */
        LIST_PIECE = 64 * 1024,
        ATTRIBUTE_DIRECTORY = 0x10, /* [MS-FSCC] 2.6 */
        WRITE_DAC = 0x40000,
        PARTS = SMB_SECURITY_OWNER | SMB_SECURITY_GROUP | SMB_SECURITY_DACL,
};

void permissions_done(Permissions *permissions) {
        for (size_t i = 0; i < permissions->count; i++) {
                free(permissions->items[i].path);
                free(permissions->items[i].bytes);
                free(permissions->items[i].why);
        }
        free(permissions->items);
        *permissions = (Permissions){ 0 };
}

void permissions_forget(PermissionsItem *item, const Error *why) {
        free(item->bytes);
        free(item->why);
        item->bytes = NULL;
        item->size = 0;
        item->why = strdup(why->text);
}

/* ---- asking about many --------------------------------------------------------------------------- */

typedef struct Look Look;

typedef struct Slot { /* one file being asked about */
        Look *look;
        size_t item;
        SmbFile *file;
        bool busy, without_list; /* the second try, when the first was denied */
} Slot;

typedef struct Pieces { /* of one folder's listing */
        Look *look;
        size_t folder;
        bool finished, at_end;
        int result;
        Error err;
} Pieces;

/* Declared before the link it asks over, so that answers which come while the link ends still find it. */
struct Look {
        Permissions *all;
        size_t room;
        SmbSession *session;
        size_t next; /* item nobody asks about yet */
        unsigned busy;
        Slot slots[WINDOW];
        Pieces pieces;
        int result; /* -1: something beyond one file went wrong, as err says */
        Error err;
};

static void slot_done(Slot *slot) {
        slot->busy = false;
        slot->file = NULL;
        slot->look->busy--;
}

static void fail(Look *look, const Error *err) {
        if (look->result == 0)
                look->err = *err;
        look->result = -1;
}

static void on_closed(void *userdata, const Error *outcome) {
        Slot *slot = userdata;

        if (outcome->kind != ERROR_NONE)
                fail(slot->look, outcome);
        slot_done(slot);
}

static void close_it(Slot *slot) {
        Error err = { 0 };

        if (smb_close(slot->file, on_closed, slot, &err) < 0) {
                fail(slot->look, &err);
                slot_done(slot);
        }
}

static void on_list(void *userdata, const void *out, uint32_t size, const Error *outcome) {
        Slot *slot = userdata;
        PermissionsItem *item = &slot->look->all->items[slot->item];

        if (outcome->kind != ERROR_NONE) {
                permissions_forget(item, outcome);
        } else if (size > 0 && (item->bytes = malloc(size))) {
                memcpy(item->bytes, out, size);
                item->size = size;
        }
        close_it(slot);
}

static void open_it(Slot *slot);

static void on_open(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *outcome) {
        Slot *slot = userdata;
        PermissionsItem *item = &slot->look->all->items[slot->item];

        slot->file = file;
        if (!file && outcome->kind == ERROR_DENIED && !slot->without_list) {
                slot->without_list = true;
                permissions_forget(item, outcome);
                open_it(slot);
                return;
        }
        if (!file) {
                item->refused = outcome->kind;
                permissions_forget(item, outcome);
                if (outcome->kind == ERROR_UNREACHABLE || outcome->kind == ERROR_TIMEOUT)
                        fail(slot->look, outcome);
                slot_done(slot);
                return;
        }
        item->folder = (opened->attributes & ATTRIBUTE_DIRECTORY) != 0;
        item->proven = opened->maximal_access != 0;
        item->maximal_access = opened->maximal_access;
        item->attributes = opened->attributes;
        item->size_bytes = opened->size_bytes;
        item->allocated_bytes = opened->allocated_bytes;
        Error err = { 0 };
        if (slot->without_list)
                close_it(slot);
        else if (smb_query_info(file, SMB_INFO_SECURITY, 0, PARTS, DESCRIPTOR_BYTES_MAX, on_list, slot, &err) < 0) {
                permissions_forget(item, &err);
                close_it(slot);
        }
}

/* Shares everything and asks for nothing that could disturb an owner of the file: no data access, so no share mode
 * and no lease of anybody is in the way ([MS-SMB2] 3.3.5.9). */
static void open_it(Slot *slot) {
        const PermissionsItem *item = &slot->look->all->items[slot->item];
        SmbOpenHow how = { .access = SMB_READ_ATTRIBUTES | (slot->without_list ? 0u : SMB_READ_CONTROL),
                           .disposition = SMB_OPEN,
                           .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE };
        Error err = { 0 };

        (void)snprintf(how.path, sizeof how.path, "%s", item->path);
        if (smb_open(slot->look->session, &how, on_open, slot, &err) < 0) {
                fail(slot->look, &err);
                slot_done(slot);
        }
}

/* What cannot be asked about has its reason already. */
static void skip_refused(Look *look) {
        while (look->next < look->all->count && look->all->items[look->next].refused)
                look->next++;
}

static int ask_all(ShareLink *link, Look *look, Error *err) {
        look->session = smb_sync_session(link->sync);
        skip_refused(look);
        while (look->busy > 0 || (look->result == 0 && look->next < look->all->count)) {
                for (unsigned i = 0; i < WINDOW && look->result == 0 && look->next < look->all->count; i++) {
                        Slot *slot = &look->slots[i];
                        if (slot->busy)
                                continue;
                        *slot = (Slot){ .look = look, .item = look->next++, .busy = true };
                        skip_refused(look);
                        look->busy++;
                        open_it(slot);
                }
                if (look->busy > 0 && smb_sync_turn(link->sync, UINT64_MAX, err) < 0)
                        return -1;
        }
        if (look->result < 0)
                *err = look->err;
        return look->result;
}

/* ---- finding what there is ------------------------------------------------------------------------- */

static int add(Look *look, const char *folder, const char *name, bool is_folder, size_t parent, Error *err) {
        Permissions *all = look->all;

        if (all->count == PERMISSIONS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "there are more than %d files below it; name a folder of it",
                                 PERMISSIONS_MAX);
        if (all->count == look->room) {
                size_t room = look->room ? 2 * look->room : 64;
                PermissionsItem *bigger = reallocarray(all->items, room, sizeof *bigger);
                if (!bigger)
                        return error_oom(err);
                all->items = bigger;
                look->room = room;
        }
        PermissionsItem *item = &all->items[all->count];
        *item = (PermissionsItem){ .folder = is_folder, .parent = parent };
        size_t size = strlen(folder) + strlen(name) + 2;
        if (size > SMB_PATH_MAX + 1)
                return error_set(err, ERROR_LIMIT, 0, "the path of '%.100s' is too long", name);
        if (!(item->path = malloc(size)))
                return error_oom(err);
        (void)snprintf(item->path, size, "%s%s%s", folder, *folder && *name ? "\\" : "", name);
        all->count++;
        return 0;
}

static int add_found(Pieces *p, const DirectoryEntry *entry, Error *err) {
        Look *look = p->look;
        Error why = { 0 };

        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                return 0;
        if (add(look, look->all->items[p->folder].path, entry->name,
                !entry->unnamable && (entry->attributes & ATTRIBUTE_DIRECTORY), p->folder, err) < 0)
                return -1;
        if (!entry->unnamable)
                return 0;
        PermissionsItem *item = &look->all->items[look->all->count - 1];
        item->refused = ERROR_UNSUPPORTED;
        (void)error_set(&why, item->refused, 0, "its name holds half a character, so it cannot be opened from here; rename "
                        "it on the file server");
        permissions_forget(item, &why);
        return 0;
}

static void on_piece(void *userdata, const void *out, uint32_t size, const Error *outcome) {
        Pieces *p = userdata;
        DirectoryEntry entry;
        bool more = size > 0;
        size_t at = 0;

        p->finished = true;
        p->at_end = size == 0;
        p->err = *outcome;
        p->result = outcome->kind == ERROR_NONE ? 0 : -1;
        while (p->result == 0 && more) {
                p->result = directory_next((Span){ out, size }, &at, &entry, &more, &p->err);
                if (p->result == 0 && more)
                        p->result = add_found(p, &entry, &p->err);
        }
}

static int list_folder(ShareLink *link, Look *look, size_t folder, Error *err) {
        PermissionsItem *item = &look->all->items[folder];
        Pieces *pieces = &look->pieces;
        SmbFile *file;
        Error why = { 0 };

        if (share_link_open(link, item->path, SMB_READ_DATA, SMB_OPEN, SMB_OPTION_DIRECTORY, &file, NULL, &why) <
            0) {
                item->not_listed = why.kind;
                if (why.kind == ERROR_DENIED || why.kind == ERROR_NOT_FOUND)
                        return 0;
                *err = why;
                return -1;
        }
        *pieces = (Pieces){ .look = look, .folder = folder };
        for (size_t n = 0; !pieces->at_end; n++) {
                if (n > PERMISSIONS_MAX)        /* every one of an honest server brings an entry */
                        return error_set(err, ERROR_PROTOCOL, 0, "the file server's list of '%.300s' has no end",
                                         look->all->items[folder].path);
                pieces->finished = false;
                if (smb_query_directory(file, LIST_PIECE, on_piece, pieces, err) < 0)
                        return -1;
                while (!pieces->finished)
                        if (smb_sync_turn(link->sync, UINT64_MAX, err) < 0)
                                return -1;
                if (pieces->result < 0) {
                        *err = pieces->err;
                        return -1;
                }
        }
        (void)!smb_sync_close(link->sync, file, &why);
        return 0;
}

/* Folder after folder, in the order in which they were found: no recursion, and no deeper than paths are long. */
static int find_all(ShareLink *link, Look *look, bool recurse, Error *err) {
        SmbFile *file;
        SmbOpened opened;

        if (share_link_open(link, link->unc.path, SMB_READ_ATTRIBUTES, SMB_OPEN, 0, &file, &opened, err) < 0) {
                if (err->kind != ERROR_DENIED)
                        return -1;
                opened = (SmbOpened){ 0 }; /* asked about again with the others, which keeps the refusal */
                *err = (Error){ 0 };
        } else if (smb_sync_close(link->sync, file, err) < 0) {
                return -1;
        }
        if (add(look, link->unc.path, "", opened.attributes & ATTRIBUTE_DIRECTORY, 0, err) < 0)
                return -1;
        for (size_t i = 0; recurse && i < look->all->count; i++)
                if (look->all->items[i].folder && list_folder(link, look, i, err) < 0)
                        return -1;
        return 0;
}

int permissions_read(const char *unc, const char *ccache, bool recurse, Permissions *ret, Error *err) {
        auto_(permissions_done) Permissions all = { 0 };
        Look look = { .all = &all };
        auto_(share_link_end) ShareLink link = { 0 };

        if (share_link_begin_as(unc, ccache, false, &link, err) < 0 || find_all(&link, &look, recurse, err) < 0 ||
            ask_all(&link, &look, err) < 0)
                return error_wrap(err, "cannot look at the permissions below '%.150s'", unc);
        all.share_access = smb_sync_facts(link.sync)->maximal_access;
        *ret = all;
        all = (Permissions){ 0 };
        return 0;
}

int permissions_read_some(const char *unc, ShareLink *link, const char *const *paths, size_t count, Permissions *ret,
                          Error *err) {
        auto_(permissions_done) Permissions all = { 0 };
        Look look = { .all = &all };
        Error ignored;

        if (!link->sync && share_link_begin(unc, link, err) < 0)
                return error_wrap(err, "cannot look at permissions on '%.150s'", unc);
        for (size_t i = 0; i < count; i++)
                if (add(&look, paths[i], "", false, i, err) < 0)
                        return -1;
        if (ask_all(link, &look, err) < 0) {
                share_link_end(link);   /* answers may still come, and what they are for ends here */
                return error_wrap(err, "cannot look at permissions on '%.150s'", unc);
        }
        all.has_space = count > 0 && space_read(link, paths[0], &all.space, &ignored) == 0;
        all.share_access = smb_sync_facts(link->sync)->maximal_access;
        *ret = all;
        all = (Permissions){ 0 };
        return 0;
}

int permissions_write(const char *unc, const char *ccache, const Descriptor *d, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };
        Descriptor list = *d; /* borrowed */
        auto_free uint8_t *bytes = malloc(DESCRIPTOR_BYTES_MAX);
        size_t size;
        SmbFile *file;

        if (!bytes)
                return error_oom(err);
        list.has_owner = list.has_group = false;
        /* Windows keeps the mark only where it is asked for, too ([MS-DTYP] 2.5.3.4) */
        if (list.control & DESCRIPTOR_DACL_INHERITED)
                list.control |= DESCRIPTOR_DACL_INHERIT_ASKED;
        list.sacl = (Acl){ 0 };
        if (descriptor_encode(&list, bytes, DESCRIPTOR_BYTES_MAX, &size, err) < 0 ||
            share_link_begin_as(unc, ccache, false, &link, err) < 0 ||
            share_link_open(&link, link.unc.path, SMB_READ_CONTROL | WRITE_DAC, SMB_OPEN, 0, &file, NULL, err) <
                    0 ||
            smb_sync_set_security(link.sync, file, SMB_SECURITY_DACL, bytes, (uint32_t)size, err) < 0 ||
            smb_sync_close(link.sync, file, err) < 0)
                return error_wrap(err, "cannot change the permissions of '%.150s'", unc);
        return 0;
}

static bool has_no_list(const PermissionsItem *item) {
        Descriptor d;
        Error ignored;

        if (!item->bytes || descriptor_decode(item->bytes, item->size, &d, &ignored) < 0)
                return false;
        bool none = !d.dacl.present || !d.dacl.list_given;
        descriptor_done(&d);
        return none;
}

static int try_one(ShareLink *link, const char *path, uint32_t access, bool *ret, Error *err) {
        SmbFile *file;

        if (share_link_open(link, path, access, SMB_OPEN, 0, &file, NULL, err) < 0) {
                if (err->kind != ERROR_DENIED && err->kind != ERROR_CONFLICT)
                        return -1;
                *ret = err->kind == ERROR_CONFLICT;
                *err = (Error){ 0 };
                return 0;
        }
        *ret = true;
        return smb_sync_close(link->sync, file, err);
}

int permissions_try_unlisted(const char *unc, ShareLink *link, Permissions *all, Error *err) {
        for (size_t i = 0; i < all->count; i++) {
                PermissionsItem *item = &all->items[i];
                uint32_t needed = matrix_needed(item->folder ? MATRIX_FOLDER : MATRIX_FILE);
                bool granted;
                if (!(needed & ~item->maximal_access) || !has_no_list(item))
                        continue;
                if ((!link->sync && share_link_begin(unc, link, err) < 0) ||
                    try_one(link, item->path, needed, &granted, err) < 0)
                        return error_wrap(err, "cannot try what '%.150s' lets this host do", unc);
                if (granted)
                        item->maximal_access |= needed;
        }
        return 0;
}
