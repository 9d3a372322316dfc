#include "smb/share/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"
#include "smb/share/context.h"
#include "smb/share/put.h"

typedef struct OpenFile {               /* a file or folder that is closed at the end of the scope */
        SMBCCTX *context;
        SMBCFILE *file;
} OpenFile;

static void close_file(OpenFile *f) {
        if (f->file)
                (void)smbc_getFunctionClose(f->context)(f->context, f->file);
}

static void close_folder(OpenFile *f) {
        if (f->file)
                (void)smbc_getFunctionClosedir(f->context)(f->context, f->file);
}

int files_read(const char *unc, size_t size_max, char **ret, size_t *ret_size, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        if (size_max > FILES_SIZE_MAX)
                size_max = FILES_SIZE_MAX;
        if (share_call_begin(unc, &call, err) < 0)
                return -1;
        auto_(close_file) OpenFile f = { .context = call.context };
        f.file = smbc_getFunctionOpen(call.context)(call.context, call.url, O_RDONLY, 0);
        if (!f.file)
                return share_error(&call.unc, "read", errno, err);

        auto_free char *content = NULL;
        size_t used = 0, room = 0;
        for (;;) {
                if (used + 1 >= room) {
                        room = room ? 2 * room : 16384;
                        char *bigger = realloc(content, room);
                        if (!bigger)
                                return error_oom(err);
                        content = bigger;
                }
                ssize_t n = smbc_getFunctionRead(call.context)(call.context, f.file, content + used, room - used - 1);
                if (n < 0)
                        return share_error(&call.unc, "read", errno, err);
                used += (size_t)n;
                if (used > size_max)
                        return error_set(err, ERROR_LIMIT, 0, "'%.300s' is larger than %zu bytes; it is not what it should be",
                                         unc, size_max);
                if (n == 0)
                        break;
        }
        content[used] = '\0';
        *ret = take_ptr(content);
        if (ret_size)
                *ret_size = used;
        return 0;
}

int files_write(const char *unc, const void *data, size_t size, Error *err) {
        return share_put(unc, data, size, true, err);
}

int files_write_new(const char *unc, const void *data, size_t size, Error *err) {
        return share_put(unc, data, size, false, err);
}

static int stat_call(ShareCall *call, bool *ret_exists, struct stat *ret, Error *err) {
        if (smbc_getFunctionStat(call->context)(call->context, call->url, ret) == 0) {
                *ret_exists = true;
                return 0;
        }
        if (errno == ENOENT || errno == ENOTDIR) {
                *ret_exists = false;
                return 0;
        }
        return share_error(&call->unc, "look at", errno, err);
}

int files_make_folder(const char *unc, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        if (share_call_begin(unc, &call, err) < 0)
                return -1;

        /* Upwards to the first folder that is there, then down again: depth ≤ UNC_PATH_MAX / 2. */
        Unc at = call.unc;
        size_t missing[UNC_PATH_MAX / 2 + 1], depth = 0;
        while (*at.path) {
                struct stat st;
                bool exists;
                share_url(&at, call.url);
                if (stat_call(&call, &exists, &st, err) < 0)
                        return -1;
                if (exists && !S_ISDIR(st.st_mode))
                        return share_error(&at, "make a folder in", ENOTDIR, err);
                if (exists)
                        break;
                assert(depth < ARRAY_SIZE(missing));
                missing[depth++] = strlen(at.path);
                (void)unc_to_parent(&at);
        }
        while (depth > 0) {
                at = call.unc;
                at.path[missing[--depth]] = '\0';
                share_url(&at, call.url);
                /* EEXIST: another host made it between our look and now. */
                if (smbc_getFunctionMkdir(call.context)(call.context, call.url, 0755) < 0 && errno != EEXIST)
                        return share_error(&at, "make the folder", errno, err);
        }
        return 0;
}

int files_remove(const char *unc, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        if (share_call_begin(unc, &call, err) < 0)
                return -1;
        if (smbc_getFunctionUnlink(call.context)(call.context, call.url) < 0)
                return share_error(&call.unc, "remove", errno, err);
        return 0;
}

int files_remove_folder(const char *unc, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        if (share_call_begin(unc, &call, err) < 0)
                return -1;
        if (!*call.unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share, not a folder; name a folder in it", unc);
        if (smbc_getFunctionRmdir(call.context)(call.context, call.url) < 0)
                return share_error(&call.unc, "remove the folder", errno, err);
        return 0;
}

int files_exists(const char *unc, bool *ret, bool *ret_is_folder, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        struct stat st = { 0 };
        bool exists;
        if (share_call_begin(unc, &call, err) < 0 || stat_call(&call, &exists, &st, err) < 0)
                return -1;
        *ret = exists;
        if (ret_is_folder)
                *ret_is_folder = exists && S_ISDIR(st.st_mode);
        return 0;
}

static bool is_wanted(const struct libsmb_file_info *info) {
        return strcmp(info->name, ".") != 0 && strcmp(info->name, "..") != 0 && !share_is_temporary(info->name);
}

int files_list(const char *unc, FilesEntry **ret, size_t *ret_count, Error *err) {
        auto_(share_call_end) ShareCall call = { 0 };
        if (share_call_begin(unc, &call, err) < 0)
                return -1;
        auto_(close_folder) OpenFile f = { .context = call.context };
        f.file = smbc_getFunctionOpendir(call.context)(call.context, call.url);
        if (!f.file)
                return share_error(&call.unc, "list", errno, err);

        auto_free FilesEntry *entries = NULL;
        size_t count = 0, room = 0;
        const struct libsmb_file_info *info;
        while ((info = smbc_getFunctionReaddirPlus(call.context)(call.context, f.file))) {
                if (!is_wanted(info))
                        continue;
                if (count == FILES_LIST_MAX)
                        return error_set(err, ERROR_LIMIT, 0, "the folder '%.300s' has more than %d entries", unc,
                                         FILES_LIST_MAX);
                if (strlen(info->name) >= sizeof entries[0].name)
                        return error_set(err, ERROR_PROTOCOL, 0, "the server sent a name that is too long in '%.300s'", unc);
                if (count == room) {
                        room = room ? 2 * room : 64;
                        FilesEntry *bigger = reallocarray(entries, room, sizeof *entries);
                        if (!bigger)
                                return error_oom(err);
                        entries = bigger;
                }
                entries[count] = (FilesEntry){ .is_folder = (info->attrs & 0x10) != 0, .size_bytes = info->size };
                (void)strcpy(entries[count++].name, info->name);
        }
        *ret = take_ptr(entries);
        *ret_count = count;
        return 0;
}
