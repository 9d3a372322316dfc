#include "smb/share/put.h"

#include <gnutls/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/engine/smb.h"
#include "smb/share/files.h"
#include "smb/share/unc.h"

#define TEMPORARY ".holdfast-"
enum { FILE_RENAME_INFORMATION = 10, FILE_DISPOSITION_INFORMATION = 13 };       /* [MS-FSCC] 2.4 */

typedef struct Put {
        sd_event *event;
        SmbSession *session;
        SmbFile *file;
        bool finished;          /* the one call that is under way; the engine bounds its time */
        Error outcome;
} Put;

bool share_is_temporary(const char *name) { return strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0; }

static void put_done(Put *put) {
        smb_session_free(put->session);
        (void)sd_event_unref(put->event);
}

static void on_done(void *userdata, const Error *outcome) {
        Put *put = userdata;
        put->outcome = *outcome;
        put->finished = true;
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *outcome) {
        Put *put = userdata;
        put->file = file;
        on_done(put, outcome);
}

/* @started is what the engine's call returned. */
static int finish(Put *put, int started, Error *err) {
        if (started < 0)
                return -1;
        while (!put->finished) {
                int r = sd_event_run(put->event, UINT64_MAX);
                if (r < 0)
                        return error_set(err, ERROR_INTERNAL, -r, "the event loop failed");
        }
        put->finished = false;
        if (put->outcome.kind == ERROR_NONE)
                return 0;
        *err = put->outcome;
        return -1;
}

static int connect_share(Put *put, const Unc *unc, Error *err) {
        SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT };

        int r = sd_event_new(&put->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop");
        if (gnutls_rnd(GNUTLS_RND_NONCE, config.client_guid, sizeof config.client_guid) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "no random numbers");
        (void)snprintf(config.host, sizeof config.host, "%s", unc->host);
        (void)snprintf(config.share, sizeof config.share, "%s", unc->share);
        if (smb_session_new(put->event, &config, &put->session, err) < 0)
                return -1;
        return finish(put, smb_session_connect(put->session, on_done, put, err), err);
}

static int open_temporary(Put *put, const Unc *unc, Error *err) {
        SmbOpenHow how = { .access = SMB_WRITE_DATA | SMB_DELETE | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE,
                           .share = SMB_SHARE_NONE, .disposition = SMB_CREATE, .options = SMB_OPTION_NON_DIRECTORY };
        char uuid[UUID_TEXT_SIZE];
        Unc folder = *unc;

        if (text_uuid(uuid, err) < 0)
                return -1;
        (void)unc_to_parent(&folder);
        int n = snprintf(how.path, sizeof how.path, "%s%s" TEMPORARY "%s", folder.path, *folder.path ? "\\" : "", uuid);
        if (n < 0 || (size_t)n >= sizeof how.path)
                return error_set(err, ERROR_INVALID, 0, "the path is too long for a temporary name beside it");
        return finish(put, smb_open(put->session, &how, on_opened, put, err), err);
}

static int write_all(Put *put, const uint8_t *data, size_t size, Error *err) {
        uint32_t most = smb_session_facts(put->session)->max_write;

        for (size_t at = 0; at < size;) {
                uint32_t part = size - at < most ? (uint32_t)(size - at) : most;
                if (finish(put, smb_write(put->file, at, data + at, part, false, on_done, put, err), err) < 0)
                        return -1;
                at += part;
        }
        return finish(put, smb_flush(put->file, on_done, put, err), err);
}

/* [MS-FSCC] 2.4.37.2.  Not smb_rename(): that one always replaces. */
static int rename_to(Put *put, const Unc *unc, bool replace, Error *err) {
        uint8_t buffer[20 + 2 * UNC_PATH_MAX], name[2 * UNC_PATH_MAX];
        size_t size;
        Writer w = writer_of(buffer, sizeof buffer);

        if (text_to_utf16(unc->path, name, sizeof name, &size, err) < 0)
                return -1;
        write_u8(&w, replace);
        write_zero(&w, 7 + 8);  /* reserved, RootDirectory */
        write_u32(&w, (uint32_t)size);
        write_bytes(&w, name, size);
        /* Windows wants room for the padding its own structure ends with. */
        if (w.at < 24)
                write_zero(&w, 24 - w.at);
        return finish(put, smb_set_info(put->file, SMB_INFO_FILE, FILE_RENAME_INFORMATION, buffer, (uint32_t)w.at, on_done,
                                        put, err), err);
}

static void remove_temporary(Put *put) {
        static const uint8_t delete_pending = 1;
        Error ignored;
        (void)!finish(put, smb_set_info(put->file, SMB_INFO_FILE, FILE_DISPOSITION_INFORMATION, &delete_pending, 1, on_done,
                                        put, &ignored), &ignored);
        (void)!finish(put, smb_close(put->file, on_done, put, &ignored), &ignored);
}

int share_put(const char *text, const void *data, size_t size, bool replace, Error *err) {
        auto_(put_done) Put put = { 0 };
        Unc unc;

        if (size > FILES_SIZE_MAX)
                return error_set(err, ERROR_LIMIT, 0, "'%.300s' would be larger than %d bytes", text, FILES_SIZE_MAX);
        if (unc_parse(text, &unc, err) < 0)
                return -1;
        if (!*unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share, not a file; name a file in it", text);
        if (connect_share(&put, &unc, err) < 0 || open_temporary(&put, &unc, err) < 0)
                return error_wrap(err, "cannot write '%.200s'", text);
        if (write_all(&put, data, size, err) < 0 || rename_to(&put, &unc, replace, err) < 0) {
                remove_temporary(&put);
                return error_wrap(err, "cannot write '%.200s'", text);
        }
        if (finish(&put, smb_close(put.file, on_done, &put, err), err) < 0)
                return error_wrap(err, "'%.200s' was written but not closed", text);
        return 0;
}
