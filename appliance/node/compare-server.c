#include "appliance/node/compare-server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define CONF "/etc/samba/smb.conf && smbcontrol all reload-config"
#define IN_SHARE "/^\\[%S\\]/,/^\\[/"   /* the share's section, up to the next one */

/* %S is the share, %H the host, %P the path below the share, %U the whole path. */
typedef struct Row {
        FindingId id;
        ErrorKind kind;                 /* ERROR_NONE: whatever it is */
        const char *windows, *samba, *netapp;
} Row;

#define ATTRIBUTE { FINDING_READ_ONLY, ERROR_NONE, "attrib -R '%U'", \
                    "smbclient -U Administrator '//%H/%S' -c 'setmode \"%P\" -r'", "attrib -R '%U'" }

static const Row attribute = ATTRIBUTE;
static const Row rows[] = {
        ATTRIBUTE,
        { FINDING_SEALED, ERROR_NONE, "Set-SmbShare -Name '%S' -EncryptData $true -Force",
          "sed -i '/^[[:space:]]*\\(server \\)\\?smb encrypt *= *\\(off\\|disabled\\)/d' " CONF,
          "vserver cifs share properties add -share-name '%S' -share-properties encrypt-data" },
        { FINDING_DIALECT, ERROR_NONE, "Set-SmbServerConfiguration -Smb2DialectMax SMB311 -Force",
          "sed -i '/^[[:space:]]*server max protocol/d' " CONF, "vserver cifs options modify -smb3-enabled true" },
        { FINDING_DURABLE, ERROR_NONE, "Set-SmbServerConfiguration -EnableLeasing $true -Force",
          "sed -i -e '" IN_SHARE "{/^[[:space:]]*\\(durable handles\\|kernel oplocks\\|kernel share modes\\|posix locking\\)/d}' "
          "-e '/^\\[%S\\]/a durable handles = yes\\nkernel oplocks = no\\nkernel share modes = no\\nposix locking = no' " CONF,
          "vserver cifs share properties add -share-name '%S' -share-properties oplocks" },
        { FINDING_DISK, ERROR_UNREACHABLE, "Start-Service LanmanServer", "systemctl start smbd", "vserver cifs start" },
        { FINDING_DISK, ERROR_TIMEOUT, "Start-Service LanmanServer", "systemctl start smbd", "vserver cifs start" },
};

static const Row writable = {
        .samba = "sed -i -e '" IN_SHARE "{/^[[:space:]]*\\(read only\\|writ\\(e\\|\\)able\\|read list\\|invalid users\\)/d}' "
                 "-e '/^\\[%S\\]/a read only = no' " CONF,
};
static const Row available = {
        .samba = "sed -i '" IN_SHARE "{/^[[:space:]]*available/d}' " CONF,
};

/* What could mean something to a shell, to sed or to PowerShell is not written into their commands. */
static bool is_plain(const char *text) { return !strpbrk(text, "'\"$`&;|*?[]^/\n"); }

static int fill(const char *text, const Unc *unc, char **list, size_t *count, Error *err) {
        char whole[UNC_TEXT_MAX + 1], *to;

        if (!text || *count == MEND_COMMANDS_MAX)
                return 0;
        unc_text(unc, whole);
        if (!is_plain(unc->share) || !is_plain(whole))
                return 0;
        auto_free char *command = to = malloc(strlen(text) + 4 * sizeof whole);
        if (!command)
                return error_oom(err);
        for (; *text; text++) {
                const char *value = text[0] != '%'   ? NULL
                                    : text[1] == 'S' ? unc->share
                                    : text[1] == 'H' ? unc->host
                                    : text[1] == 'P' ? unc->path
                                    : text[1] == 'U' ? whole
                                                     : NULL;
                if (value) {
                        to = stpcpy(to, value);
                        text++;
                } else {
                        *to++ = *text;
                }
        }
        *to = '\0';
        list[(*count)++] = take_ptr(command);
        return 0;
}

static int write_row(const Row *row, const Unc *unc, Mend *m, Error *err) {
        return fill(row->windows, unc, m->windows, &m->windows_count, err) < 0 ||
                               fill(row->samba, unc, m->samba, &m->samba_count, err) < 0 ||
                               fill(row->netapp, unc, m->netapp, &m->netapp_count, err) < 0
                       ? -1
                       : 0;
}

int compare_server_writable(const Unc *share, Mend *mend, Error *err) { return write_row(&writable, share, mend, err); }

int compare_server_attribute(const char *path, Mend *mend, Error *err) {
        Unc unc;

        return unc_parse(path, &unc, err) < 0 ? -1 : write_row(&attribute, &unc, mend, err);
}

int compare_server_mend(const Finding *f, Mend *mend, Error *err) {
        Unc unc;
        Error ignored;

        if (!*f->object || unc_parse(f->object, &unc, &ignored) < 0)
                return 0;
        if (f->id == FINDING_DISK && f->kind == ERROR_NOT_FOUND && !*unc.path)
                return write_row(&available, &unc, mend, err);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].id == f->id && (rows[i].kind == ERROR_NONE || rows[i].kind == f->kind))
                        return write_row(&rows[i], &unc, mend, err);
        return 0;
}
