#include "appliance/node/compare-mend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/access-object.h"
#include "appliance/node/compare-directory.h"
#include "appliance/node/compare-server.h"
#include "migrate/compare-access.h"

enum { REASON_MAX = 1024 };

void compare_mends_done(CompareMends *mends) {
        for (size_t i = 0; i < FINDINGS_MAX; i++)
                mend_done(&mends->each[i]);
}

typedef struct Mending {
        Node *node;
        Directory *directory;
        Machine machine;
        const VmDefinition *vm;
        Wanted wanted[ACCESS_WANTED_MAX];
        size_t wanted_count;
        Findings *findings;
        CompareMends *mends;
        /* of the host and the path being looked at */
        const Survey *survey;
        const SurveyHost *host;
} Mending;

static bool is_about(const Finding *f, const char *host, const char *path) {
        return f->id == FINDING_SHARE_ACCESS && text_equal_nocase(f->host, host) && text_equal_nocase(f->object, path);
}

static Finding *known(const Mending *m, const char *path) {
        for (size_t i = 0; i < m->findings->count; i++)
                if (is_about(&m->findings->list[i], m->host->host, path))
                        return &m->findings->list[i];
        return NULL;
}

static const Wanted *wanted(const Mending *m, const char *path) {
        char text[UNC_TEXT_MAX + 1];

        for (size_t i = 0; i < m->wanted_count; i++) {
                unc_text(&m->wanted[i].unc, text);
                if (text_equal_nocase(text, path))
                        return &m->wanted[i];
        }
        return NULL;
}

/* Where the share refuses, MxAc shows nothing of the files; only their lists do. */
static bool share_hides(const Mending *m) {
        char share[UNC_TEXT_MAX + 1];
        Unc unc = m->survey->unc;

        unc.path[0] = '\0';
        unc_text(&unc, share);
        return known(m, share) != NULL;
}

/* One command for every kind of file server; where it cannot help there is none. */
static void offer_grant(const Mending *m, const SurveyCell *c, Finding *f) {
        bool share = c->layer == MATRIX_SHARE;
        auto_free char *path = finding_quote(share ? m->vm->folder : c->path);

        if (path && (c->cell.grant || c->cell.remove_count > 0))
                finding_remedy(f, m->machine.host, "Grant-VMShareAccess %s -ComputerName %s -Credential Administrator", path,
                               m->host->host);
}

static int explain(void *userdata, const SurveyCell *c, Error *err) {
        static const char *const things[] = { [MATRIX_SHARE] = "share", [MATRIX_FOLDER] = "folder", [MATRIX_FILE] = "file" };
        Mending *m = userdata;
        char reason[REASON_MAX], entry[FINDING_EXTRA_MAX], rights[RIGHTS_TEXT_MAX];
        Finding *f = known(m, c->path);
        const Wanted *what = c->layer == MATRIX_SHARE ? NULL : wanted(m, c->path);
        bool medium = what && what->use == WANTED_MEDIUM;
        SurveyCell read;

        if (medium) {
                survey_judge_medium(m->survey, m->host, c->item, &read);
                c = &read;
        }
        if (c->cell.state == MATRIX_GRANTED)
                return 0;
        if (!f && what && !medium && share_hides(m)) {
                f = finding_add(m->findings, FINDING_SHARE_ACCESS, ERROR_DENIED, "%s", "");
                if (!f)
                        return 0;
                (void)snprintf(f->host, sizeof f->host, "%s", m->host->host);
                finding_about(f, c->path);
        }
        if (!f)
                return 0;
        access_reason(m->survey, m->host, c, reason, sizeof reason, entry, sizeof entry);
        rights_text(c->cell.missing, c->layer == MATRIX_FOLDER, rights);
        (void)snprintf(f->message, sizeof f->message, "%.60s lacks %.100s on the %s %.160s: %.170s", f->host,
                       c->cell.missing != c->cell.needed ? rights : medium ? "Read" : "Modify", things[c->layer], c->path, reason);
        text_mend(f->message);
        finding_because(f, NULL, "%s%s%s", c->cell.proven ? "the file server says so" : "computed from the directory",
                        *entry ? "; the entry is " : "", entry);
        if (!medium)            /* it grants Modify */
                offer_grant(m, c, f);
        Mend *mend = &m->mends->each[f - m->findings->list];
        mend_done(mend);
        if (c->cell.reason == MATRIX_SERVER_REFUSES)
                return compare_server_writable(&m->survey->unc, mend, err);
        return mend_write(m->survey, m->host, c, mend, err);
}

/* What is looked at for @f: the machine's folder with all that lies in it, or the one file elsewhere. */
static int root_of(const Mending *m, const Finding *f, char to[static UNC_TEXT_MAX + 1], Error *err) {
        Unc folder, object;
        char text[UNC_TEXT_MAX + 1];

        if (unc_parse(m->vm->folder, &folder, err) < 0 || unc_parse(f->object, &object, err) < 0)
                return -1;
        unc_text(&folder, to);
        size_t size = strlen(to);
        if (text_starts_nocase(f->object, to) && (f->object[size] == '\0' || f->object[size] == '\\'))
                return 0;
        for (size_t i = 0; !*object.path && i < m->wanted_count; i++) { /* a share: of whatever lies on it */
                unc_text(&m->wanted[i].unc, text);
                size = strlen(f->object);
                if (text_starts_nocase(text, f->object) && text[size] == '\\') {
                        (void)memcpy(to, text, sizeof text);
                        return 0;
                }
        }
        unc_text(&object, to);
        return 0;
}

static int look(Mending *m, const char *host_name, const char *root, Error *err) {
        auto_(survey_done) Survey survey = { 0 };
        auto_(survey_host_done) SurveyHost host = { 0 };
        Error ignored;

        if (survey_read(m->directory, root, NULL, true, &survey, err) < 0 ||
            survey_host(&survey, host_name, m->machine.account, &host, err) < 0)
                return -1;
        /* without its answer it is computed, and the finding says that */
        if (!host.self)
                (void)!survey_ask(&survey, node_live(m->node), &host, &ignored);
        m->survey = &survey;
        m->host = &host;
        return survey_judge(&survey, &host, explain, m, err);
}

/* Each host and path is looked at once, however many findings it has. */
static void explain_access(Mending *m) {
        char done_host[FINDING_HOST_MAX] = "", done_root[UNC_TEXT_MAX + 1] = "", root[UNC_TEXT_MAX + 1];
        size_t count = m->findings->count;      /* those added meanwhile are explained already */
        Error ignored;

        for (size_t i = 0; i < count; i++) {
                const Finding *f = &m->findings->list[i];
                if (f->id != FINDING_SHARE_ACCESS || !*f->object || root_of(m, f, root, &ignored) < 0 ||
                    (strcmp(done_host, f->host) == 0 && strcmp(done_root, root) == 0))
                        continue;
                (void)snprintf(done_host, sizeof done_host, "%s", f->host);
                (void)memcpy(done_root, root, sizeof done_root);
                (void)!look(m, done_host, root, &ignored);
        }
}

/* A medium is not the machine's: without it the machine goes on. */
static void offer_eject(const Mending *m, Finding *f) {
        auto_free char *name = finding_quote(m->vm->name);

        if (!name || f->id != FINDING_DISK || f->kind != ERROR_NOT_FOUND)
                return;
        for (unsigned i = 0; i < m->vm->dvd_count; i++) {
                const VmDvd *dvd = &m->vm->dvds[i];
                if (text_equal_nocase(dvd->path, f->object))
                        finding_remedy(f, m->machine.host, "Set-VMDvdDrive %s -ControllerNumber %u -ControllerLocation %u -Path $null",
                                       name, dvd->slot.controller, dvd->slot.location);
        }
}

int compare_mend(Node *node, const VmDefinition *vm, Findings *findings, CompareMends *ret, Error *err) {
        auto_free Mending *m = calloc(1, sizeof *m);

        if (!m)
                return error_oom(err);
        *m = (Mending){ .node = node, .vm = vm, .findings = findings, .mends = ret };
        if (node_machine(node, &m->machine, err) < 0 || node_directory(node, &m->directory, err) < 0 ||
            access_wanted(vm, m->wanted, &m->wanted_count, err) < 0)
                return -1;
        explain_access(m);
        for (size_t i = 0; i < findings->count; i++)
                offer_eject(m, &findings->list[i]);
        for (size_t i = 0; i < findings->count; i++)
                if (compare_server_mend(&findings->list[i], &ret->each[i], err) < 0 ||
                    compare_directory_mend(&findings->list[i], &ret->each[i], err) < 0)
                        return -1;
        return 0;
}
