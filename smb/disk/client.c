#include "smb/disk/client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/unit.h"

#define INTERFACE "io.holdfast.Disk"
#define DISK_ROOT "/run/holdfast/disk"
#define DISK_USER "holdfast-disk"       /* smb/disk/holdfast-disk.sysusers */
#define DISK_GROUP "kvm"                /* QEMU's: it connects to nbd.sock */

static const uint64_t START_US = 30 * 1000000, STOP_US = 60 * 1000000;
static const uint64_t READER_US = 60 * 1000000;         /* connecting, Kerberos and the first open */
static const uint64_t CALL_US = 120 * 1000000;          /* an open may wait 35 s for another host's lease */

enum { UNIT_MAX = 64, PATH_SIZE = 128 };

static void unit_of(const DiskName *name, char to[static UNIT_MAX]) {
        (void)snprintf(to, UNIT_MAX, "holdfast-disk@%s.service", name->id);
}

/* ---- asking the process -------------------------------------------------------------------------- */

static int dispatch_hex(const char *name, sd_json_variant *variant, sd_json_dispatch_flags_t flags,
                        void *userdata) {
        uint8_t *to = userdata, bytes[8];
        const char *text = sd_json_variant_string(variant);

        for (size_t i = 0; i < sizeof bytes; i++)
                if (!text || sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
                        return -EINVAL;
        (void)memcpy(to, bytes, sizeof bytes);
        return 0;
}

static int dispatch_state(const char *name, sd_json_variant *variant, sd_json_dispatch_flags_t flags,
                          void *userdata) {
        DiskState *to = userdata;
        for (DiskState s = DISK_NONE; s <= DISK_LOST; s++)
                if (strcmp(sd_json_variant_string(variant), disk_state_name(s)) == 0) {
                        *to = s;
                        return 0;
                }
        return -EINVAL;
}

typedef struct Answer {
        DiskStatus status;
        const char *token, *reason, *reason_kind;
        int64_t reason_cause;
} Answer;

static int decode_status(sd_json_variant *reply, DiskStatus *ret, Error *ret_reason, Error *err) {
#define S(member) offsetof(Answer, status.member)
        static const sd_json_dispatch_field table[] = {
                { "State", SD_JSON_VARIANT_STRING, dispatch_state, S(state), SD_JSON_MANDATORY },
                { "Epoch", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, S(epoch), SD_JSON_MANDATORY },
                { "SizeBytes", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, S(size_bytes),
                  SD_JSON_MANDATORY },
                { "FileId", SD_JSON_VARIANT_STRING, dispatch_hex, S(file_id), SD_JSON_MANDATORY },
                { "VolumeId", SD_JSON_VARIANT_STRING, dispatch_hex, S(volume_id), SD_JSON_MANDATORY },
                { "Wanted", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, S(wanted), SD_JSON_MANDATORY },
                { "BytesRead", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, S(bytes_read), 0 },
                { "BytesWritten", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, S(bytes_written), 0 },
                { "WritesParked", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, S(writes_parked), 0 },
                { "MaximalAccess", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint32, S(maximal_access), 0 },
                { "Dialect", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint16, S(dialect), 0 },
                { "Cipher", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint16, S(cipher), 0 },
                { "Sealed", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, S(sealed), 0 },
                { "Durable", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, S(durable), 0 },
                { "Connected", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool, S(connected), 0 },
                { "Token", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Answer, token), 0 },
                { "Reason", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Answer, reason), 0 },
                { "ReasonKind", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                  offsetof(Answer, reason_kind), 0 },
                { "ReasonCause", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64, offsetof(Answer, reason_cause),
                  0 },
                { 0 },
        };
#undef S
        Answer a = { 0 };

        int r = sd_json_dispatch(reply, table, SD_JSON_ALLOW_EXTENSIONS, &a);
        if (r < 0)
                return error_set(err, ERROR_PROTOCOL, -r, "the disk process gave an answer that cannot be read");
        (void)snprintf(a.status.token, sizeof a.status.token, "%s", a.token ? a.token : "");
        (void)snprintf(a.status.reason, sizeof a.status.reason, "%s", a.reason ? a.reason : "");
        if (ret_reason && *a.status.reason)
                (void)error_set(ret_reason, error_kind_from_name(a.reason_kind), (int)a.reason_cause, "%s",
                                a.status.reason);
        if (ret)
                *ret = a.status;
        return 0;
}

static int decode_error(const DiskName *name, const char *id, sd_json_variant *parameters, Error *err) {
        sd_json_variant *kind = sd_json_variant_by_key(parameters, "Kind"),
                        *text = sd_json_variant_by_key(parameters, "Text"),
                        *cause = sd_json_variant_by_key(parameters, "Cause");

        if (strcmp(id, INTERFACE ".Failed") == 0 && kind && sd_json_variant_is_string(kind) && text &&
            sd_json_variant_is_string(text))
                return error_set(err, error_kind_from_name(sd_json_variant_string(kind)),
                                 cause ? (int)sd_json_variant_integer(cause) : 0, "%s",
                                 sd_json_variant_string(text));
        if (strcmp(id, SD_VARLINK_ERROR_DISCONNECTED) == 0)
                return error_set(err, ERROR_UNREACHABLE, 0,
                                 "the disk process of '%.200s' ended; look at `journalctl -u "
                                 "holdfast-disk@%s`",
                                 name->unc, name->id);
        if (strcmp(id, SD_VARLINK_ERROR_TIMEOUT) == 0)
                return error_set(err, ERROR_TIMEOUT, 0,
                                 "the disk process of '%.200s' did not answer in time; look at its "
                                 "file server",
                                 name->unc);
        return error_set(err, ERROR_PROTOCOL, 0, "the disk process of '%.200s' refused the call: %s", name->unc,
                         id);
}

/* @parameters is consumed, may be NULL. */
static int ask(const DiskName *name, const char *method, sd_json_variant *parameters, uint64_t timeout_us,
               DiskStatus *ret, Error *ret_reason, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *consumed = parameters;
        auto_(sd_varlink_flush_close_unrefp) sd_varlink *link = NULL;
        sd_json_variant *reply = NULL;  /* the link's */
        const char *error_id = NULL;
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof path, DISK_ROOT "/%s/control.sock", name->id);
        int r = sd_varlink_connect_address(&link, path);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_set(err, ERROR_NOT_FOUND, -r, "the disk '%.300s' is not open on this host", name->unc);
        if (r >= 0)
                r = sd_varlink_set_relative_timeout(link, timeout_us);
        if (r >= 0)
                r = sd_varlink_call(link, method, consumed, &reply, &error_id);
        if (r < 0)
                return decode_error(name, r == -ETIMEDOUT || r == -ETIME ? SD_VARLINK_ERROR_TIMEOUT
                                    : SD_VARLINK_ERROR_DISCONNECTED, NULL, err);
        if (error_id)
                return decode_error(name, error_id, reply, err);
        return decode_status(reply, ret, ret_reason, err);
}

static int ask_with(const DiskName *name, const char *method, const char *token, const uint64_t *epoch,
                    DiskStatus *ret, Error *err) {
        sd_json_variant *parameters = NULL;
        int r = sd_json_buildo(&parameters,
                               SD_JSON_BUILD_PAIR_CONDITION(token != NULL, "Token", SD_JSON_BUILD_STRING(token)),
                               SD_JSON_BUILD_PAIR_CONDITION(epoch != NULL, "Epoch",
                                                            SD_JSON_BUILD_UNSIGNED(epoch ? *epoch : 0)));
        if (r < 0)
                return error_oom(err);
        return ask(name, method, parameters, CALL_US, ret, NULL, err);
}

int disk_status(const DiskName *name, DiskStatus *ret, Error *err) {
        return ask(name, INTERFACE ".Status", NULL, CALL_US, ret, NULL, err);
}

int disk_acquire(const DiskName *name, uint64_t epoch, DiskStatus *ret, Error *err) {
        return ask_with(name, INTERFACE ".Acquire", NULL, &epoch, ret, err);
}

int disk_mark(const DiskName *name, DiskStatus *ret, Error *err) {
        return ask_with(name, INTERFACE ".Mark", NULL, NULL, ret, err);
}

int disk_acquire_unchanged(const DiskName *name, uint64_t epoch, DiskStatus *ret, Error *err) {
        sd_json_variant *parameters = NULL;
        if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_UNSIGNED("Epoch", epoch),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Unchanged", true)) < 0)
                return error_oom(err);
        return ask(name, INTERFACE ".Acquire", parameters, CALL_US, ret, NULL, err);
}

int disk_arm(const DiskName *name, const char *token, Error *err) {
        return ask_with(name, INTERFACE ".Arm", token, NULL, NULL, err);
}

int disk_disarm(const DiskName *name, const char *token, Error *err) {
        return ask_with(name, INTERFACE ".Disarm", token, NULL, NULL, err);
}

int disk_release(const DiskName *name, const char *token, Error *err) {
        return ask_with(name, INTERFACE ".Release", token, NULL, NULL, err);
}

int disk_give(const DiskName *name, const char *token, uint64_t next_epoch, Error *err) {
        return ask_with(name, INTERFACE ".Give", token, &next_epoch, NULL, err);
}

int disk_take_back(const DiskName *name, const char *token, uint64_t epoch, Error *err) {
        return ask_with(name, INTERFACE ".TakeBack", token, &epoch, NULL, err);
}

static int wait_beyond(const DiskName *name, const char *seen, uint64_t timeout_us, DiskStatus *ret,
                       Error *ret_reason, Error *err) {
        sd_json_variant *parameters = NULL;
        int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_UNSIGNED("TimeoutUs", timeout_us),
                               SD_JSON_BUILD_PAIR_CONDITION(seen != NULL, "Seen", SD_JSON_BUILD_STRING(seen)));
        if (r < 0)
                return error_oom(err);
        return ask(name, INTERFACE ".Wait", parameters, timeout_us + CALL_US, ret, ret_reason, err);
}

int disk_wait(const DiskName *name, uint64_t timeout_us, DiskStatus *ret, Error *err) {
        return wait_beyond(name, NULL, timeout_us, ret, NULL, err);
}

/* ---- starting and stopping it -------------------------------------------------------------------- */

/* The folder belongs to the disk process, which makes its sockets in it; QEMU's group may pass through. */
static int make_folder(const DiskName *name, Error *err) {
        char path[PATH_SIZE], buffer[4096];
        struct passwd user, *found_user = NULL;
        struct group group, *found_group = NULL;

        int r = getpwnam_r(DISK_USER, &user, buffer, sizeof buffer, &found_user);
        if (r != 0 || !found_user)
                return error_set(err, ERROR_INTERNAL, r,
                                 "the system user " DISK_USER " does not exist; run systemd-sysusers");
        uid_t uid = user.pw_uid;
        r = getgrnam_r(DISK_GROUP, &group, buffer, sizeof buffer, &found_group);
        if (r != 0 || !found_group)
                return error_set(err, ERROR_INTERNAL, r,
                                 "the system group " DISK_GROUP " does not exist; install QEMU");
        (void)snprintf(path, sizeof path, DISK_ROOT "/%s", name->id);
        if ((mkdir("/run/holdfast", 0711) < 0 && errno != EEXIST) ||
            (mkdir(DISK_ROOT, 0711) < 0 && errno != EEXIST) || (mkdir(path, 0700) < 0 && errno != EEXIST))
                return error_set(err, ERROR_INTERNAL, errno, "cannot make the folder %s: %m", path);
        if (lchown(path, uid, group.gr_gid) < 0 || chmod(path, 0710) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot give the folder %s to " DISK_USER ": %m",
                                 path);
        return 0;
}

static void remove_folder(const DiskName *name) {
        static const char *const files[] = { "nbd.sock", "control.sock", "config.json", "config.json.new" };
        char path[PATH_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                (void)snprintf(path, sizeof path, DISK_ROOT "/%s/%s", name->id, files[i]);
                (void)unlink(path);
        }
        (void)snprintf(path, sizeof path, DISK_ROOT "/%s", name->id);
        (void)rmdir(path);
}

static int write_config(const DiskName *name, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *object = NULL;
        auto_free char *text = NULL;
        char path[PATH_SIZE], control[PATH_SIZE];

        (void)snprintf(control, sizeof control, DISK_ROOT "/%s/control.sock", name->id);
        int r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("Unc", name->unc),
                               SD_JSON_BUILD_PAIR_STRING("ControlSocket", control),
                               SD_JSON_BUILD_PAIR_STRING("NbdSocket", name->nbd_socket),
                               SD_JSON_BUILD_PAIR_STRING("Protection", "Encrypt"));
        if (r >= 0)
                r = sd_json_variant_format(object, SD_JSON_FORMAT_NEWLINE, &text);
        if (r < 0)
                return error_oom(err);
        /* O_EXCL: the folder is another user's, and root follows no link that lies there. */
        (void)snprintf(path, sizeof path, DISK_ROOT "/%s/config.json", name->id);
        auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        size_t size = strlen(text);
        if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, size) != (ssize_t)size)
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s: %m", path);
        return 0;
}

static int start_and_wait(const DiskName *name, const char *unit, DiskStatus *ret, Error *err) {
        Error reason = { 0 };
        DiskStatus status;

        if (make_folder(name, err) < 0 || write_config(name, err) < 0 || unit_start(unit, START_US, err) < 0)
                return -1;
        if (wait_beyond(name, disk_state_name(DISK_NONE), READER_US, &status, &reason, err) < 0)
                return -1;
        if (status.state == DISK_NONE) {
                if (reason.kind == ERROR_NONE)
                        return error_set(err, ERROR_TIMEOUT, 0, "the file server did not answer in time");
                *err = reason;
                return -1;
        }
        *ret = status;
        return 0;
}

int disk_start(const DiskName *name, DiskStatus *ret, Error *err) {
        char unit[UNIT_MAX];
        bool running;
        Error ignored;

        unit_of(name, unit);
        if (unit_is_running(unit, &running, err) < 0)
                return -1;
        if (running)
                return error_set(err, ERROR_CONFLICT, 0, "the disk '%.300s' is open on this host already",
                                 name->unc);
        remove_folder(name);    /* what a killed process left */
        if (start_and_wait(name, unit, ret, err) == 0)
                return 0;
        (void)!disk_stop(name, &ignored);
        return error_wrap(err, "cannot open the disk '%.200s'", name->unc);
}

int disk_stop(const DiskName *name, Error *err) {
        char unit[UNIT_MAX];

        unit_of(name, unit);
        if (unit_stop(unit, STOP_US, err) < 0)
                return error_wrap(err, "cannot close the disk '%.200s'", name->unc);
        remove_folder(name);
        return 0;
}

/* ---- which there are ------------------------------------------------------------------------------ */

/* What write_config() left for the process of that folder; false when it is none, or gone by now. */
static bool listed(const char *id, DiskName *ret) {
        auto_(sd_json_variant_unrefp) sd_json_variant *config = NULL;
        DiskName name = { 0 };
        char path[PATH_SIZE];

        if (strlen(id) != DISK_ID_SIZE - 1 || strspn(id, "0123456789abcdef") != DISK_ID_SIZE - 1)
                return false;
        (void)snprintf(path, sizeof path, DISK_ROOT "/%.32s/config.json", id);
        if (sd_json_parse_file(NULL, path, 0, &config, NULL, NULL) < 0)
                return false;
        sd_json_variant *unc = sd_json_variant_by_key(config, "Unc");
        if (!unc || !sd_json_variant_is_string(unc) || strlen(sd_json_variant_string(unc)) >= sizeof name.unc)
                return false;
        (void)snprintf(name.unc, sizeof name.unc, "%s", sd_json_variant_string(unc));
        (void)snprintf(name.id, sizeof name.id, "%.32s", id);
        (void)snprintf(name.nbd_socket, sizeof name.nbd_socket, DISK_ROOT "/%.32s/nbd.sock", id);
        *ret = name;
        return true;
}

int disk_list(DiskName **ret, size_t *ret_count, Error *err) {
        auto_free DiskName *list = calloc(DISK_LIST_MAX, sizeof *list);
        DIR *dir = opendir(DISK_ROOT);
        size_t count = 0;

        if (!list) {
                if (dir)
                        (void)closedir(dir);
                return error_oom(err);
        }
        if (!dir && errno != ENOENT)
                return error_set(err, ERROR_INTERNAL, errno, "cannot read " DISK_ROOT ": %m");
        for (const struct dirent *e; dir && count < DISK_LIST_MAX && (e = readdir(dir));)
                count += listed(e->d_name, &list[count]);
        if (dir)
                (void)closedir(dir);
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}
