#include <assert.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/text.h"
#include "smb/disk/client.h"
#include "smb/share/unc.h"

static_assert((int)DISK_UNC_MAX > (int)UNC_TEXT_MAX, "every UNC path fits");

const char *disk_state_name(DiskState state) {
        static const char *const names[] = {
                [DISK_NONE] = "NONE", [DISK_READER] = "READER", [DISK_OWNER] = "OWNER",
                [DISK_ARMED] = "ARMED", [DISK_GIVEN] = "GIVEN", [DISK_LOST] = "LOST",
        };
        return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "NONE";
}

/* @reader "" for the file itself. */
static int name_for(const char *text, const char *reader, DiskName *ret, Error *err) {
        DiskName name = { 0 };
        char lower[UNC_TEXT_MAX + 1 + 128];
        uint8_t digest[32];
        Unc unc;

        if (unc_parse(text, &unc, err) < 0)
                return -1;
        if (!*unc.path)
                return error_set(err, ERROR_INVALID, 0, "'%.300s' is a share, not a disk; name a file in it", text);
        unc_text(&unc, name.unc);
        /* ASCII only: two spellings that differ otherwise get two processes, of which the server lets one write. */
        (void)strcpy(lower, name.unc);
        for (char *c = lower; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c - 'A' + 'a');
        if (*reader) {
                size_t n = strlen(lower);
                (void)snprintf(lower + n, sizeof lower - n, "\n%.100s", reader);       /* no path holds a line break */
        }
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, lower, strlen(lower), digest) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "cannot compute a SHA-256");
        text_hex(digest, (DISK_ID_SIZE - 1) / 2, name.id);
        (void)snprintf(name.nbd_socket, sizeof name.nbd_socket, "/run/holdfast/disk/%s/nbd.sock", name.id);
        *ret = name;
        return 0;
}

int disk_name(const char *text, DiskName *ret, Error *err) { return name_for(text, "", ret, err); }

int disk_medium_name(const char *text, const char *reader, DiskName *ret, Error *err) {
        return name_for(text, reader, ret, err);
}
