#include "smb/share/link.h"

#include <gnutls/crypto.h>
#include <stdio.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum { FILE_RENAME_INFORMATION = 10, FILE_DISPOSITION_INFORMATION = 13 };       /* [MS-FSCC] 2.4 */

int share_link_begin(const char *unc, ShareLink *ret, Error *err) {
        return share_link_begin_as(unc, NULL, false, ret, err);
}

int share_link_begin_as(const char *unc, const char *ccache, bool pipes, ShareLink *ret, Error *err) {
        SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT, .ccache = ccache, .pipes = pipes };
        ShareLink link = { 0 };

        if (unc_parse(unc, &link.unc, err) < 0)
                return -1;
        if (gnutls_rnd(GNUTLS_RND_NONCE, config.client_guid, sizeof config.client_guid) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "no random numbers");
        (void)snprintf(config.host, sizeof config.host, "%s", link.unc.host);
        (void)snprintf(config.share, sizeof config.share, "%s", pipes ? "IPC$" : link.unc.share);
        if (smb_sync_connect(&config, &link.sync, err) < 0)
                return -1;
        *ret = link;
        return 0;
}

void share_link_end(ShareLink *link) {
        smb_sync_free(link->sync);
        link->sync = NULL;
}

int share_link_open(ShareLink *link, const char *path, uint32_t access, uint32_t disposition, uint32_t options,
                    SmbFile **ret, SmbOpened *opened, Error *err) {
        SmbOpenHow how = { .access = access | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE, .disposition = disposition,
                           .options = options, .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE };
        (void)snprintf(how.path, sizeof how.path, "%s", path);
        return smb_sync_open(link->sync, &how, ret, opened, err);
}

/* The engine's call, run to its end. */
typedef struct Wait { bool finished; Error outcome; } Wait;

static void on_set(void *userdata, const Error *outcome) {
        Wait *wait = userdata;
        wait->outcome = *outcome;
        wait->finished = true;
}

static int set_info(ShareLink *link, SmbFile *file, uint8_t info_class, const void *in, size_t size, Error *err) {
        Wait wait = { 0 };

        if (smb_set_info(file, SMB_INFO_FILE, info_class, in, (uint32_t)size, on_set, &wait, err) < 0)
                return -1;
        while (!wait.finished)
                if (smb_sync_turn(link->sync, UINT64_MAX, err) < 0)
                        return -1;
        if (wait.outcome.kind == ERROR_NONE)
                return 0;
        *err = wait.outcome;
        return -1;
}

int share_link_delete(ShareLink *link, SmbFile *consumed_file, Error *err) {
        static const uint8_t delete_pending = 1;
        Error ignored;

        if (set_info(link, consumed_file, FILE_DISPOSITION_INFORMATION, &delete_pending, 1, err) < 0) {
                (void)!smb_sync_close(link->sync, consumed_file, &ignored);
                return -1;
        }
        return smb_sync_close(link->sync, consumed_file, err);
}

/* [MS-FSCC] 2.4.37.2.  Not smb_rename(): that one always replaces. */
int share_link_rename(ShareLink *link, SmbFile *file, const char *new_path, bool replace, Error *err) {
        uint8_t buffer[20 + 2 * UNC_PATH_MAX], name[2 * UNC_PATH_MAX];
        size_t size;
        Writer w = writer_of(buffer, sizeof buffer);

        if (text_to_utf16(new_path, name, sizeof name, &size, err) < 0)
                return -1;
        write_u8(&w, replace);
        write_zero(&w, 7 + 8);  /* reserved, RootDirectory */
        write_u32(&w, (uint32_t)size);
        write_bytes(&w, name, size);
        if (w.at < 24)          /* Windows wants its own structure's size at least */
                write_zero(&w, 24 - w.at);
        return set_info(link, file, FILE_RENAME_INFORMATION, buffer, w.at, err);
}
