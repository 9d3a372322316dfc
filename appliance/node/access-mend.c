#include "appliance/node/access-mend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { COMMAND_MAX = 2 * UNC_TEXT_MAX + 1024, FABRIC_NAME_MAX = 128 };

void mend_done(Mend *m) {
        for (size_t i = 0; i < MEND_COMMANDS_MAX; i++) {
                free(m->windows[i]);
                free(m->samba[i]);
                free(m->netapp[i]);
        }
        *m = (Mend){ 0 };
}

__attribute__((format(printf, 4, 5))) static int add(char **list, size_t *count, Error *err, const char *fmt, ...) {
        char command[COMMAND_MAX];
        va_list args;

        if (*count == MEND_COMMANDS_MAX)
                return 0; /* more than anybody would type: the first ones mend, and the next look shows the rest */
        va_start(args, fmt);
        int n = vsnprintf(command, sizeof command, fmt, args);
        va_end(args);
        if (n < 0 || (size_t)n >= sizeof command)
                return error_set(err, ERROR_LIMIT, 0, "a command would be too long");
        if (!(list[*count] = strdup(command)))
                return error_oom(err);
        (*count)++;
        return 0;
}

#define WINDOWS(m, err, ...) add((m)->windows, &(m)->windows_count, err, __VA_ARGS__)
#define SAMBA(m, err, ...) add((m)->samba, &(m)->samba_count, err, __VA_ARGS__)
#define NETAPP(m, err, ...) add((m)->netapp, &(m)->netapp_count, err, __VA_ARGS__)

/* Inside '…': PowerShell doubles a quote, the shells close, escape and open again. */
static void quote(const char *from, const char *instead, char *to, size_t size) {
        size_t at = 0;

        for (; *from && at + 5 < size; from++) {
                if (*from == '\'')
                        at += (size_t)snprintf(to + at, size - at, "%s", instead);
                else
                        to[at++] = *from;
        }
        to[at] = '\0';
}

/* A name that could leave its quotes is not written at all: its SID, as icacls and the others take it. */
static void name_for_command(const Survey *s, const Sid *sid, char to[static DIRECTORY_PRINCIPAL_MAX]) {
        survey_name(s, sid, to);
        if (!strpbrk(to, "'\"\n\r"))
                return;
        to[0] = '*';
        sid_text(sid, to + 1);
}

typedef struct Names {
        char share_ps[2 * UNC_SHARE_MAX + 8], share_sh[4 * UNC_SHARE_MAX + 8], host[UNC_HOST_MAX + 1];
        char path_ps[2 * UNC_TEXT_MAX]; /* \\fs1\vms\… for PowerShell */
        char path_sh[4 * UNC_PATH_MAX]; /* below the share, for a shell; smbcacls takes "" as / */
        char path_netapp[UNC_PATH_MAX + 8];
        char group_sid[SID_TEXT_MAX], group[DIRECTORY_PRINCIPAL_MAX];
} Names;

static void names_of(const Survey *s, const char *full, const char *below, Names *n) {
        quote(s->unc.share, "''", n->share_ps, sizeof n->share_ps);
        quote(s->unc.share, "'\\''", n->share_sh, sizeof n->share_sh);
        (void)snprintf(n->host, sizeof n->host, "%s", s->unc.host);
        quote(full, "''", n->path_ps, sizeof n->path_ps);
        quote(*below ? below : "\\", "'\\''", n->path_sh, sizeof n->path_sh);
        (void)snprintf(n->path_netapp, sizeof n->path_netapp, "/%s/%s", s->unc.share, below);
        for (char *p = n->path_netapp; *p; p++)
                *p = *p == '\\' ? '/' : *p;
        sid_text(&s->group, n->group_sid);
        name_for_command(s, &s->group, n->group);
}

/* ---- groups ------------------------------------------------------------------------------------------------ */

static int join(const Survey *s, const SurveyHost *host, Mend *m, Error *err) {
        return WINDOWS(m, err, "Add-ADGroupMember '" DIRECTORY_FABRIC_GROUP "' '%s'", host->account) < 0 ||
                               SAMBA(m, err, "samba-tool group addmembers '" DIRECTORY_FABRIC_GROUP "' '%s'",
                                     host->account) < 0 ||
                               NETAPP(m, err, "Add-ADGroupMember '" DIRECTORY_FABRIC_GROUP "' '%s'",
                                      host->account) < 0
                       ? -1
                       : 0;
}

/* ---- the share's own list ------------------------------------------------------------------------------------ */

static int share_grant(const Names *n, Mend *m, Error *err) {
        if (WINDOWS(m, err, "Grant-SmbShareAccess -Name '%s' -AccountName '%s' -AccessRight Change -Force",
                    n->share_ps, n->group) < 0 ||
            SAMBA(m, err, "sharesec '%s' --add '%s:ALLOWED/0x0/CHANGE'", n->share_sh, n->group_sid) < 0)
                return -1;
        return NETAPP(m, err,
                      "vserver cifs share access-control create -share '%s' -user-or-group '%s' -permission Change",
                      n->share_ps, n->group);
}

static int share_remove(const Names *n, const Ace *ace, const char *who, Mend *m, Error *err) {
        char sid[SID_TEXT_MAX];
        bool deny = ace->type == ACE_DENY;

        sid_text(&ace->sid, sid);
        if (WINDOWS(m, err, "%s-SmbShareAccess -Name '%s' -AccountName '%s' -Force", deny ? "Unblock" : "Revoke",
                    n->share_ps, who) < 0 ||
            SAMBA(m, err, "sharesec '%s' --remove '%s:%s/0x%x/0x%08x'", n->share_sh, sid,
                  deny ? "DENIED" : "ALLOWED", ace->flags, ace->mask) < 0)
                return -1;
        return NETAPP(m, err, "vserver cifs share access-control delete -share '%s' -user-or-group '%s'",
                      n->share_ps, who);
}

/* ---- a file's list ------------------------------------------------------------------------------------------- */

/* @read: no more than that is needed. */
static int file_grant(const Names *n, bool folder, bool read, Mend *m, Error *err) {
        if (WINDOWS(m, err, "icacls '%s' /grant '%s:%s(%s)'", n->path_ps, n->group, folder ? "(OI)(CI)" : "",
                    read ? "R" : "M") < 0 ||
            SAMBA(m, err, "smbcacls -U Administrator '//%s/%s' '%s' --add 'ACL:%s:ALLOWED/%s/%s'", n->host,
                  n->share_sh, n->path_sh, n->group_sid, folder ? "OI|CI" : "0x0", read ? "READ" : "CHANGE") < 0)
                return -1;
        return NETAPP(m, err,
                      "vserver security file-directory ntfs dacl add -ntfs-sd holdfast -access-type allow -account "
                      "'%s' -rights %s, then apply it by a policy task to '%s'",
                      n->group, read ? "read" : "modify", n->path_netapp);
}

static int file_remove(const Names *n, const Ace *ace, const char *who, Mend *m, Error *err) {
        char sid[SID_TEXT_MAX];
        bool deny = ace->type == ACE_DENY, inherited = ace->flags & ACE_INHERITED;

        sid_text(&ace->sid, sid);
        if (WINDOWS(m, err, "icacls '%s' /remove:%c '%s'%s", n->path_ps, deny ? 'd' : 'g', who,
                    inherited ? "   # inherited: do it on the folder that the entry comes from" : "") < 0 ||
            SAMBA(m, err, "smbcacls -U Administrator '//%s/%s' '%s' --delete 'ACL:%s:%s/0x%x/0x%08x'", n->host,
                  n->share_sh, n->path_sh, sid, deny ? "DENIED" : "ALLOWED", ace->flags, ace->mask) < 0)
                return -1;
        return NETAPP(m, err,
                      "vserver security file-directory ntfs dacl remove -ntfs-sd holdfast -access-type %s -account "
                      "'%s', then apply it by a policy task to '%s'",
                      deny ? "deny" : "allow", who, n->path_netapp);
}

int mend_write(const Survey *s, const SurveyHost *host, const SurveyCell *c, Mend *m, Error *err) {
        const char *below = c->item == SURVEY_SHARE ? "" : s->all.items[c->item].path;
        bool share = c->layer == MATRIX_SHARE;
        Names n;

        if (c->cell.state == MATRIX_GRANTED)
                return 0;
        names_of(s, c->path, below, &n);
        if (c->cell.join_group && join(s, host, m, err) < 0)
                return -1;
        for (unsigned i = 0; i < c->cell.remove_count && c->list; i++) {
                const Ace *ace = &c->list->dacl.aces[c->cell.remove[i]];
                char who[DIRECTORY_PRINCIPAL_MAX];
                name_for_command(s, &ace->sid, who);
                if ((share ? share_remove(&n, ace, who, m, err) : file_remove(&n, ace, who, m, err)) < 0)
                        return -1;
        }
        if (!c->cell.grant)
                return 0;
        return share ? share_grant(&n, m, err) : file_grant(&n, c->layer == MATRIX_FOLDER, !(c->cell.needed & RIGHT_WRITE_DATA), m, err);
}

int mend_write_stranger(const Survey *s, size_t item, const Ace *through, const char *path, Mend *m, Error *err) {
        char who[DIRECTORY_PRINCIPAL_MAX];
        Names n;

        names_of(s, path, s->all.items[item].path, &n);
        name_for_command(s, &through->sid, who);
        return file_remove(&n, through, who, m, err);
}
