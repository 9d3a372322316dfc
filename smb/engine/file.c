#include "smb/engine/file.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/request.h"
#include "smb/engine/status.h"

enum { CREATE_EXTRA_US = 45 * 1000 * 1000, CREATE_SIZE = WIRE_HEADER_SIZE + 57 + 2 * SMB_PATH_MAX + 512 };

void file_unref(SmbFile *file) {
        if (--file->refs == 0)
                free(file);
}

int file_check_usable(const SmbFile *file, Error *err) {
        if (!file->session->connection.open)
                return error_set(err, ERROR_UNREACHABLE, 0, "the connection that %s was open on is gone",
                                 file->unc);
        return 0;
}

Request *file_request(SmbFile *file, uint16_t command, size_t size, RequestDone done, Writer *w, Error *err) {
        if (file_check_usable(file, err) < 0)
                return NULL;
        Request *r = request_new(&file->session->connection, command, size, w, err);
        if (!r)
                return NULL;
        r->done = done;
        r->owner.session = file->session;
        r->owner.file = file;
        file->refs++;
        return r;
}

int file_submit(SmbFile *file, Request *r, const Writer *w, size_t transfer, Error *err) {
        if (connection_submit(&file->session->connection, r, w, transfer, err) == 0)
                return 0;
        file_unref(file);
        return -1;
}

void file_finish(Request *r) {
        file_unref(r->owner.file);
}

void file_refuse(Request *r, Error *err) {
        SmbSession *session = r->owner.session;
        connection_lose(&session->connection, err);
        err->kind = ERROR_UNREACHABLE;
}

int file_verdict(const Request *r, const Reply *reply, const Error *lost, const char *action, Error *err) {
        if (lost) {
                *err = *lost;
                return error_wrap(err, "%s", r->owner.file->unc);
        }
        if (reply->header.status != STATUS_SUCCESS)
                return status_error(reply->header.status, action, r->owner.file->unc, err);
        return 0;
}

/* ---- open ------------------------------------------------------------------------------------ */

static void unc_of(const SmbSession *session, const char *path, char to[static SMB_UNC_MAX]) {
        (void)snprintf(to, SMB_UNC_MAX, "\\\\%s\\%s%s%s", session->config.host, session->config.share,
                       path[0] ? "\\" : "", path);
}

static SmbFile *file_new(SmbSession *session, const SmbOpenHow *how, const SmbOpened *opened, Error *err) {
        SmbFile *file = calloc(1, sizeof *file);
        if (!file) {
                (void)error_oom(err);
                return NULL;
        }
        file->session = session;
        file->refs = 1;
        file->id[0] = opened->file_id[0];
        file->id[1] = opened->file_id[1];
        file->lease = opened->lease;
        file->has_lease = how->lease != 0;
        memcpy(file->lease_key, how->lease_key, 16);
        unc_of(session, how->path, file->unc);
        LIST_INSERT_HEAD(&session->files, file, link);
        return file;
}

static SmbFile *take_open(Request *r, const Reply *reply, const Error *lost, SmbOpened *opened, Error *err) {
        SmbSession *session = r->owner.session;
        char unc[SMB_UNC_MAX];
        unc_of(session, r->owner.how->path, unc);
        if (lost) {
                *err = *lost;
                (void)error_wrap(err, "%s", unc);
                return NULL;
        }
        if (reply->header.status != STATUS_SUCCESS) {
                (void)status_error(reply->header.status, "open", unc, err);
                return NULL;
        }
        SmbFile *file = NULL;
        if (wire_create_reply_decode(reply->message, r->owner.how, opened, err) < 0 ||
            !(file = file_new(session, r->owner.how, opened, err)))
                file_refuse(r, err); /* also without memory: a handle nobody knows must not stay open */
        return file;
}

static void on_open(Request *r, const Reply *reply, const Error *lost) {
        SmbOpened opened = { 0 };
        Error err = { 0 };
        SmbFile *file = take_open(r, reply, lost, &opened, &err);
        if (!file)
                opened = (SmbOpened){ 0 };
        r->owner.call.open(r->owner.userdata, file, &opened, &err);
}

int smb_open(SmbSession *session, const SmbOpenHow *how, SmbOpenDone done, void *userdata, Error *err) {
        Writer w;
        if (session->state != SESSION_UP)
                return error_set(err, ERROR_UNREACHABLE, 0, "there is no connection to file server %s",
                                 session->config.host);
        if (how->path[0] == '\\' || how->path[0] == '/' || strchr(how->path, '/'))
                return error_set(err, ERROR_INVALID, 0,
                                 "%s: write the path below the share with \\ between its parts", how->path);
        Request *r = request_new(&session->connection, SMB2_CREATE, CREATE_SIZE, &w, err);
        if (!r)
                return -1;
        r->done = on_open;
        r->extra_us = CREATE_EXTRA_US;
        r->owner.session = session;
        r->owner.call.open = done;
        r->owner.userdata = userdata;
        r->owner.how = malloc(sizeof *how);
        if (r->owner.how)
                *r->owner.how = *how;
        int result = r->owner.how ? wire_create_encode(&w, how, session->agreed.dialect, err) : error_oom(err);
        if (result < 0) {
                request_drop(&session->connection, r);
                return -1;
        }
        return connection_submit(&session->connection, r, &w, 0, err);
}

/* ---- leases ---------------------------------------------------------------------------------- */

void smb_file_on_lease_broken(SmbFile *file, SmbLeaseBroken broken, void *userdata) {
        file->broken = broken;
        file->broken_userdata = userdata;
}

void files_break_lease(SmbSession *session, const WireLeaseBreak *b) {
        SmbFile *file, *told = NULL;
        LIST_FOREACH(file, &session->files, link) {
                if (!file->has_lease || memcmp(file->lease_key, b->key, 16) != 0)
                        continue;
                file->lease = b->now;
                if (!told && file->broken)
                        told = file;
        }
        if (told)
                told->broken(told->broken_userdata, b->now, b->ack_required);
}

static void on_plain(Request *r, const Reply *reply, const Error *lost, const char *action,
                     uint16_t structure_size) {
        Error err = { 0 };
        if (file_verdict(r, reply, lost, action, &err) == 0 &&
            wire_empty_reply_decode(reply->message, structure_size, &err) < 0)
                file_refuse(r, &err);
        SmbDone done = r->owner.call.done;
        void *userdata = r->owner.userdata;
        file_finish(r);
        if (done)
                done(userdata, &err);
}

static void on_lease_ack(Request *r, const Reply *reply, const Error *lost) {
        on_plain(r, reply, lost, "acknowledge the lease break of", 36);
}
static void on_close(Request *r, const Reply *reply, const Error *lost) {
        on_plain(r, reply, lost, "close", 60);
}
static void on_flush(Request *r, const Reply *reply, const Error *lost) {
        on_plain(r, reply, lost, "flush", 4);
}

static int submit_plain(SmbFile *file, Request *r, const Writer *w, SmbDone done, void *userdata, Error *err) {
        r->owner.call.done = done;
        r->owner.userdata = userdata;
        return file_submit(file, r, w, 0, err);
}

int smb_lease_ack(SmbFile *file, SmbDone done, void *userdata, Error *err) {
        Writer w;
        Request *r = file_request(file, SMB2_OPLOCK_BREAK, REQUEST_INLINE, on_lease_ack, &w, err);
        if (!r)
                return -1;
        wire_lease_ack_encode(&w, file->lease_key, file->lease);
        return submit_plain(file, r, &w, done, userdata, err);
}

int smb_flush(SmbFile *file, SmbDone done, void *userdata, Error *err) {
        Writer w;
        Request *r = file_request(file, SMB2_FLUSH, REQUEST_INLINE, on_flush, &w, err);
        if (!r)
                return -1;
        wire_flush_encode(&w, file->id);
        return submit_plain(file, r, &w, done, userdata, err);
}

int smb_close(SmbFile *file, SmbDone done, void *userdata, Error *err) {
        Writer w;
        int result = -1;
        Request *r = file_request(file, SMB2_CLOSE, REQUEST_INLINE, on_close, &w, err);
        if (r) {
                wire_close_encode(&w, file->id);
                result = submit_plain(file, r, &w, done, userdata, err);
        }
        LIST_REMOVE(file, link);
        file_unref(file);
        return result;
}

/* ---- echo ------------------------------------------------------------------------------------ */

static void on_echo(Request *r, const Reply *reply, const Error *lost) {
        SmbSession *session = r->owner.session;
        Error err = { 0 };
        if (lost)
                err = *lost;
        else if (reply->header.status != STATUS_SUCCESS)
                (void)status_error(reply->header.status, "get an echo from", session->config.host, &err);
        r->owner.call.done(r->owner.userdata, &err);
}

int smb_echo(SmbSession *session, SmbDone done, void *userdata, Error *err) {
        Writer w;
        if (session->state != SESSION_UP)
                return error_set(err, ERROR_UNREACHABLE, 0, "there is no connection to file server %s",
                                 session->config.host);
        Request *r = request_new(&session->connection, SMB2_ECHO, REQUEST_INLINE, &w, err);
        if (!r)
                return -1;
        r->done = on_echo;
        r->owner.session = session;
        r->owner.call.done = done;
        r->owner.userdata = userdata;
        wire_echo_encode(&w);
        return connection_submit(&session->connection, r, &w, 0, err);
}
