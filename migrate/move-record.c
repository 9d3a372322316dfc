#include "migrate/move-record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define MOVE_FOLDER "/run/holdfast/move"

enum { RECORD_MAX = 64 * 1024, PASSWD_BUFFER = 4096 };

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

static void closedirp(DIR **dir) {
        if (*dir)
                (void)closedir(*dir);
}

int move_token_check(const char *token, Error *err) {
        size_t n = token ? strlen(token) : 0;
        bool ok = n == UUID_TEXT_SIZE - 1;

        for (size_t i = 0; ok && i < n; i++)
                ok = i == 8 || i == 13 || i == 18 || i == 23
                             ? token[i] == '-'
                             : (token[i] >= '0' && token[i] <= '9') || (token[i] >= 'a' && token[i] <= 'f');
        return ok ? 0 : error_set(err, ERROR_INVALID, 0, "the token of a move is not a UUID");
}

void move_path(const char *token, const char *name, char to[static MOVE_PATH_MAX]) {
        (void)snprintf(to, MOVE_PATH_MAX, MOVE_FOLDER "/%.36s%s%s", token, *name ? "/" : "", name);
}

int move_record_encode(const MoveRecord *record, char **ret, Error *err) {
        auto_(unrefp) sd_json_variant *disks = NULL, *v = NULL;

        if (sd_json_variant_new_array(&disks, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < record->disk_count; i++) {
                auto_(unrefp) sd_json_variant *disk = NULL;
                if (sd_json_variant_new_string(&disk, record->disks[i]) < 0 ||
                    sd_json_variant_append_array(&disks, disk) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("Token", record->token),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Outgoing", record->outgoing),
                           SD_JSON_BUILD_PAIR_STRING("Peer", record->peer),
                           SD_JSON_BUILD_PAIR_STRING("VMName", record->vm_name),
                           SD_JSON_BUILD_PAIR_STRING("VMId", record->vm_id),
                           SD_JSON_BUILD_PAIR_STRING("Folder", record->folder),
                           SD_JSON_BUILD_PAIR_UNSIGNED("NextEpoch", record->next_epoch),
                           SD_JSON_BUILD_PAIR_VARIANT("Disks", disks)) < 0 ||
            sd_json_variant_format(v, SD_JSON_FORMAT_NEWLINE, ret) < 0)
                return error_oom(err);
        return 0;
}

typedef struct Fields {
        const char *token, *peer, *vm_name, *vm_id, *folder;
        int outgoing;
        uint64_t next_epoch;
        sd_json_variant *disks;
} Fields;

static bool copy(const char *from, char *to, size_t size) {
        return (size_t)snprintf(to, size, "%s", from) < size;
}

static int take_fields(const Fields *f, MoveRecord *r, Error *err) {
        size_t count = sd_json_variant_elements(f->disks);

        if (move_token_check(f->token, err) < 0)
                return -1;
        if (count > VM_DISKS_MAX || !copy(f->token, r->token, sizeof r->token) ||
            !copy(f->peer, r->peer, sizeof r->peer) || !copy(f->vm_name, r->vm_name, sizeof r->vm_name) ||
            !copy(f->vm_id, r->vm_id, sizeof r->vm_id) || !copy(f->folder, r->folder, sizeof r->folder))
                return error_set(err, ERROR_PROTOCOL, 0, "the record of a move has a value that is too long");
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *disk = sd_json_variant_by_index(f->disks, i);
                if (!sd_json_variant_is_string(disk) ||
                    !copy(sd_json_variant_string(disk), r->disks[i], sizeof r->disks[i]))
                        return error_set(err, ERROR_PROTOCOL, 0, "the record of a move names a disk badly");
        }
        r->disk_count = (unsigned)count;
        r->outgoing = f->outgoing;
        r->next_epoch = f->next_epoch;
        return 0;
}

int move_record_decode(const char *json, MoveRecord *ret, Error *err) {
        static const sd_json_dispatch_field fields[] = {
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, token),
                  SD_JSON_MANDATORY },
                { "Outgoing", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, offsetof(Fields, outgoing),
                  SD_JSON_MANDATORY },
                { "Peer", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, peer),
                  SD_JSON_MANDATORY },
                { "VMName", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, vm_name),
                  SD_JSON_MANDATORY },
                { "VMId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, vm_id),
                  SD_JSON_MANDATORY },
                { "Folder", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, folder),
                  SD_JSON_MANDATORY },
                { "NextEpoch", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Fields, next_epoch),
                  SD_JSON_MANDATORY },
                { "Disks", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref, offsetof(Fields, disks),
                  SD_JSON_MANDATORY },
                { 0 },
        };
        auto_(unrefp) sd_json_variant *v = NULL;
        auto_free MoveRecord *record = calloc(1, sizeof *record);
        Fields f = { 0 };

        if (!record)
                return error_oom(err);
        if (sd_json_parse(json, 0, &v, NULL, NULL) < 0 || sd_json_dispatch(v, fields, 0, &f) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the record of a move is not what this version writes");
        if (take_fields(&f, record, err) < 0)
                return -1;
        *ret = *record;
        return 0;
}

static int make_folder(const char *path, mode_t mode) {
        return mkdir(path, mode) < 0 && errno != EEXIST ? -1 : chmod(path, mode);
}

static int hand_to_qemu(const char *token, const char *user, Error *err) {
        char path[MOVE_PATH_MAX], buffer[PASSWD_BUFFER];
        struct passwd passwd, *found = NULL;

        move_path(token, "qemu", path);
        if (getpwnam_r(user, &passwd, buffer, sizeof buffer, &found) != 0 || !found)
                return error_set(err, ERROR_INTERNAL, errno, "there is no user %s on this host", user);
        if (make_folder(path, 0700) < 0 || chown(path, found->pw_uid, found->pw_gid) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make the folder %s", path);
        return 0;
}

/* Written whole and renamed: a reader after a crash sees a record or none. */
static int write_file(const char *path, const char *text, Error *err) {
        char temp[MOVE_PATH_MAX + 8];
        size_t size = strlen(text);

        (void)snprintf(temp, sizeof temp, "%s.new", path);
        auto_fd int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, text, size) != (ssize_t)size || rename(temp, path) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s", path);
        return 0;
}

int move_record_store(const MoveRecord *record, const char *qemu_user, Error *err) {
        char path[MOVE_PATH_MAX];
        auto_free char *text = NULL;

        if (move_record_encode(record, &text, err) < 0)
                return -1;
        move_path(record->token, "", path);
        if (make_folder("/run/holdfast", 0755) < 0 || make_folder(MOVE_FOLDER, 0711) < 0 ||
            make_folder(path, 0711) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make the folder %s", path);
        if (qemu_user && hand_to_qemu(record->token, qemu_user, err) < 0)
                return -1;
        move_path(record->token, "move.json", path);
        return write_file(path, text, err);
}

int move_record_load(const char *token, MoveRecord *ret, Error *err) {
        char path[MOVE_PATH_MAX];
        auto_free char *text = calloc(1, RECORD_MAX + 1);

        move_path(token, "move.json", path);
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INTERNAL, errno,
                                 "this host knows of no move %s", token);
        if (!text)
                return error_oom(err);
        if (read(fd, text, RECORD_MAX) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read %s", path);
        return move_record_decode(text, ret, err);
}

void move_record_remove(const char *token) {
        static const char *const names[] = { "qemu/memory.sock", "libvirt.sock", "move.json.new", "move.json" };
        char path[MOVE_PATH_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                move_path(token, names[i], path);
                (void)unlink(path);
        }
        move_path(token, "qemu", path);
        (void)rmdir(path);
        move_path(token, "", path);
        (void)rmdir(path);
}

size_t move_record_list(char tokens[static MOVES_MAX][UUID_TEXT_SIZE]) {
        auto_(closedirp) DIR *dir = opendir(MOVE_FOLDER);
        struct dirent *entry;
        size_t count = 0;
        Error ignored;

        while (dir && count < MOVES_MAX && (entry = readdir(dir)))
                if (move_token_check(entry->d_name, &ignored) == 0)
                        (void)memcpy(tokens[count++], entry->d_name, UUID_TEXT_SIZE);
        return count;
}

int move_record_disks(const MoveRecord *record, DiskName ret[static VM_DISKS_MAX], Error *err) {
        for (unsigned i = 0; i < record->disk_count; i++)
                if (disk_name(record->disks[i], &ret[i], err) < 0)
                        return -1;
        return 0;
}

bool move_is_with(const MoveRecord *record, const char *peer, Error *err) {
        if (text_equal_nocase(record->peer, peer))
                return true;
        (void)error_set(err, ERROR_DENIED, 0, "the move %s is not with %s", record->token, peer);
        return false;
}
