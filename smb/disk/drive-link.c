#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "appliance/base/bytes.h"
#include "appliance/base/clock.h"
#include "smb/disk/drive-state.h"

enum {
        DURABLE_TIMEOUT_MS = 60 * 1000, /* asked for; Samba grants min(this, 300 s) */
};
static const uint64_t SLACK_US = 15 * 1000000;          /* the server noticed the break later than we did */
static const uint64_t BUSY_US = 3 * 1000000, RETRY_FIRST_US = 200 * 1000, RETRY_MAX_US = 5 * 1000000,
                      KEEP_ALIVE_US = 5 * 1000000;

enum { SHARE_CONTINUOUS_AVAILABILITY = 0x10 };          /* [MS-SMB2] 2.2.10 */
enum { READER_ACCESS = SMB_READ_DATA | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE,
       WRITER_ACCESS = READER_ACCESS | SMB_WRITE_DATA | SMB_APPEND_DATA | SMB_WRITE_ATTRIBUTES };
/* The least makes the handle durable, and who wants to write rings.  With all of it nobody else reads, and the server need
 * not find out at each write whom to tell of it (a quarter more writes a second); nothing is kept back here. */
enum { LEASE_LEAST = SMB_LEASE_READ | SMB_LEASE_HANDLE,
       LEASE_ALL = LEASE_LEAST | SMB_LEASE_WRITE };

/* [MS-ERREF] 2.3: what the server says when it has forgotten a session or a handle. */
static const unsigned broken[] = {
        0xC0000203 /* USER_SESSION_DELETED */, 0xC00000C9 /* NETWORK_NAME_DELETED */,
        0xC000035C /* NETWORK_SESSION_EXPIRED */, 0xC000020C /* CONNECTION_DISCONNECTED */,
        0xC0000467 /* FILE_NOT_AVAILABLE */,
};
static const unsigned gone[] = {
        0xC0000128 /* FILE_CLOSED */, 0xC00000B6 /* FILE_FORCED_CLOSED */, 0xC0000008 /* INVALID_HANDLE */,
};

enum { IO_TIMEOUT = 0xC00000B5 };       /* the server's own storage; the connection is fine */

static bool is_one_of(int cause, const unsigned *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if ((unsigned)cause == list[i])
                        return true;
        return false;
}

bool link_handle_is_gone(const Error *err) {
        return is_one_of(err->cause, gone, sizeof gone / sizeof gone[0]);
}

bool link_is_broken_by(const Error *err) {
        if (link_handle_is_gone(err) || (unsigned)err->cause == IO_TIMEOUT)
                return false;
        return err->kind == ERROR_UNREACHABLE || err->kind == ERROR_TIMEOUT || err->kind == ERROR_CANCELLED ||
               err->kind == ERROR_PROTOCOL || is_one_of(err->cause, broken, sizeof broken / sizeof broken[0]);
}

static void schedule(Drive *d, uint64_t in_us) {
        (void)sd_event_source_set_time_relative(d->retry, in_us);
        (void)sd_event_source_set_enabled(d->retry, SD_EVENT_ONESHOT);
}

static void ignore(void *userdata, const Error *err) {}

/* ---- down ---------------------------------------------------------------------------------------- */

static void go_down(Drive *d, const Error *why) {
        d->link = LINK_DOWN;
        d->link_error = *why;
        if (d->down_since_us == 0) {
                d->down_since_us = clock_us(CLOCK_MONOTONIC);
                d->attempts = 0;
        }
}

void link_suspect(Drive *d, const Error *why) {
        if (d->link == LINK_DOWN)
                return;
        go_down(d, why);
        schedule(d, 0);         /* not here: the engine is in the middle of a callback */
}

/* An attempt to come up ended; the next one is made by on_retry(). */
static void link_failed(Drive *d, const Error *why) {
        go_down(d, why);
        uint64_t wait_us = RETRY_FIRST_US << (d->attempts < 5 ? d->attempts : 5);
        schedule(d, wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
        d->attempts++;
        if (d->own.state == OWN_NONE)
                drive_start_failed(d, why);
        else if (d->take_when_up)
                drive_refused(d, why);
}

static void drop_session(Drive *d) {
        SmbSession *session = d->session;

        d->link = LINK_DOWN;
        d->session = NULL;
        d->reader.file = d->writer.file = NULL;
        d->raising = d->broken_meanwhile = d->echoing = false;
        smb_session_free(session);      /* answers what is outstanding: those requests end up in stalled */
}

static bool is_too_late(const Drive *d) {
        if (!d->term_opened.durable)
                return true;
        return clock_us(CLOCK_MONOTONIC) - d->down_since_us > (uint64_t)d->term_opened.durable_timeout_ms * 1000 + SLACK_US;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Drive *d = userdata;
        OwnState s = d->own.state;

        drop_session(d);
        if (d->stopping) {
                drive_step(d);
        } else if (drive_holds_writer(d) && is_too_late(d)) {
                drive_gone(d, &d->link_error);
        } else if (drive_holds_writer(d) || s == OWN_READER || s == OWN_TAKING || s == OWN_RETAKING) {
                link_start(d);
        }
        return 0;
}

static void on_lost(void *userdata, const Error *why) { link_suspect(userdata, why); }

/* ---- up ------------------------------------------------------------------------------------------ */

static void link_up(Drive *d) {
        d->link = LINK_UP;
        d->down_since_us = 0;
        d->attempts = 0;
        io_resume(d);
        drive_step(d);
        drive_changed(d);
}

/* The first open tells what the file is; later ones must find the same. */
static int same_file(Drive *d, const SmbOpened *opened, Error *err) {
        if (!d->has_file) {
                d->has_file = true;
                d->size_bytes = opened->size_bytes;
                d->has_disk_id = opened->has_disk_id;
                (void)memcpy(d->file_id, opened->disk_file_id, sizeof d->file_id);
                (void)memcpy(d->volume_id, opened->volume_id, sizeof d->volume_id);
        }
        if (opened->maximal_access)
                d->maximal_access = opened->maximal_access;
        if (d->has_disk_id && opened->has_disk_id &&
            (memcmp(d->file_id, opened->disk_file_id, sizeof d->file_id) != 0 ||
             memcmp(d->volume_id, opened->volume_id, sizeof d->volume_id) != 0))
                return error_set(err, ERROR_CONFLICT, 0,
                                 "'%.300s' is another file than the one this disk started with; "
                                 "stop the VM and start it again",
                                 d->config.unc.path);
        if (d->size_bytes != opened->size_bytes)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "'%.300s' has %llu bytes now and had %llu when this disk started; "
                                 "stop the VM and start it again",
                                 d->config.unc.path, (unsigned long long)opened->size_bytes,
                                 (unsigned long long)d->size_bytes);
        return 0;
}

static void on_reader_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Drive *d = userdata;
        Error wrong;

        if (err->kind != ERROR_NONE) {
                link_failed(d, err);
        } else if (same_file(d, opened, &wrong) < 0) {
                (void)!smb_close(file, ignore, NULL, &(Error){ 0 });
                link_failed(d, &wrong);
        } else {
                bool take = d->take_when_up;
                d->take_when_up = false;
                d->reader.file = file;
                link_up(d);
                drive_reader_up(d);
                if (take)
                        link_open_writer(d);
        }
}

static int open_reader(Drive *d, Error *err) {
        SmbOpenHow how = { .access = READER_ACCESS, .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE,
                           .disposition = SMB_OPEN, .options = SMB_OPTION_NON_DIRECTORY };
        (void)memcpy(how.path, d->config.unc.path, sizeof how.path);
        return smb_open(d->session, &how, on_reader_opened, d, err);
}

static void on_lease_broken(void *userdata, uint32_t now, bool ack_required) {
        Drive *d = userdata;
        d->term_opened.lease = now;
        d->broken_meanwhile = true;
        if (now & SMB_LEASE_HANDLE)     /* somebody reads: nothing stands in his way, and nobody asks for the file */
                link_keep_lease(d);
        else
                drive_lease_broken(d);
}

/* DH2C.  The server ended our old session when we signed in again (previous_session), so "no such name" means that
 * the handle is gone; except that a server which is still busy with our last requests may say so for a moment. */
static void on_reopened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Drive *d = userdata;

        if (err->kind == ERROR_NONE) {
                d->writer.file = file;
                d->term_opened.file_id[0] = opened->file_id[0];
                d->term_opened.file_id[1] = opened->file_id[1];
                d->term_opened.lease = opened->lease;
                smb_file_on_lease_broken(file, on_lease_broken, d);
                link_up(d);
        } else if (link_is_broken_by(err) || (err->kind == ERROR_NOT_FOUND && !d->give_unsure &&
                                              clock_us(CLOCK_MONOTONIC) - d->down_since_us < BUSY_US)) {
                link_failed(d, err);
        } else {
                drive_gone(d, err);
        }
}

static int reopen_writer(Drive *d, Error *err) {
        SmbOpenHow how = d->term;
        how.reconnect = true;
        how.reconnect_id[0] = d->term_opened.file_id[0];
        how.reconnect_id[1] = d->term_opened.file_id[1];
        return smb_open(d->session, &how, on_reopened, d, err);
}

static void on_connected(void *userdata, const Error *outcome) {
        Drive *d = userdata;
        Error err = *outcome;
        int r = 0;

        if (err.kind == ERROR_NONE) {
                d->link = LINK_OPENING;
                d->previous_session = smb_session_id(d->session);
                if (drive_holds_writer(d)) {
                        r = reopen_writer(d, &err);
                } else if (d->own.state == OWN_RETAKING) {
                        d->take_when_up = false;
                        link_up(d);
                        link_open_writer(d);
                } else {
                        r = open_reader(d, &err);
                }
        }
        if (r < 0 || outcome->kind != ERROR_NONE)
                link_failed(d, &err);
}

void link_start(Drive *d) {
        SmbConfig config = { .protection = d->config.protection, .port = d->config.port,
                             .ccache = *d->config.ccache ? d->config.ccache : NULL,
                             .previous_session = d->previous_session };
        Error err;

        (void)snprintf(config.host, sizeof config.host, "%s", d->config.unc.host);
        (void)snprintf(config.share, sizeof config.share, "%s", d->config.unc.share);
        (void)memcpy(config.client_guid, d->client_guid, sizeof config.client_guid);
        d->link = LINK_CONNECTING;
        if (smb_session_new(d->event, &config, &d->session, &err) < 0) {
                link_failed(d, &err);
                return;
        }
        smb_session_on_lost(d->session, on_lost, d);
        if (smb_session_connect(d->session, on_connected, d, &err) < 0)
                link_failed(d, &err);
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static void explain_refusal(const Drive *d, Error *err) {
        if (err->kind == ERROR_CONFLICT)
                (void)error_set(err, ERROR_CONFLICT, err->cause,
                                "another host or program has '\\\\%.80s\\%.80s\\%.200s' open: stop the VM there, "
                                "or, when that host is dead, close the file on the server (Close-SmbOpenFile)",
                                d->config.unc.host, d->config.unc.share, d->config.unc.path);
}

/* ---- has somebody written since? ------------------------------------------------------------------ */

enum { NETWORK_OPEN_INFORMATION = 34, NETWORK_OPEN_SIZE = 56, LAST_WRITE_AT = 16 };     /* [MS-FSCC] 2.4.33 */

static void on_marked(void *userdata, const void *out, uint32_t size, const Error *err) {
        Drive *d = userdata;

        d->reader.busy--;
        if (err->kind == ERROR_NONE && size >= NETWORK_OPEN_SIZE) {
                Reader r = reader_of(out, size);
                read_skip(&r, LAST_WRITE_AT);
                d->mark = read_u64(&r);
                d->marked = true;
        } else if (link_is_broken_by(err)) {
                link_suspect(d, err);
        }
        io_retire_reader(d);
        drive_step(d);
}

void drive_mark(Drive *d) {
        Error ignored;

        if (!d->marked && d->link == LINK_UP && d->reader.file && !d->stopping &&
            smb_query_info(d->reader.file, SMB_INFO_FILE, NETWORK_OPEN_INFORMATION, 0, NETWORK_OPEN_SIZE, on_marked, d,
                           &ignored) == 0)
                d->reader.busy++;
}

static int is_unchanged(const Drive *d, const SmbOpened *opened, Error *err) {
        if (!d->must_be_unchanged || (d->marked && d->mark == opened->last_write))
                return 0;
        return error_set(err, ERROR_CONFLICT, 0, "'\\\\%.80s\\%.80s\\%.200s' %s", d->config.unc.host, d->config.unc.share,
                         d->config.unc.path,
                         d->marked ? "was written by another host after this one had noted how it stands; what waits here "
                                     "is older than the disk"
                                   : "could not be looked at when the machine arrived; nobody knows whether another host "
                                     "has written it since");
}

static void on_writer_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *outcome) {
        Drive *d = userdata;
        Error err = *outcome;

        if (err.kind == ERROR_NONE && !d->stopping && same_file(d, opened, &err) == 0 &&
            is_unchanged(d, opened, &err) == 0) {
                d->writer.file = file;
                d->term_opened = *opened;
                smb_file_on_lease_broken(file, on_lease_broken, d);
                (void)!smb_set_sparse(file, ignore, NULL, &(Error){ 0 });
                drive_taken(d);
                return;
        }
        if (file)
                (void)!smb_close(file, ignore, NULL, &(Error){ 0 });
        if (link_is_broken_by(&err))
                link_suspect(d, &err);
        if (outcome->kind != ERROR_NONE)
                explain_refusal(d, &err);
        if (err.kind == ERROR_NONE)
                (void)error_set(&err, ERROR_CANCELLED, 0, "the disk process is stopping");
        drive_refused(d, &err);
}

/* Rule A: ShareAccess is READ here and nowhere else is anything opened for writing. */
void link_open_writer(Drive *d) {
        SmbOpenHow how = { .access = WRITER_ACCESS, .share = SMB_SHARE_READ, .disposition = SMB_OPEN,
                           .options = SMB_OPTION_NON_DIRECTORY, .lease = LEASE_ALL, .durable = true,
                           .durable_timeout_ms = DURABLE_TIMEOUT_MS, .app_instance = true,
                           .app_instance_version = d->own.epoch };
        Error err;

        if (d->link != LINK_UP) {
                d->take_when_up = true;
                if (d->link == LINK_DOWN)
                        schedule(d, 0);
                return;
        }
        (void)memcpy(how.path, d->config.unc.path, sizeof how.path);
        if (smb_session_facts(d->session)->share_capabilities & SHARE_CONTINUOUS_AVAILABILITY) {
                how.persistent = true;
                how.options |= SMB_OPTION_WRITE_THROUGH;        /* see drive.h */
        }
        if (gnutls_rnd(GNUTLS_RND_NONCE, how.lease_key, sizeof how.lease_key) < 0 ||
            gnutls_rnd(GNUTLS_RND_NONCE, how.create_guid, sizeof how.create_guid) < 0 ||
            gnutls_rnd(GNUTLS_RND_NONCE, how.app_instance_id, sizeof how.app_instance_id) < 0) {
                (void)error_set(&err, ERROR_INTERNAL, 0, "no random numbers");
                drive_refused(d, &err);
                return;
        }
        d->term = how;
        if (smb_open(d->session, &how, on_writer_opened, d, &err) < 0)
                drive_refused(d, &err);
}

/* ---- the lease ----------------------------------------------------------------------------------- */

static void raise_to_least(Drive *d);

static void on_raised(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Drive *d = userdata;
        bool stale = d->broken_meanwhile;       /* the answer may be older than the break */

        d->raising = d->broken_meanwhile = false;
        if (err->kind != ERROR_NONE)
                return;
        if (!stale)
                d->term_opened.lease |= opened->lease;
        (void)!smb_close(file, ignore, NULL, &(Error){ 0 });
        if (stale)
                raise_to_least(d);
}

/* A broken lease keeps the handle but not its durability.  Opening the file once more with the same lease key raises the
 * lease: such an open shares everything.  A server raises only to more than there is.  Who asks for no data conflicts with
 * nobody, and is told nothing of who else reads either: for the write lease data is asked for, or others would go on
 * reading what they have cached. */
static void raise_lease(Drive *d, uint32_t wanted) {
        SmbOpenHow how = { .access = SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE, .disposition = SMB_OPEN,
                           .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE,
                           .options = SMB_OPTION_NON_DIRECTORY, .lease = wanted | d->term_opened.lease };
        Error ignored;

        if (d->raising || d->link != LINK_UP || !d->writer.file || (d->term_opened.lease & wanted) == wanted ||
            !d->term_opened.durable)
                return;
        if (how.lease & ~d->term_opened.lease & SMB_LEASE_WRITE)
                how.access |= SMB_READ_DATA;
        (void)memcpy(how.path, d->term.path, sizeof how.path);
        (void)memcpy(how.lease_key, d->term.lease_key, sizeof how.lease_key);
        d->broken_meanwhile = false;
        d->raising = smb_open(d->session, &how, on_raised, d, &ignored) == 0;
}

/* All of it at once would be broken again by a reader who waits. */
static void raise_to_least(Drive *d) { raise_lease(d, LEASE_LEAST); }

void link_raise_lease(Drive *d) {
        bool durable = d->term_opened.lease & SMB_LEASE_HANDLE;
        raise_lease(d, durable && d->own.state == OWN_OWNER ? LEASE_ALL : LEASE_LEAST);
}

static void on_acknowledged(void *userdata, const Error *err) {
        Drive *d = userdata;
        if (err->kind == ERROR_NONE)
                raise_to_least(d);
        else if (link_is_broken_by(err))
                link_suspect(d, err);
}

void link_keep_lease(Drive *d) {
        Error err;
        if (d->writer.file && smb_lease_ack(d->writer.file, on_acknowledged, d, &err) < 0)
                link_suspect(d, &err);
}

static void on_echo(void *userdata, const Error *err) {
        Drive *d = userdata;
        d->echoing = false;
        if (err->kind != ERROR_NONE)
                link_suspect(d, err);
}

/* A guest that only computes must still learn that its disk is gone, and the lease must not stay broken. */
static int on_keep_alive(sd_event_source *source, uint64_t usec, void *userdata) {
        Drive *d = userdata;
        Error ignored;

        if (d->link == LINK_UP && !d->echoing)
                d->echoing = smb_echo(d->session, on_echo, d, &ignored) == 0;
        if (drive_holds_writer(d))
                link_raise_lease(d);
        (void)sd_event_source_set_time_relative(source, KEEP_ALIVE_US);
        return 0;
}

int link_init(Drive *d, Error *err) {
        int r = disk_client_guid(&d->config, d->client_guid, err);
        if (r < 0)
                return -1;
        r = sd_event_add_time_relative(d->event, &d->retry, CLOCK_MONOTONIC, 0, 1000, on_retry, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(d->event, &d->keep_alive, CLOCK_MONOTONIC, KEEP_ALIVE_US, 0,
                                               on_keep_alive, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->keep_alive, SD_EVENT_ON);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot make a timer") : 0;
}

void link_done(Drive *d) {
        drop_session(d);
        d->retry = sd_event_source_disable_unref(d->retry);
        d->keep_alive = sd_event_source_disable_unref(d->keep_alive);
}
