#include "appliance/node/access-object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/node/access-mend.h"
#include "appliance/node/compare-server.h"
#include "smb/share/sddl.h"

#define TYPE "Microsoft.HyperV.PowerShell.VMShareAccess"

enum { SENTENCE_MAX = 2048, CHANGED_MAX = 256 };

static void unrefp(sd_json_variant **v) {
        *v = sd_json_variant_unref(*v);
}

/* ---- in words ------------------------------------------------------------------------------------------ */

typedef struct Words {
        const char *host, *group;
        char who[DIRECTORY_PRINCIPAL_MAX]; /* whom the responsible entry names; "" none */
        char entry[SDDL_ACE_TEXT_MAX];
        char missing[RIGHTS_TEXT_MAX], has[RIGHTS_TEXT_MAX];
        const char *thing; /* "share", "folder", "file" */
        const char *why_unread;
} Words;

static void words_of(const Survey *s, const SurveyHost *host, const SurveyCell *c, Words *w) {
        static const char *const things[] = {
                [MATRIX_SHARE] = "share", [MATRIX_FOLDER] = "folder", [MATRIX_FILE] = "file"
        };
        bool folder = c->layer == MATRIX_FOLDER;

        *w = (Words){ .host = host->account, .group = s->group_name, .thing = things[c->layer] };
        rights_text(c->cell.missing, folder, w->missing);
        rights_text(c->cell.granted, folder, w->has);
        if (c->list && c->cell.entry >= 0) {
                const Ace *ace = &c->list->dacl.aces[c->cell.entry];
                survey_name(s, &ace->sid, w->who);
                sddl_ace_text(ace, &s->domain, w->entry);
        }
        w->why_unread = c->item == SURVEY_SHARE ? s->share_unknown.text : s->all.items[c->item].why;
        if (!w->why_unread)
                w->why_unread = "it was not told";
}

static void reason_text(MatrixReason reason, const Words *w, char *to, size_t size) {
        switch (reason) {
        case MATRIX_NONE:
                to[0] = '\0';
                break;
        case MATRIX_NO_ENTRY:
                (void)snprintf(to, size, "no entry of the %s is for %s or a group it is in", w->thing, w->host);
                break;
        case MATRIX_TOO_LITTLE:
                (void)snprintf(to, size, "the %s grants too little to %s, only %s", w->thing, w->who,
                               *w->has ? w->has : "nothing");
                break;
        case MATRIX_DENY_ENTRY:
                (void)snprintf(to, size, "an entry of the %s denies it to %s, which %s belongs to", w->thing,
                               w->who, w->host);
                break;
        case MATRIX_OUTSIDE_GROUP:
                (void)snprintf(to, size, "the %s grants it to %s, and %s is not in that group", w->thing, w->group,
                               w->host);
                break;
        case MATRIX_NOT_INHERITED:
                (void)snprintf(
                        to, size,
                        "the folder above grants it to what lies in it, but this %s does not inherit: it has "
                        "permissions of its own",
                        w->thing);
                break;
        case MATRIX_OWNER_ONLY:
                (void)snprintf(to, size,
                               "%s owns the %s, which lets it change the permissions, and no entry grants it more",
                               w->host, w->thing);
                break;
        case MATRIX_OLD_TICKET:
                (void)snprintf(to, size, "%s is in %s, but its ticket is older than that; it takes a new one within a minute",
                               w->host, w->group);
                break;
        case MATRIX_READ_ONLY:
                (void)snprintf(to, size, "the %s has the attribute Read-only; take it away", w->thing);
                break;
        case MATRIX_SERVER_REFUSES:
                (void)snprintf(to, size,
                               "the permissions of the %s would allow it and the file server refuses it all the "
                               "same; look whether the share is read-only",
                               w->thing);
                break;
        case MATRIX_NOT_READABLE:
                (void)snprintf(to, size, "the permissions of the %s could not be read: %.400s", w->thing,
                               w->why_unread);
                break;
        case MATRIX_CONDITIONAL:
                (void)snprintf(to, size,
                               "it hangs on an entry that only the file server can judge; run Test-VMShare on that "
                               "host");
                break;
        }
}

void access_reason(const Survey *survey, const SurveyHost *host, const SurveyCell *cell, char *reason, size_t size,
                   char *entry, size_t entry_size) {
        Words w;

        words_of(survey, host, cell, &w);
        reason_text(cell->cell.reason, &w, reason, size);
        (void)snprintf(entry, entry_size, "%s", w.entry);
}

static int rights(uint32_t mask, bool folder, sd_json_variant **ret) {
        char *names[ACCESS_BITS];
        size_t count = 0;

        for (unsigned bit = 0; bit < ACCESS_BITS; bit++) {
                const char *name = mask & 1u << bit ? rights_name(1u << bit, folder) : NULL;
                if (name)
                        names[count++] = (char *)(uintptr_t)name;
        }
        return object_strings(names, count, ret);
}

static int build(const SurveyHost *host, const SurveyCell *c, const Words *w, const char *reason, const Mend *mend,
                 sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *missing = NULL, *windows = NULL, *samba = NULL, *netapp = NULL;
        char computed[RIGHTS_TEXT_MAX];
        bool folder = c->layer == MATRIX_FOLDER, passed = c->cell.state == MATRIX_GRANTED;

        char *all_of_it = (char[]){ "Modify" };
        rights_text(c->cell.computed, folder, computed);
        int r = c->cell.missing && c->cell.missing == c->cell.needed ? object_strings(&all_of_it, 1, &missing)
                                                                     : rights(c->cell.missing, folder, &missing);
        if (r < 0 || object_strings(mend->windows, mend->windows_count, &windows) < 0 ||
            object_strings(mend->samba, mend->samba_count, &samba) < 0 ||
            object_strings(mend->netapp, mend->netapp_count, &netapp) < 0 ||
            sd_json_buildo(
                    ret, SD_JSON_BUILD_PAIR_STRING("$type", TYPE),
                    SD_JSON_BUILD_PAIR_STRING("ComputerName", host->name),
                    SD_JSON_BUILD_PAIR_STRING("Path", c->path),
                    SD_JSON_BUILD_PAIR_STRING("Layer", matrix_layer_name(c->layer)),
                    SD_JSON_BUILD_PAIR_STRING("Access", matrix_state_name(c->cell.state)),
                    SD_JSON_BUILD_PAIR_BOOLEAN("Passed", passed),
                    SD_JSON_BUILD_PAIR_VARIANT("MissingRights", missing),
                    SD_JSON_BUILD_PAIR_STRING("Finding", matrix_reason_name(c->cell.reason)),
                    SD_JSON_BUILD_PAIR_STRING("Reason", reason), SD_JSON_BUILD_PAIR_STRING("Account", w->who),
                    SD_JSON_BUILD_PAIR_STRING("Entry", w->entry),
                    SD_JSON_BUILD_PAIR_STRING("Proof", c->cell.proven ? "Server" : "Computed"),
                    SD_JSON_BUILD_PAIR_STRING("Granted", w->has),
                    SD_JSON_BUILD_PAIR_STRING("Computed", c->list ? computed : ""),
                    SD_JSON_BUILD_PAIR_BOOLEAN("Differs", c->cell.differs),
                    SD_JSON_BUILD_PAIR_VARIANT("Windows", windows), SD_JSON_BUILD_PAIR_VARIANT("Samba", samba),
                    SD_JSON_BUILD_PAIR_VARIANT("NetApp", netapp)) < 0)
                return error_oom(err);
        return 0;
}

/* ---- what changed ------------------------------------------------------------------------------------------ */

static void digest_of(const Survey *s, const SurveyCell *c, char to[static ACCESS_DIGEST_SIZE]) {
        auto_free uint8_t *bytes = NULL;
        size_t size;
        Error ignored;

        (void)snprintf(to, ACCESS_DIGEST_SIZE, "-");
        if (c->item != SURVEY_SHARE && s->all.items[c->item].bytes)
                access_digest(s->all.items[c->item].bytes, s->all.items[c->item].size, to);
        else if (c->item == SURVEY_SHARE && c->list && (bytes = malloc(DESCRIPTOR_BYTES_MAX)) &&
                 descriptor_encode(c->list, bytes, DESCRIPTOR_BYTES_MAX, &size, &ignored) == 0)
                access_digest(bytes, size, to);
}

/* "" when nothing did, or nothing is remembered. */
static int change_since(const Survey *s, const SurveyCell *c, AccessMemory *memory, char *to, size_t size,
                        Error *err) {
        AccessNote now = { .layer = c->layer, .granted = c->cell.granted & c->cell.needed }, then;
        char when[DATETIME_TEXT_SIZE];

        to[0] = '\0';
        if (!memory)
                return 0;
        digest_of(s, c, now.digest);
        datetime_text(access_memory_when(memory), when);
        bool known = access_memory_find(memory, c->path, c->layer, &then);
        bool lists = known && strcmp(then.digest, now.digest) != 0 && then.digest[0] != '-' && now.digest[0] != '-';
        if (known && then.granted != now.granted)
                (void)snprintf(to, size, "access was %s on %s; %s",
                               then.granted == c->cell.needed ? "granted" : "not granted", when,
                               lists ? "the permissions were changed since" : "the permissions are the same");
        else if (lists)
                (void)snprintf(to, size, "the permissions were changed since %s, the access is the same", when);
        else if (!known && access_memory_when(memory))
                (void)snprintf(to, size, "new since %s", when);
        return access_memory_note(memory, c->path, &now, err);
}

int access_object(const Survey *survey, const SurveyHost *host, const SurveyCell *c, AccessMemory *memory,
                  sd_json_variant **ret, Error *err) {
        auto_(mend_done) Mend mend = { 0 };
        char reason[SENTENCE_MAX], changed[CHANGED_MAX];
        Words w;

        words_of(survey, host, c, &w);
        reason_text(c->cell.reason, &w, reason, sizeof reason);
        if (mend_write(survey, host, c, &mend, err) < 0 ||
            (c->cell.reason == MATRIX_READ_ONLY && compare_server_attribute(c->path, &mend, err) < 0))
                return -1;
        if (change_since(survey, c, memory, changed, sizeof changed, err) < 0 ||
            build(host, c, &w, reason, &mend, ret, err) < 0)
                return -1;
        return sd_json_variant_set_field_string(ret, "Changed", changed) < 0 ? error_oom(err) : 0;
}

/* ---- the negative test ----------------------------------------------------------------------------------- */

int access_stranger_object(const Survey *s, const SurveyHost *stranger, size_t worst, sd_json_variant **ret,
                           Error *err) {
        auto_(mend_done) Mend mend = { 0 };
        char reason[SENTENCE_MAX], has[RIGHTS_TEXT_MAX], path[UNC_TEXT_MAX + 1], entry[SDDL_ACE_TEXT_MAX] = "";
        char who[DIRECTORY_PRINCIPAL_MAX] = "";
        auto_(unrefp) sd_json_variant *windows = NULL, *samba = NULL, *netapp = NULL, *none = NULL;
        Unc unc = s->unc;
        bool open = worst != SURVEY_SHARE;
        const Ace *through = NULL;

        if (open) {
                (void)snprintf(unc.path, sizeof unc.path, "%s", s->all.items[worst].path);
                rights_text(survey_reach(s, stranger, worst), s->all.items[worst].folder, has);
                Access access;
                access_compute(&s->lists[worst], stranger->token, &access);
                for (unsigned bit = 0; bit < ACCESS_BITS && !through; bit++)
                        if (access.by[bit] >= 0 && access.granted & 1u << bit)
                                through = &s->lists[worst].dacl.aces[access.by[bit]];
                if (through) {
                        survey_name(s, &through->sid, who);
                        sddl_ace_text(through, &s->domain, entry);
                }
                (void)snprintf(reason, sizeof reason,
                               "every computer of the domain may do this here (%s), through %s; only %s "
                               "should%s",
                               has, *who ? who : "a missing list", s->group_name,
                               s->share_known ? ""
                                              : " (unless the share itself, whose list this host may not "
                                                "read, keeps them out)");
        } else {
                has[0] = '\0';
                (void)snprintf(reason, sizeof reason,
                               "a computer outside %s can neither read nor write here, as it should be",
                               s->group_name);
        }
        unc_text(&unc, path);
        if (through && mend_write_stranger(s, worst, through, path, &mend, err) < 0)
                return -1;
        if (rights(0, false, &none) < 0 || object_strings(mend.windows, mend.windows_count, &windows) < 0 ||
            object_strings(mend.samba, mend.samba_count, &samba) < 0 ||
            object_strings(mend.netapp, mend.netapp_count, &netapp) < 0 ||
            sd_json_buildo(
                    ret, SD_JSON_BUILD_PAIR_STRING("$type", TYPE),
                    SD_JSON_BUILD_PAIR_STRING("ComputerName", "(any other)"),
                    SD_JSON_BUILD_PAIR_STRING("Path", path),
                    SD_JSON_BUILD_PAIR_STRING("Layer",
                                              open ? s->all.items[worst].folder ? "Folder" : "File" : "All"),
                    SD_JSON_BUILD_PAIR_STRING("Access", open ? "Granted" : "Denied"),
                    SD_JSON_BUILD_PAIR_BOOLEAN("Passed", !open), SD_JSON_BUILD_PAIR_VARIANT("MissingRights", none),
                    SD_JSON_BUILD_PAIR_STRING("Finding", open ? "OpenToOthers" : ""),
                    SD_JSON_BUILD_PAIR_STRING("Reason", reason), SD_JSON_BUILD_PAIR_STRING("Account", who),
                    SD_JSON_BUILD_PAIR_STRING("Entry", entry), SD_JSON_BUILD_PAIR_STRING("Proof", "Computed"),
                    SD_JSON_BUILD_PAIR_STRING("Granted", has), SD_JSON_BUILD_PAIR_STRING("Computed", has),
                    SD_JSON_BUILD_PAIR_BOOLEAN("Differs", false), SD_JSON_BUILD_PAIR_VARIANT("Windows", windows),
                    SD_JSON_BUILD_PAIR_VARIANT("Samba", samba), SD_JSON_BUILD_PAIR_VARIANT("NetApp", netapp)) < 0)
                return error_oom(err);
        return 0;
}

/* ---- what would be changed --------------------------------------------------------------------------------- */

void access_change_text(const Survey *s, const SurveyCell *c, char *to, size_t size) {
        size_t at = 0;

        to[0] = '\0';
        for (unsigned i = 0; i < c->cell.remove_count && c->list && at < size; i++) {
                const Ace *ace = &c->list->dacl.aces[c->cell.remove[i]];
                char who[DIRECTORY_PRINCIPAL_MAX], entry[SDDL_ACE_TEXT_MAX];
                survey_name(s, &ace->sid, who);
                sddl_ace_text(ace, &s->domain, entry);
                at += (size_t)snprintf(to + at, size - at, "%sRemove the entry %s of %s", at ? "; " : "", entry,
                                       who);
        }
        if (c->cell.grant && at < size)
                (void)snprintf(to + at, size - at, "%sGrant Modify to %s", at ? "; " : "", s->group_name);
}
