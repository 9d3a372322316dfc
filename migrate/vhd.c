/* vhd.c — kinds of disk files, and what one is; see vhd.h */
#include "migrate/vhd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>

#include "appliance/base/cleanup.h"
#include "auth/program.h"
#include "migrate/vhd-internal.h"
#include "migrate/vhd-share.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

enum { INFO_TIMEOUT_S = 60 };

static const struct { const char *extension; VhdFormat format; const char *name, *qemu; } kinds[] = {
        { ".raw", VHD_RAW, "RAW", "raw" },
        { ".img", VHD_RAW, "RAW", "raw" },
        { ".qcow2", VHD_QCOW2, "QCOW2", "qcow2" },
        { ".vhd", VHD_VPC, "VHD", "vpc" },
        { ".vhdx", VHD_VHDX, "VHDX", "vhdx" },
};

const char *vhd_format_name(VhdFormat format) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].format == format)
                        return kinds[i].name;
        return "";
}

const char *vhd_format_qemu(VhdFormat format) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].format == format)
                        return kinds[i].qemu;
        return "";
}

int vhd_format_of(const char *path, VhdFormat *ret, Error *err) {
        const char *end = path + strlen(path);

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                size_t n = strlen(kinds[i].extension);
                if ((size_t)(end - path) > n && text_equal_nocase(end - n, kinds[i].extension)) {
                        *ret = kinds[i].format;
                        return 0;
                }
        }
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "'%.300s' is no virtual hard disk by its extension; use .raw on a "
                         "share, and .raw, .img, .qcow2, .vhd or .vhdx on this host",
                         path);
}

bool vhd_is_unc(const char *path) {
        return (path[0] == '\\' && path[1] == '\\') || (path[0] == '/' && path[1] == '/');
}

int vhd_check_on_share(const char *unc, Error *err) {
        VhdFormat format;

        if (vhd_format_of(unc, &format, err) < 0)
                return -1;
        if (format != VHD_RAW)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "'%.300s': a disk on a share is a .raw file (sparse, and "
                                 "movable while it runs); convert a %s file with Convert-VHD",
                                 unc, vhd_format_name(format));
        return 0;
}

static int check_size(uint64_t size_bytes, Error *err) {
        if (size_bytes < VHD_SIZE_MIN || size_bytes > VHD_SIZE_MAX || size_bytes % 512)
                return error_set(err, ERROR_INVALID, 0,
                                 "%llu bytes is no size of a virtual hard disk; give 1 MB to 64 TB "
                                 "in whole sectors of 512 bytes",
                                 (unsigned long long)size_bytes);
        return 0;
}

int vhd_create(const char *text, uint64_t size_bytes, Error *err) {
        Unc unc, folder;
        char folder_path[UNC_TEXT_MAX + 1];

        if (!vhd_is_unc(text))
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.300s' lies on this host only; put it on an SMB 3 share, for "
                                 "example \\\\fs1\\vms\\web01.raw",
                                 text);
        if (vhd_check_on_share(text, err) < 0 || unc_parse(text, &unc, err) < 0)
                return -1;
        if (check_size(size_bytes, err) < 0)
                return -1;
        folder = unc;
        (void)unc_to_parent(&folder);
        unc_text(&folder, folder_path);
        if (*folder.path && files_make_folder(folder_path, err) < 0)
                return -1;
        if (vhd_share_create(&unc, size_bytes, err) < 0)
                return err->kind != ERROR_CONFLICT ? -1
                                                   : error_set(err, ERROR_CONFLICT, err->cause,
                                                               "'%.300s' exists already; choose another name, or "
                                                               "delete it first",
                                                               text);
        return 0;
}

int vhd_grow(VmHost *host, const char *text, uint64_t size_bytes, Error *err) {
        DiskName disk;
        Unc unc;

        if (!vhd_is_unc(text))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' lies on this host only; disks on a share are resized here, "
                                 "local images with qemu-img resize", text);
        if (vhd_check_on_share(text, err) < 0 || unc_parse(text, &unc, err) < 0 || check_size(size_bytes, err) < 0 ||
            disk_name(text, &disk, err) < 0 || vmhost_claim(host, VM_CLAIM_DISK, disk.id, disk.unc, &disk, 1, err) < 0)
                return -1;
        int r = vhd_share_grow(&unc, size_bytes, err);
        vmhost_unclaim(host, disk.id);
        return r;
}

static int only_a_part(const char *path, Error *err) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "'%.300s' is only a part of a disk: it refers to another file. Merge the two first", path);
}

/* Whether 512 bytes are the footer of a differencing VHD. */
static bool is_differencing(const uint8_t *footer) {
        enum { DISK_TYPE_AT = 60, DIFFERENCING = 4 };   /* big-endian */
        return memcmp(footer, "conectix", 8) == 0 && footer[DISK_TYPE_AT + 3] == DIFFERENCING;
}

/* QEMU opens a differencing VHD without a word, never looks for its parent, and reads zeros where that has data.  The
 * footer is the end of the file, and all but fixed disks begin with a copy.  (Of a differencing VHDX QEMU says that it
 * cannot.) */
static int check_whole_vhd(const char *path, Error *err) {
        uint8_t footer[512];
        struct stat st;

        auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);        /* it may have become a pipe by now */
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set(err, ERROR_DENIED, errno, "'%.300s' cannot be opened on this host: %m", path);
        const off_t places[] = { 0, st.st_size - (off_t)sizeof footer };
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (places[i] >= 0 && pread(fd, footer, sizeof footer, places[i]) == (ssize_t)sizeof footer &&
                    is_differencing(footer))
                        return only_a_part(path, err);
        return 0;
}

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

/* What qemu-img says of a local image, in the format its extension names. */
static int look_local(const char *path, VhdInfo *info, Error *err) {
        const char *const argv[] = { "/usr/bin/qemu-img", "info", "--output=json", "-U", "-f",
                                     vhd_format_qemu(info->format), "--", path, NULL };
        auto_free ProgramResult *result = calloc(1, sizeof *result);
        auto_(json_unrefp) sd_json_variant *json = NULL;

        if (!result)
                return error_oom(err);
        if (program_run(argv, NULL, NULL, INFO_TIMEOUT_S * 1000000ULL, result, err) < 0)
                return -1;
        if (result->status != 0)
                return error_set(err, ERROR_INVALID, 0, "'%.200s' cannot be read as a %s file: %.200s", path,
                                 vhd_format_name(info->format), program_last_line(result));
        if (sd_json_parse(result->output, 0, &json, NULL, NULL) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "qemu-img's description of '%.200s' cannot be read", path);
        sd_json_variant *size = sd_json_variant_by_key(json, "virtual-size");
        sd_json_variant *used = sd_json_variant_by_key(json, "actual-size");
        sd_json_variant *specific = sd_json_variant_by_key(json, "format-specific");
        sd_json_variant *data = specific ? sd_json_variant_by_key(specific, "data") : NULL;
        if (sd_json_variant_by_key(json, "backing-filename") || (data && sd_json_variant_by_key(data, "data-file")))
                return only_a_part(path, err);
        if (!sd_json_variant_is_unsigned(size))
                return error_set(err, ERROR_PROTOCOL, 0, "qemu-img does not say how large '%.200s' is", path);
        info->size_bytes = sd_json_variant_unsigned(size);
        info->has_file_size = sd_json_variant_is_unsigned(used);
        info->file_size_bytes = info->has_file_size ? sd_json_variant_unsigned(used) : 0;
        return 0;
}

static int local_info(const char *path, VhdInfo *info, Error *err) {
        struct stat st;

        if (path[0] != '/' || strlen(path) >= sizeof info->path)
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.300s' is no path; name a file of this host from its root "
                                 "(/var/tmp/web01.qcow2) or one on a share (\\\\fs1\\vms\\web01.raw)",
                                 path);
        if (stat(path, &st) < 0)
                return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_DENIED, errno,
                                 "'%.300s' cannot be opened on this host: %m", path);
        if (!S_ISREG(st.st_mode))
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is no file", path);
        (void)snprintf(info->path, sizeof info->path, "%s", path);
        if (info->format == VHD_VPC && check_whole_vhd(path, err) < 0)
                return -1;
        return look_local(path, info, err);
}

static int share_info(const char *path, VhdInfo *info, Error *err) {
        DiskStatus status;
        Error not_ours = { 0 };
        DiskName name;
        Unc unc;

        if (vhd_check_on_share(path, err) < 0 || disk_name(path, &name, err) < 0 || unc_parse(path, &unc, err) < 0)
                return -1;
        info->on_share = true;
        info->has_file_size = true;
        (void)snprintf(info->path, sizeof info->path, "%s", name.unc);
        (void)memcpy(info->disk_id, name.id, sizeof info->disk_id);
        info->attached = disk_status(&name, &status, &not_ours) == 0 && status.state != DISK_NONE;
        return vhd_share_look(&unc, &info->size_bytes, &info->file_size_bytes, err);
}

int vhd_info(VmHost *host, const char *path, VhdInfo *ret, Error *err) {
        VhdInfo info = { 0 };
        (void)host;

        if (vhd_format_of(path, &info.format, err) < 0 ||
            (vhd_is_unc(path) ? share_info(path, &info, err) : local_info(path, &info, err)) < 0)
                return -1;
        *ret = info;
        return 0;
}
