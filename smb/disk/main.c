/* main.c — holdfast-disk: one disk on an SMB 3 share, served to QEMU over NBD
 *
 *      holdfast-disk config=FILE
 *      holdfast-disk unc=… nbd-socket=… [control-socket=…] [ccache=…] [protection=…] [port=…] [acquire=…]
 *
 * One thread, one loop: the NBD server, the drive and its control socket.  The NBD socket may also be handed over by
 * the service manager (sd_listen_fds(3)).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/control.h"
#include "smb/disk/drive.h"
#include "smb/disk/nbd.h"

/* One per change of ownership: `journalctl MESSAGE_ID=…` is the history of a disk. */
#define OWNERSHIP_MESSAGE_ID "7c0a5be2d19f4c64a4f4b4d2a9a8d3f1"

static const uint64_t COMPLAINTS_US = 1000000;

static const char help[] =
        "usage: holdfast-disk KEY=VALUE…\n\n"
        "  config=FILE           JSON with Unc, ControlSocket, NbdSocket, Protection, CCache\n"
        "  unc=\\\\HOST\\SHARE\\FILE  the disk\n"
        "  nbd-socket=PATH       where to serve it, for this user and group\n"
        "  control-socket=PATH   varlink io.holdfast.Disk\n"
        "  protection=encrypt    or sign, or server (as little as the server allows)\n"
        "  ccache=FILE:PATH      Kerberos credentials; default KRB5CCNAME\n"
        "  port=NUMBER           of the file server; default 445\n"
        "  acquire=EPOCH         take the disk at once (benchmarks)\n";

typedef struct Process {
        DiskConfig config;
        sd_event *event;
        Drive *drive;
        Control *control;
        Nbd *nbd;
        OwnState told;
        uint64_t complained_us;
} Process;

/* ---- telling ------------------------------------------------------------------------------------- */

static void on_changed(void *userdata) {
        Process *p = userdata;
        DriveFacts f;
        char unc[UNC_TEXT_MAX + 1];

        if (p->control)
                control_changed(p->control);
        drive_facts(p->drive, &f);
        if (f.own.state == p->told && f.own.state != OWN_NONE)
                return;
        p->told = f.own.state;
        unc_text(&p->config.unc, unc);
        const char *state = ownership_state_name(f.own.state);
        (void)sd_notifyf(0, "STATUS=%s, epoch %llu", state, (unsigned long long)f.own.epoch);
        (void)sd_journal_send("MESSAGE=%s: %s, epoch %llu%s%s", unc, state, (unsigned long long)f.own.epoch,
                              *f.reason.text ? ": " : "", f.reason.text, "MESSAGE_ID=" OWNERSHIP_MESSAGE_ID,
                              "PRIORITY=%d", f.reason.kind == ERROR_NONE ? 6 : 3, "DISK=%s", unc, "STATE=%s", state,
                              "EPOCH=%llu", (unsigned long long)f.own.epoch, "ERROR_KIND=%s",
                              error_kind_name(f.reason.kind), "CAUSE=0x%08X", (unsigned)f.reason.cause, NULL);
}

/* A guest that goes on with a failing disk fails often: one line a second tells as much. */
static void on_complaint(void *userdata, const Error *why) {
        Process *p = userdata;
        uint64_t now;

        if (sd_event_now(p->event, CLOCK_MONOTONIC, &now) < 0 || now < p->complained_us + COMPLAINTS_US)
                return;
        p->complained_us = now;
        (void)sd_journal_send("MESSAGE=%s", why->text, "PRIORITY=3", "ERROR_KIND=%s", error_kind_name(why->kind),
                              "CAUSE=0x%08X", (unsigned)why->cause, NULL);
}

/* ---- NBD to the drive ----------------------------------------------------------------------------- */

static void on_submit(void *userdata, Request *request) { drive_submit(((Process *)userdata)->drive, request); }

static void on_withdraw(void *userdata, const void *client) { drive_withdraw(((Process *)userdata)->drive, client); }

static const NbdBackend backend = { on_submit, on_withdraw, on_complaint };

/* ---- the end -------------------------------------------------------------------------------------- */

static void on_stopped(void *userdata, const Error *err) { (void)sd_event_exit(((Process *)userdata)->event, 0); }

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Process *p = userdata;
        (void)sd_notify(0, "STOPPING=1");
        drive_stop(p->drive, on_stopped, p);
        return 0;
}

/* The drive first: it answers what the NBD server still has under way. */
static void process_done(Process *p) {
        control_free(p->control);
        drive_free(p->drive);
        nbd_free(p->nbd);
        (void)sd_event_unref(p->event);
}

/* ---- the beginning -------------------------------------------------------------------------------- */

static int nbd_socket(const DiskConfig *config, Error *err) {
        int n = sd_listen_fds(1);
        if (n > 1)
                return error_set(err, ERROR_INVALID, 0, "%d sockets were handed over; a disk has one", n);
        if (n == 1 && fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) == 0)
                return SD_LISTEN_FDS_START;
        if (!*config->nbd_socket)
                return error_set(err, ERROR_INVALID, 0,
                                 "there is nowhere to serve the disk; give nbd-socket= or config=");
        return nbd_listen(config->nbd_socket, err);
}

static int watch_signals(Process *p, Error *err) {
        static const int signals[] = { SIGTERM, SIGINT };
        int r = signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
        for (size_t i = 0; i < ARRAY_SIZE(signals) && r >= 0; i++)
                r = sd_event_add_signal(p->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK, on_signal, p);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot watch for signals: %s", strerror(-r)) : 0;
}

static int begin(Process *p, Error *err) {
        int r = sd_event_new(&p->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop: %s", strerror(-r));
        if (watch_signals(p, err) < 0)
                return -1;
        auto_fd int fd = nbd_socket(&p->config, err);
        if (fd < 0 || drive_new(p->event, &p->config, &p->drive, err) < 0)
                return -1;
        if (*p->config.control_socket &&
            control_new(p->event, p->config.control_socket, p->drive, &p->control, err) < 0)
                return -1;
        drive_on_change(p->drive, on_changed, p);
        if (nbd_new(p->event, take_fd(fd), &backend, p, &p->nbd, err) < 0)
                return -1;
        (void)sd_notify(0, "READY=1");
        return 0;
}

static int configure(DiskConfig *config, char **words, Error *err) {
        disk_config_init(config);
        for (; *words; words++) {
                char *value = strchr(*words, '=');
                if (!value)
                        return error_set(err, ERROR_INVALID, 0, "'%.60s' is not KEY=VALUE; see holdfast-disk --help",
                                         *words);
                *value++ = '\0';
                if (disk_config_set(config, *words, value, err) < 0)
                        return -1;
        }
        return disk_config_check(config, err);
}

int main(int argc, char **argv) {
        Process p = { 0 };
        Error err = { 0 };
        int r = -1;

        if (argc < 2 || strcmp(argv[1], "--help") == 0)
                return fputs(help, argc < 2 ? stderr : stdout) < 0 || argc < 2;
        if (configure(&p.config, argv + 1, &err) == 0 && begin(&p, &err) == 0) {
                r = sd_event_loop(p.event);
                if (r < 0)
                        (void)error_set(&err, ERROR_INTERNAL, -r, "the event loop failed: %s", strerror(-r));
        }
        if (r < 0)
                (void)fprintf(stderr, "holdfast-disk: %s\n", err.text);
        process_done(&p);
        /* A sign-in may still wait for a KDC on its thread: the destructors of the libraries must not run beside it. */
        _exit(r < 0);
}
