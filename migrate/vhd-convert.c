/* vhd-convert.c — copying a disk between this host and the share; see vhd.h
 *
 * qemu-img reads and writes the NBD export of a disk process that owns the file as a running machine's would, so
 * the file server answers for us whether anybody uses the disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "migrate/vhd-internal.h"
#include "migrate/vhd-program.h"
#include "smb/share/files.h"

enum { SIZE_UNIT = 4096, URI_MAX = 160 };

/* One end of the copy. */
typedef struct End {
        VmHost *host;
        bool on_share, claimed, started, made;
        VhdFormat format;
        DiskName disk;                          /* on_share */
        char path[VHD_PATH_MAX];
        char uri[URI_MAX + VHD_PATH_MAX];       /* what qemu-img is told */
} End;

/* Leaves the disk process stopped; a half-written target does not outlive the scope. */
static void end_close(End *end) {
        Error ignored = { 0 };

        if (end->started)
                (void)!disk_stop(&end->disk, &ignored);
        if (end->made && end->on_share)
                (void)!files_remove(end->disk.unc, &ignored);
        else if (end->made)
                (void)unlink(end->path);
        if (end->claimed)
                vmhost_unclaim(end->host, end->disk.id);
}

static int open_on_share(End *end, Error *err) {
        DiskStatus status;

        if (disk_start(&end->disk, &status, err) < 0)
                return error_wrap(err, "%.300s", end->path);
        end->started = true;
        if (disk_acquire(&end->disk, clock_us(CLOCK_REALTIME), &status, err) < 0)
                return err->kind != ERROR_CONFLICT
                               ? error_wrap(err, "%.300s", end->path)
                               : error_set(err, ERROR_CONFLICT, err->cause,
                                           "%.300s is in use: somebody has it open for writing, "
                                           "perhaps a running virtual machine; turn that off first",
                                           end->path);
        (void)snprintf(end->uri, sizeof end->uri, "nbd+unix:///?socket=%s", end->disk.nbd_socket);
        return 0;
}

/* Claims what lies on a share. */
static int end_begin(End *end, VmHost *host, const char *path, Error *err) {
        end->host = host;
        end->on_share = vhd_is_unc(path);
        if (strlen(path) >= sizeof end->path)
                return error_set(err, ERROR_LIMIT, 0, "the path '%.300s' is too long", path);
        (void)snprintf(end->path, sizeof end->path, "%s", path);
        if (vhd_format_of(path, &end->format, err) < 0)
                return -1;
        if (!end->on_share) {
                (void)snprintf(end->uri, sizeof end->uri, "%s", path);
                return 0;
        }
        if (vhd_check_on_share(path, err) < 0 || disk_name(path, &end->disk, err) < 0 ||
            vmhost_claim(host, VM_CLAIM_DISK, end->disk.id, end->disk.unc, &end->disk, 1, err) < 0)
                return -1;
        end->claimed = true;
        return 0;
}

/* The name is taken here and now, so two copies never write one file. */
static int make_local(End *end, Error *err) {
        int fd = open(end->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
                return error_set(err, ERROR_CONFLICT, errno,
                                 "'%.300s' exists already; choose another name, or delete it "
                                 "first",
                                 end->path);
        if (fd < 0)
                return error_set(err, ERROR_DENIED, errno, "'%.300s' cannot be made on this host: %m", end->path);
        (void)close(fd);
        end->made = true;
        return 0;
}

static int make_target(End *to, uint64_t size_bytes, Error *err) {
        if (!to->on_share)
                return make_local(to, err);
        uint64_t rounded = (size_bytes + SIZE_UNIT - 1) / SIZE_UNIT * SIZE_UNIT;
        if (vhd_create(to->disk.unc, rounded < VHD_SIZE_MIN ? VHD_SIZE_MIN : rounded, err) < 0)
                return -1;
        to->made = true;
        return open_on_share(to, err);
}

static int copy(const End *from, const End *to, const VhdConvert *convert, Error *err) {
        const char *argv[24];
        size_t n = 0;
        VhdProgram watch = { .progress = convert->progress, .progress_userdata = convert->userdata,
                             .cancelled = convert->wait.cancelled, .cancelled_userdata = convert->wait.userdata };

        argv[n++] = "/usr/bin/qemu-img";
        argv[n++] = "convert";
        argv[n++] = "-p";
        argv[n++] = "-f";
        argv[n++] = from->on_share ? "raw" : vhd_format_qemu(from->format);
        argv[n++] = "-O";
        argv[n++] = to->on_share ? "raw" : vhd_format_qemu(to->format);
        if (to->on_share) {
                /* our new file: exists, and is zeros, so only data is sent */
                argv[n++] = "-n";
                argv[n++] = "--target-is-zero";
                argv[n++] = "-W";
                argv[n++] = "-m";
                argv[n++] = "8";
        } else if (to->format == VHD_VPC) {
                argv[n++] = "-o";
                argv[n++] = "force_size=on";    /* else the size is rounded to what CHS can say */
        }
        argv[n++] = "--";
        argv[n++] = from->uri;
        argv[n++] = to->uri;
        argv[n] = NULL;
        if (vhd_program_run(argv, &watch, err) < 0)
                return error_wrap(err, "copying '%.160s' to '%.160s'", from->path, to->path);
        return 0;
}

static int sync_path(const char *path, int flags, Error *err) {
        auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
        if (fd < 0 || fsync(fd) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "'%.300s' cannot be written to this host's disk: %m",
                                 path);
        return 0;
}

/* The file, and its name in the folder. */
static int flush_local(const End *to, Error *err) {
        char folder[VHD_PATH_MAX];

        (void)snprintf(folder, sizeof folder, "%s", to->path);
        char *slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
        return sync_path(to->path, O_NOFOLLOW, err) < 0 ? -1 : sync_path(folder, O_DIRECTORY, err);
}

/* qemu-img ends without a flush, and a disk process that stops has nobody to tell what the last one gave.  The source
 * may be deleted as soon as we return: so the copy is on a disk by then, and somebody said so. */
static int flush(const End *to, const VhdConvert *convert, Error *err) {
        const char *const argv[] = { "/usr/bin/qemu-io", "-f", "raw", "-c", "flush", "--", to->uri, NULL };
        VhdProgram watch = { .cancelled = convert->wait.cancelled, .cancelled_userdata = convert->wait.userdata };

        if (!to->on_share)
                return flush_local(to, err);
        if (vhd_program_run(argv, &watch, err) == 0)
                return 0;
        if (err->kind == ERROR_CANCELLED)
                return -1;
        return error_set(err, ERROR_UNREACHABLE, err->cause,
                         "the file server does not confirm that all of the copy '%.160s' is on its disk, so it is "
                         "removed and the source kept; look at the file server, then repeat the command", to->path);
}

int vhd_convert(VmHost *host, const VhdConvert *convert, Error *err) {
        auto_(end_close) End from = { 0 };
        auto_(end_close) End to = { 0 };
        VhdInfo info;

        if (!vhd_is_unc(convert->from) && !vhd_is_unc(convert->to))
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.200s' and '%.200s' both lie on this host only; put one on an SMB 3 "
                                 "share, for example \\\\fs1\\vms\\web01.raw",
                                 convert->from, convert->to);
        /* qemu-img takes a name that does not begin at the root for more than a file: "nbd:…", "json:…". */
        if (!vhd_is_unc(convert->to) && convert->to[0] != '/')
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.300s' is no path; name a file of this host from its root "
                                 "(/var/tmp/web01.qcow2) or one on a share (\\\\fs1\\vms\\web01.raw)",
                                 convert->to);
        if (end_begin(&from, host, convert->from, err) < 0 || end_begin(&to, host, convert->to, err) < 0 ||
            vhd_info(host, convert->from, &info, err) < 0 || (from.on_share && open_on_share(&from, err) < 0) ||
            make_target(&to, info.size_bytes, err) < 0 || copy(&from, &to, convert, err) < 0 ||
            flush(&to, convert, err) < 0)
                return -1;
        /* Stopping is the close: others may have it from now on. */
        if (to.started) {
                if (disk_stop(&to.disk, err) < 0)
                        return error_wrap(err, "%.300s was copied, but may be incomplete", to.path);
                to.started = false;
        }
        to.made = false;
        return 0;
}
