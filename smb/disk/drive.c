#include "smb/disk/drive.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/drive-state.h"

static const uint64_t STOP_US = 20 * 1000000;

bool drive_holds_writer(const Drive *d) {
        OwnState s = d->own.state;
        return s == OWN_OWNER || s == OWN_ARMED || s == OWN_RELEASED || s == OWN_GIVING;
}

static void call(Caller *caller, const Error *err) {
        Caller c = *caller;
        *caller = (Caller){ 0 };
        if (c.done)
                c.done(c.userdata, err);
}

static void call_givers(Drive *d, const Error *err) {
        while (d->giver_count > 0)
                call(&d->givers[--d->giver_count], err);
}

/* Events that come from below, not from a caller: the table has them in every state in which they can come. */
static OwnAction happen(Drive *d, OwnEvent event) {
        OwnAction action = OWN_DO_NOTHING;
        Error refused;
        if (ownership_on(&d->own, event, NULL, &action, &refused) < 0)
                return OWN_DO_NOTHING;
        return action;
}

/* ---- what the link reports ----------------------------------------------------------------------- */

static void ignore(void *userdata, const Error *err) {}

void drive_reader_up(Drive *d) {
        bool first = d->own.state == OWN_NONE;
        Error refused;

        (void)happen(d, OWN_ON_READER_UP);
        d->reason = (Error){ 0 };
        drive_changed(d);
        if (!first)
                return;
        io_ready(d);
        if (d->config.acquire_epoch && drive_acquire(d, d->config.acquire_epoch, false, ignore, NULL, &refused) < 0)
                d->reason = refused;
}

void drive_start_failed(Drive *d, const Error *why) {
        d->reason = *why;
        (void)sd_event_source_set_enabled(d->retry, SD_EVENT_OFF);     /* whoever started us decides what is next */
        io_ready(d);
        drive_changed(d);
}

void drive_taken(Drive *d) {
        static const Error none = { 0 };

        if (happen(d, OWN_ON_TAKEN) != OWN_UNPARK)
                return;
        d->acked_writes = d->flushed_writes = 0;
        d->own.dirty = false;
        d->marked = false;
        d->reason = (Error){ 0 };
        io_unpark(d);
        io_retire_reader(d);
        call(&d->taker, &none);
        drive_changed(d);
}

void drive_refused(Drive *d, const Error *why) {
        d->take_when_up = false;
        (void)happen(d, OWN_ON_REFUSED);
        call(&d->taker, why);
        drive_changed(d);
}

static void closed(Drive *d) {
        static const Error none = { 0 };

        d->give_unsure = false;
        if (happen(d, OWN_ON_CLOSED) == OWN_FAIL_IO)
                io_fail_all(d, EIO);
        d->own.dirty = false;
        call_givers(d, &none);
        drive_changed(d);
        drive_step(d);
}

void drive_gone(Drive *d, const Error *why) {
        Error err = *why;

        /* We flushed and sent the CLOSE; that the handle is gone is what we wanted. */
        if (d->own.state == OWN_GIVING && d->give_unsure) {
                closed(d);
                link_suspect(d, why);
                return;
        }
        if (happen(d, OWN_ON_GONE) != OWN_FAIL_IO)
                return;
        (void)error_set(&err, why->kind, why->cause,
                        "the file server has dropped this host's handle on "
                        "'\\\\%.80s\\%.80s\\%.200s' (status 0x%08X); turn the VM off and start it again",
                        d->config.unc.host, d->config.unc.share, d->config.unc.path, (unsigned)why->cause);
        d->reason = err;
        io_fail_all(d, EIO);
        call_givers(d, &err);
        link_suspect(d, &err);          /* on_retry() drops the session and, in LOST, goes no further */
        drive_changed(d);
}

static void begin_giving(Drive *d) {
        d->give_step = GIVE_DRAIN;
        d->give_unsure = false;
        drive_changed(d);
        drive_step(d);
}

void drive_lease_broken(Drive *d) {
        OwnAction action = happen(d, OWN_ON_BREAK);
        if (action == OWN_KEEP)
                link_keep_lease(d);
        else if (action == OWN_CLOSE_WRITER)
                begin_giving(d);
}

/* ---- giving: drain, flush, close ------------------------------------------------------------------ */

static void on_given(void *userdata, const Error *err) {
        Drive *d = userdata;

        if (err->kind != ERROR_NONE && link_is_broken_by(err)) {
                d->give_unsure = true;
                link_suspect(d, err);
                return;
        }
        closed(d);      /* any other answer says that there is no such handle */
}

static void on_give_flushed(void *userdata, const Error *err) {
        Drive *d = userdata;
        Error outcome = *err;

        if (d->own.state != OWN_GIVING)
                return;
        d->give_step = GIVE_DRAIN;      /* from where a broken connection resumes */
        if (outcome.kind == ERROR_NONE) {
                SmbFile *file = take_ptr(d->writer.file);
                d->give_step = GIVE_CLOSE;
                d->own.dirty = false;
                if (smb_close(file, on_given, d, &outcome) < 0)
                        on_given(d, &outcome);
        } else if (link_is_broken_by(&outcome)) {
                link_suspect(d, &outcome);
        } else if (link_handle_is_gone(&outcome)) {
                drive_gone(d, &outcome);
        } else {
                (void)happen(d, OWN_ON_CLOSE_FAILED);
                (void)error_wrap(&outcome, "the disk stays here: it could not be flushed");
                call_givers(d, &outcome);
                drive_changed(d);
        }
}

static void step_giving(Drive *d) {
        Error err;

        if (d->link != LINK_UP || !d->writer.file || d->give_step == GIVE_FLUSH || d->writer.busy > 0 ||
            d->stalled.first)
                return;
        d->give_step = GIVE_FLUSH;
        if (smb_flush(d->writer.file, on_give_flushed, d, &err) < 0)
                on_give_flushed(d, &err);
}

/* ---- stopping ------------------------------------------------------------------------------------- */

static void stopped(Drive *d, const Error *err) {
        (void)sd_event_source_set_enabled(d->stop_timer, SD_EVENT_OFF);
        call(&d->stopper, err);
}

static void on_stop_closed(void *userdata, const Error *err) { stopped(userdata, err); }

static void on_stop_flushed(void *userdata, const Error *err) {
        Drive *d = userdata;
        Error ignored;
        SmbFile *file = take_ptr(d->writer.file);

        /* Flushed or not, there is nobody left to tell; close, so that others can have the file. */
        if (!file || smb_close(file, on_stop_closed, d, &ignored) < 0)
                stopped(d, err);
}

static int on_stop_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Error err;
        (void)error_set(&err, ERROR_TIMEOUT, 0,
                        "the file server did not answer in time; it will close the handle itself");
        stopped(userdata, &err);
        return 0;
}

static void step_stopping(Drive *d) {
        static const Error none = { 0 };
        Error err;

        if (d->own.state == OWN_GIVING && d->link == LINK_UP) {
                step_giving(d);
                return;
        }
        if (d->link != LINK_UP || (!d->writer.file && d->reader.busy == 0)) {
                stopped(d, d->link == LINK_UP ? &none : &d->link_error);
                return;
        }
        if (d->writer.busy > 0 || d->reader.busy > 0 || d->stop_flushed)
                return;
        d->stop_flushed = true;
        if (smb_flush(d->writer.file, on_stop_flushed, d, &err) < 0)
                on_stop_flushed(d, &err);
}

void drive_step(Drive *d) {
        if (d->stopping)
                step_stopping(d);
        else if (d->own.state == OWN_GIVING)
                step_giving(d);
}

void drive_stop(Drive *d, DriveDone done, void *userdata) {
        Error cancelled;

        if (d->stopping)
                return;
        (void)error_set(&cancelled, ERROR_CANCELLED, 0, "the disk process is stopping");
        d->stopping = true;
        d->stopper = (Caller){ done, userdata };
        (void)sd_event_source_set_time_relative(d->stop_timer, STOP_US);
        (void)sd_event_source_set_enabled(d->stop_timer, SD_EVENT_ONESHOT);
        io_fail_all(d, ESHUTDOWN);
        call(&d->taker, &cancelled);
        drive_step(d);
}

/* ---- what the node asks for ----------------------------------------------------------------------- */

static int is_open_for_business(const Drive *d, Error *err) {
        return d->stopping ? error_set(err, ERROR_CANCELLED, 0, "the disk process is stopping") : 0;
}

static int take(Drive *d, OwnEvent event, const OwnArgs *args, DriveDone done, void *userdata, Error *err) {
        OwnAction action;

        if (is_open_for_business(d, err) < 0 || ownership_on(&d->own, event, args, &action, err) < 0)
                return -1;
        assert(action == OWN_OPEN_WRITER && !d->taker.done);
        d->taker = (Caller){ done, userdata };
        link_open_writer(d);
        return 0;
}

int drive_acquire(Drive *d, uint64_t epoch, bool unchanged, DriveDone done, void *userdata, Error *err) {
        bool before = d->must_be_unchanged;

        d->must_be_unchanged = unchanged;
        if (take(d, OWN_ON_ACQUIRE, &(OwnArgs){ .epoch = epoch }, done, userdata, err) == 0)
                return 0;
        d->must_be_unchanged = before;  /* of the open that may be under way */
        return -1;
}

int drive_take_back(Drive *d, const char *token, uint64_t epoch, DriveDone done, void *userdata, Error *err) {
        d->must_be_unchanged = false;
        return take(d, OWN_ON_TAKE_BACK, &(OwnArgs){ .token = token, .epoch = epoch }, done, userdata, err);
}

int drive_give(Drive *d, const char *token, uint64_t epoch, DriveDone done, void *userdata, Error *err) {
        static const Error none = { 0 };
        OwnAction action;

        if (is_open_for_business(d, err) < 0)
                return -1;
        if (d->giver_count == DRIVE_GIVERS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "%d callers wait for this disk to be given already",
                                 DRIVE_GIVERS_MAX);
        if (ownership_on(&d->own, OWN_ON_GIVE, &(OwnArgs){ .token = token, .epoch = epoch }, &action, err) < 0)
                return -1;
        if (d->own.state == OWN_GIVEN) {
                done(userdata, &none);
                return 0;
        }
        d->givers[d->giver_count++] = (Caller){ done, userdata };
        if (action == OWN_CLOSE_WRITER)
                begin_giving(d);
        return 0;
}

static int plain(Drive *d, OwnEvent event, const char *token, Error *err) {
        OwnAction action;
        if (is_open_for_business(d, err) < 0 ||
            ownership_on(&d->own, event, &(OwnArgs){ .token = token }, &action, err) < 0)
                return -1;
        drive_changed(d);
        return 0;
}

int drive_arm(Drive *d, const char *token, Error *err) { return plain(d, OWN_ON_ARM, token, err); }

int drive_disarm(Drive *d, const char *token, Error *err) { return plain(d, OWN_ON_DISARM, token, err); }

int drive_release(Drive *d, const char *token, Error *err) { return plain(d, OWN_ON_RELEASE, token, err); }

/* ---- birth, facts, death -------------------------------------------------------------------------- */

void drive_facts(const Drive *d, DriveFacts *ret) {
        *ret = (DriveFacts){
                .own = d->own,
                .reason = d->reason,
                .connected = d->link == LINK_UP,
                .size_bytes = d->size_bytes,
                .wanted = d->wanted,
                .bytes_read = d->bytes_read,
                .bytes_written = d->bytes_written,
                .writes_parked = d->writes_parked,
                .maximal_access = d->maximal_access,
                .durable = drive_holds_writer(d) && d->term_opened.durable &&
                           (d->term_opened.lease & SMB_LEASE_HANDLE),
        };
        (void)memcpy(ret->file_id, d->file_id, sizeof ret->file_id);
        (void)memcpy(ret->volume_id, d->volume_id, sizeof ret->volume_id);
        const SmbFacts *facts = d->session && d->link == LINK_UP ? smb_session_facts(d->session) : NULL;
        if (facts) {
                ret->dialect = facts->dialect;
                ret->cipher = facts->cipher;
                ret->sealed = facts->sealed;
        }
}

void drive_on_change(Drive *d, void (*changed)(void *userdata), void *userdata) {
        d->changed = changed;
        d->changed_userdata = userdata;
}

DEFINE_FREEP(Drive, drive_free);

int drive_new(sd_event *event, const DiskConfig *config, Drive **ret, Error *err) {
        auto_(drive_freep) Drive *d = calloc(1, sizeof *d);
        if (!d)
                return error_oom(err);
        d->event = sd_event_ref(event);
        d->config = *config;
        io_init(d);
        if (link_init(d, err) < 0)
                return -1;
        int r = sd_event_add_time_relative(event, &d->stop_timer, CLOCK_MONOTONIC, 0, 0, on_stop_late, d);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make a timer");
        (void)sd_event_source_set_enabled(d->stop_timer, SD_EVENT_OFF);
        link_start(d);
        *ret = take_ptr(d);
        return 0;
}

void drive_free(Drive *d) {
        if (!d)
                return;
        d->stopping = true;
        d->changed = NULL;
        d->stopper = d->taker = (Caller){ 0 };
        d->giver_count = 0;
        link_done(d);
        io_fail_all(d, ESHUTDOWN);
        (void)sd_event_source_disable_unref(d->stop_timer);
        (void)sd_event_unref(d->event);
        free(d);
}
