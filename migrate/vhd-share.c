#include "migrate/vhd-share.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/smb.h"

enum { FILE_DISPOSITION_INFORMATION = 13 };     /* [MS-FSCC] 2.4 */

typedef struct Talk {                   /* one call at a time; the engine bounds its time */
        sd_event *event;
        SmbSession *session;
        SmbFile *file;
        SmbOpened opened;
        bool finished;
        Error outcome;
} Talk;

static void talk_end(Talk *talk) {
        smb_session_free(talk->session);
        (void)sd_event_unref(talk->event);
}

static void on_done(void *userdata, const Error *outcome) {
        Talk *talk = userdata;
        talk->outcome = *outcome;
        talk->finished = true;
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *outcome) {
        Talk *talk = userdata;
        talk->file = file;
        talk->opened = *opened;
        on_done(talk, outcome);
}

/* @started is what the engine's call returned. */
static int finish(Talk *talk, int started, Error *err) {
        if (started < 0)
                return -1;
        while (!talk->finished) {
                int r = sd_event_run(talk->event, UINT64_MAX);
                if (r < 0)
                        return error_set(err, ERROR_INTERNAL, -r, "the event loop failed");
        }
        talk->finished = false;
        if (talk->outcome.kind == ERROR_NONE)
                return 0;
        *err = talk->outcome;
        return -1;
}

static int talk_begin(Talk *talk, const Unc *unc, const SmbOpenHow *how, Error *err) {
        SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT };

        int r = sd_event_new(&talk->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop");
        if (gnutls_rnd(GNUTLS_RND_NONCE, config.client_guid, sizeof config.client_guid) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "no random numbers");
        (void)snprintf(config.host, sizeof config.host, "%s", unc->host);
        (void)snprintf(config.share, sizeof config.share, "%s", unc->share);
        if (smb_session_new(talk->event, &config, &talk->session, err) < 0 ||
            finish(talk, smb_session_connect(talk->session, on_done, talk, err), err) < 0)
                return -1;
        return finish(talk, smb_open(talk->session, how, on_opened, talk, err), err);
}

static int fill(Talk *talk, uint64_t size_bytes, Error *err) {
        /* A file system without sparse files costs the room at once; that is no reason to refuse it. */
        if (finish(talk, smb_set_sparse(talk->file, on_done, talk, err), err) < 0 && err->kind != ERROR_UNSUPPORTED)
                return -1;
        *err = (Error){ 0 };
        if (finish(talk, smb_set_size(talk->file, size_bytes, on_done, talk, err), err) < 0)
                return -1;
        return finish(talk, smb_flush(talk->file, on_done, talk, err), err);
}

int vhd_share_create(const Unc *unc, uint64_t size_bytes, Error *err) {
        static const uint8_t delete_pending = 1;
        auto_(talk_end) Talk talk = { 0 };
        SmbOpenHow how = { .access = SMB_READ_DATA | SMB_WRITE_DATA | SMB_DELETE | SMB_READ_ATTRIBUTES |
                                     SMB_WRITE_ATTRIBUTES | SMB_SYNCHRONIZE,
                           .share = SMB_SHARE_NONE,
                           .disposition = SMB_CREATE,
                           .options = SMB_OPTION_NON_DIRECTORY };
        char path[UNC_TEXT_MAX + 1];
        Error ignored;

        unc_text(unc, path);
        (void)snprintf(how.path, sizeof how.path, "%s", unc->path);
        if (talk_begin(&talk, unc, &how, err) < 0)
                return error_wrap(err, "cannot make the disk");
        if (fill(&talk, size_bytes, err) < 0) {
                (void)!finish(&talk,
                              smb_set_info(talk.file, SMB_INFO_FILE, FILE_DISPOSITION_INFORMATION, &delete_pending,
                                           1, on_done, &talk, &ignored),
                              &ignored);
                (void)!finish(&talk, smb_close(talk.file, on_done, &talk, &ignored), &ignored);
                return error_wrap(err, "cannot make '%.300s'", path);
        }
        return finish(&talk, smb_close(talk.file, on_done, &talk, err), err);
}

int vhd_share_grow(const Unc *unc, uint64_t size_bytes, Error *err) {
        auto_(talk_end) Talk talk = { 0 };
        SmbOpenHow how = { .access = SMB_READ_DATA | SMB_WRITE_DATA | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE,
                           .share = SMB_SHARE_NONE,
                           .disposition = SMB_OPEN,
                           .options = SMB_OPTION_NON_DIRECTORY };
        char path[UNC_TEXT_MAX + 1];

        unc_text(unc, path);
        (void)snprintf(how.path, sizeof how.path, "%s", unc->path);
        if (talk_begin(&talk, unc, &how, err) < 0)
                return err->kind != ERROR_CONFLICT
                               ? -1
                               : error_set(err, ERROR_CONFLICT, err->cause, "'%.300s' is in use, perhaps by a running virtual "
                                           "machine; turn that off first", path);
        if (size_bytes < talk.opened.size_bytes)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' has %llu bytes, and a .raw disk does not shrink; copy its "
                                 "content to a smaller one inside a machine", path, (unsigned long long)talk.opened.size_bytes);
        if (finish(&talk, smb_set_size(talk.file, size_bytes, on_done, &talk, err), err) < 0 ||
            finish(&talk, smb_flush(talk.file, on_done, &talk, err), err) < 0)
                return error_wrap(err, "cannot resize '%.300s'", path);
        return finish(&talk, smb_close(talk.file, on_done, &talk, err), err);
}

int vhd_share_look(const Unc *unc, uint64_t *ret_size_bytes, uint64_t *ret_allocated_bytes, Error *err) {
        auto_(talk_end) Talk talk = { 0 };
        SmbOpenHow how = { .access = SMB_READ_ATTRIBUTES,
                           .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE,
                           .disposition = SMB_OPEN,
                           .options = SMB_OPTION_NON_DIRECTORY };
        Error ignored;

        (void)snprintf(how.path, sizeof how.path, "%s", unc->path);
        if (talk_begin(&talk, unc, &how, err) < 0)
                return -1;      /* the engine names the file, or the server */
        *ret_size_bytes = talk.opened.size_bytes;
        *ret_allocated_bytes = talk.opened.allocated_bytes;
        (void)!finish(&talk, smb_close(talk.file, on_done, &talk, &ignored), &ignored);
        return 0;
}
