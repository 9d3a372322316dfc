#include <errno.h>
#include <string.h>

#include "smb/disk/drive-state.h"

enum { STATUS_DISK_FULL = (int)0xC000007F, STATUS_QUOTA_EXCEEDED = (int)0xC0000044 };

/* What a WRITE of zeroes sends, part by part. */
static const uint8_t zeroes[64 * 1024];

static int errno_of(const Error *err) {
        if (err->cause == STATUS_DISK_FULL || err->cause == STATUS_QUOTA_EXCEEDED)
                return ENOSPC;
        return err->kind == ERROR_UNSUPPORTED ? EOPNOTSUPP : EIO;
}

static Handle *handle_of(Drive *d, const Request *r) { return r->on_writer ? &d->writer : &d->reader; }

/* ---- the end of a request --------------------------------------------------------------------- */

static void count(Drive *d, const Request *r) {
        if (r->kind == REQUEST_READ)
                d->bytes_read += r->size;
        bool writes = r->kind == REQUEST_WRITE || r->kind == REQUEST_ZERO || r->kind == REQUEST_TRIM;
        if (writes)
                d->bytes_written += r->size;
        if (writes && !r->fua)
                d->acked_writes++;
        if (r->kind == REQUEST_FLUSH && r->mark > d->flushed_writes)
                d->flushed_writes = r->mark;
        d->own.dirty = d->acked_writes != d->flushed_writes;
}

static void on_step_done(void *userdata, const Error *err);

static bool needs_flush(const Request *r) {
        return r->fua && !r->flushing && (r->kind == REQUEST_ZERO || r->kind == REQUEST_TRIM);
}

/* Every part of @r came back. */
static void finish(Drive *d, Request *r) {
        Handle *h = handle_of(d, r);

        if (r->error == 0 && !r->again && needs_flush(r)) {
                Error err = { 0 };
                r->flushing = true;
                r->outstanding = 1;
                if (smb_flush(h->file, on_step_done, r, &err) == 0)
                        return;
                r->outstanding = 0;
                r->error = errno_of(&err);
                r->why = err;
        }
        h->busy--;
        if (r->again && r->error == 0) {
                if (d->stopping || d->own.state == OWN_LOST) {
                        r->error = EIO;
                } else {
                        list_push(&d->stalled, r);
                        return;
                }
        }
        if (r->error == 0)
                count(d, r);
        request_answer(r, r->error);
        if (h->busy == 0) {
                io_retire_reader(d);
                drive_step(d);
        }
}

/* What an answer to a part of @r means for all of it. */
static void note(Drive *d, Request *r, const Error *err) {
        if (err->kind == ERROR_NONE)
                return;
        if (link_is_broken_by(err) || (!r->on_writer && link_handle_is_gone(err))) {
                r->again = true;
                link_suspect(d, err);
        } else {
                if (r->error == 0) {
                        r->error = errno_of(err);
                        r->why = *err;
                }
                if (r->on_writer && link_handle_is_gone(err))
                        drive_gone(d, err);
        }
}

/* ---- parts of reads and writes ----------------------------------------------------------------- */

static void fill(Drive *d, Request *r);

static void part_ended(RequestPart *part, const Error *err) {
        Request *r = part->request;
        Drive *d = r->owner;

        part->busy = false;
        r->outstanding--;
        note(d, r, err);
        if (r->error == 0 && !r->again)
                fill(d, r);
        if (r->outstanding == 0)
                finish(d, r);
}

static void on_read(void *userdata, uint32_t size, const Error *err) {
        RequestPart *part = userdata;
        /* Behind the end of the file there are zeroes. */
        if (err->kind == ERROR_NONE && size < part->size)
                (void)memset(part->request->to + part->at + size, 0, part->size - size);
        part_ended(part, err);
}

static void on_written(void *userdata, const Error *err) { part_ended(userdata, err); }

static RequestPart *free_part(Request *r) {
        for (size_t i = 0; i < REQUEST_WINDOW; i++)
                if (!r->parts[i].busy)
                        return &r->parts[i];
        return NULL;
}

/* Puts as much of @r on the wire as its window allows. */
static void fill(Drive *d, Request *r) {
        const SmbFacts *facts = smb_session_facts(d->session);
        Handle *h = handle_of(d, r);
        uint32_t most = r->kind == REQUEST_READ ? facts->max_read : facts->max_write;
        if (r->kind == REQUEST_WRITE && !r->from && most > sizeof zeroes)
                most = sizeof zeroes;

        for (RequestPart *part; r->sent < r->size && (part = free_part(r));) {
                Error err = { 0 };
                part->request = r;
                part->at = r->sent;
                part->size = request_next_part(r->size, r->sent, most);
                int k = r->kind == REQUEST_READ ? smb_read(h->file, r->offset + part->at, r->to + part->at,
                                                           part->size, on_read, part, &err)
                                                : smb_write(h->file, r->offset + part->at,
                                                            r->from ? r->from + part->at : zeroes, part->size,
                                                            r->fua, on_written, part, &err);
                if (k < 0) {
                        note(d, r, &err);
                        return;
                }
                part->busy = true;
                r->outstanding++;
                r->sent += part->size;
        }
}

/* ---- the others --------------------------------------------------------------------------------- */

static void on_step_done(void *userdata, const Error *err) {
        Request *r = userdata;
        Drive *d = r->owner;

        r->outstanding--;
        note(d, r, err);
        /* Trimming is advice: a server that cannot has not failed. */
        if (r->kind == REQUEST_TRIM && r->error == EOPNOTSUPP)
                r->error = 0;
        if (r->kind == REQUEST_ZERO && r->error == EOPNOTSUPP && !r->fast) {
                r->error = 0;
                r->kind = REQUEST_WRITE;
                r->from = NULL;
                fill(d, r);
                if (r->outstanding > 0)
                        return;
        }
        finish(d, r);
}

static void on_ranges(void *userdata, const SmbRange *ranges, size_t n, bool more, const Error *err) {
        Request *r = userdata;
        Drive *d = r->owner;

        r->outstanding--;
        note(d, r, err);
        r->range_count = 0;
        r->covered = 0;
        if (err->kind == ERROR_NONE) {
                bool cut = more || n > REQUEST_RANGES_MAX;
                if (n > REQUEST_RANGES_MAX)
                        n = REQUEST_RANGES_MAX;
                (void)memcpy(r->ranges, ranges, n * sizeof *ranges);
                r->range_count = n;
                r->covered = cut && n > 0 ? ranges[n - 1].offset + ranges[n - 1].size_bytes - r->offset : r->size;
        } else if (r->error == EOPNOTSUPP) {
                r->error = 0;           /* the server does not know: then all of it is data */
                r->ranges[0] = (SmbRange){ .offset = r->offset, .size_bytes = r->size };
                r->range_count = 1;
                r->covered = r->size;
        }
        finish(d, r);
}

static int start_other(Drive *d, Request *r, Error *err) {
        SmbFile *file = handle_of(d, r)->file;

        switch (r->kind) {
        case REQUEST_FLUSH:
                r->mark = d->acked_writes;
                return smb_flush(file, on_step_done, r, err);
        case REQUEST_EXTENTS:
                return smb_allocated_ranges(file, r->offset, r->size, on_ranges, r, err);
        default:
                return smb_zero(file, r->offset, r->size, on_step_done, r, err);
        }
}

static void start(Drive *d, Request *r) {
        Error err = { 0 };

        r->owner = d;
        r->on_writer = drive_holds_writer(d);
        Handle *h = handle_of(d, r);
        if (!h->file || d->link != LINK_UP) {
                list_push(&d->stalled, r);
                return;
        }
        h->busy++;
        r->sent = 0;
        r->outstanding = 0;
        r->again = r->flushing = false;
        (void)memset(r->parts, 0, sizeof r->parts);
        if (r->kind == REQUEST_READ || r->kind == REQUEST_WRITE) {
                fill(d, r);
        } else if (start_other(d, r, &err) == 0) {
                r->outstanding = 1;
        } else {
                note(d, r, &err);
        }
        if (r->outstanding == 0)
                finish(d, r);
}

/* ---- the gate ----------------------------------------------------------------------------------- */

static void park(Drive *d, Request *r) {
        list_push(&d->parked, r);
        d->writes_parked++;
        if (!d->wanted) {
                d->wanted = true;
                drive_mark(d);
                drive_changed(d);
        }
}

static void submit_ready(Drive *d, Request *r) {
        if (!d->has_file && d->reason.kind == ERROR_NONE) {
                list_push(&d->unready, r);
                return;
        }
        r->size = d->size_bytes;
        r->why = d->reason;
        request_answer(r, d->has_file ? 0 : EIO);
}

void drive_submit(Drive *d, Request *r) {
        bool reads = r->kind == REQUEST_READ || r->kind == REQUEST_EXTENTS;

        r->error = 0;
        r->why = (Error){ 0 };
        if (d->stopping) {
                request_answer(r, ESHUTDOWN);
                return;
        }
        if (r->kind == REQUEST_READY) {
                submit_ready(d, r);
                return;
        }
        OwnGate gate = reads ? ownership_gate_read(&d->own) : ownership_gate_write(&d->own);
        /* A flush covers writes that were answered; in READER there are none. */
        if (r->kind == REQUEST_FLUSH && gate == OWN_PARK)
                request_answer(r, 0);
        else if (gate == OWN_PARK && !reads)
                park(d, r);
        else if (gate == OWN_REFUSE)
                request_answer(r, EIO);
        else
                start(d, r);
}

void drive_withdraw(Drive *d, const void *client) {
        RequestList taken;

        list_init(&taken);
        list_withdraw(&d->parked, client, &taken);
        list_withdraw(&d->unready, client, &taken);
        for (Request *r; (r = list_pop(&taken));)
                request_answer(r, ESHUTDOWN);
        if (d->wanted && !d->parked.first) {
                d->wanted = false;
                drive_changed(d);
        }
}

void io_init(Drive *d) {
        list_init(&d->unready);
        list_init(&d->parked);
        list_init(&d->stalled);
}

static void submit_all(Drive *d, RequestList *list, void (*go)(Drive *, Request *)) {
        RequestList moved = *list;
        if (!moved.first)
                return;
        list_init(list);
        for (Request *r = moved.first, *next; r; r = next) {
                next = r->next;
                go(d, r);
        }
}

void io_unpark(Drive *d) {
        d->wanted = false;
        submit_all(d, &d->parked, drive_submit);
}

void io_ready(Drive *d) { submit_all(d, &d->unready, drive_submit); }

/* Not through the gate: they were let in before, and giving waits for them. */
void io_resume(Drive *d) { submit_all(d, &d->stalled, start); }

void io_fail_all(Drive *d, int error) {
        for (Request *r; (r = list_pop(&d->parked)) || (r = list_pop(&d->stalled)) || (r = list_pop(&d->unready));)
                request_answer(r, error);
        d->wanted = false;
}

static void on_reader_closed(void *userdata, const Error *err) {
        if (err->kind == ERROR_NONE)
                link_raise_lease(userdata);
}

void io_retire_reader(Drive *d) {
        Error ignored;
        if (!d->reader.file || d->reader.busy > 0 || !d->writer.file || !drive_holds_writer(d))
                return;
        SmbFile *file = d->reader.file;
        d->reader.file = NULL;
        (void)!smb_close(file, on_reader_closed, d, &ignored);
}
