#include "appliance/node/access-survey.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/share/share-list.h"

#define STATUS_ACCESS_DENIED ((int)0xC0000022)

enum { RID_DOMAIN_COMPUTERS = 515, STRANGER_RID = 0x7FFFFFFF, ALL_BITS = 0x1FFFFF };

/* ---- the directory ----------------------------------------------------------------------------------- */

static int to_sid(const DirectorySid *from, Sid *ret, Error *err) {
        Reader r = reader_of(from->bytes, from->size);

        if (!sid_read(&r, ret) || !reader_done(&r))
                return error_set(err, ERROR_PROTOCOL, 0, "the directory sent a damaged SID");
        return 0;
}

void survey_name(const Survey *survey, const Sid *sid, char to[static DIRECTORY_PRINCIPAL_MAX]) {
        const char *known = sid_well_known_name(sid);
        DirectorySid bytes = { 0 };
        Writer w = writer_of(bytes.bytes, sizeof bytes.bytes);
        Error ignored;

        if (known) {
                (void)snprintf(to, DIRECTORY_PRINCIPAL_MAX, "%s", known);
                return;
        }
        sid_write(&w, sid);
        bytes.size = w.at;
        if (directory_sid_name(survey->directory, &bytes, to, &ignored) < 0) {
                static_assert((int)SID_TEXT_MAX <= (int)DIRECTORY_PRINCIPAL_MAX, "a SID fits");
                sid_text(sid, to);
        }
}

static int know_group(Survey *s, Error *err) {
        DirectorySid bytes;
        uint32_t rid;

        if (directory_fabric_sid(s->directory, &bytes, err) < 0 || to_sid(&bytes, &s->group, err) < 0)
                return -1;
        (void)sid_split(&s->group, &s->domain, &rid);
        survey_name(s, &s->group, s->group_name);
        return 0;
}

void survey_host_done(SurveyHost *host) {
        free(host->token);
        free(host->asked.access);
        host->token = NULL;
        host->asked = (SurveyProof){ 0 };
}

static int take_token(Directory *directory, const char *account, bool again, Token *token, Error *err) {
        auto_free DirectorySid *sids = NULL;
        size_t count;

        if (directory_groups(directory, account, again, &sids, &count, err) < 0)
                return -1;
        token->count = 0;
        for (size_t i = 0; i < count; i++) {
                Sid sid;
                if (to_sid(&sids[i], &sid, err) < 0 || token_add(token, &sid, err) < 0)
                        return -1;
        }
        return token_add_network(token, err);
}

int survey_host(const Survey *survey, const char *name, const char *self, SurveyHost *ret, Error *err) {
        auto_(survey_host_done) SurveyHost host = { .token = calloc(1, sizeof *host.token) };
        DirectoryComputer computer;

        if (!host.token)
                return error_oom(err);
        if ((name ? directory_computer_by_host(survey->directory, name, &computer, err)
                  : directory_computer(survey->directory, self, &computer, err)) < 0 ||
            take_token(survey->directory, computer.account, false, host.token, err) < 0)
                return -1;
        /* before it is said that a host is outside: an administrator may have just mended that */
        if (!token_has(host.token, &survey->group) &&
            take_token(survey->directory, computer.account, true, host.token, err) < 0)
                return -1;
        (void)snprintf(host.account, sizeof host.account, "%s", computer.account);
        (void)snprintf(host.name, sizeof host.name, "%s", computer.account);
        host.name[strcspn(host.name, "$")] = '\0';
        (void)snprintf(host.host, sizeof host.host, "%s", computer.host);
        host.in_fabric = computer.in_fabric;
        host.self = text_equal_nocase(computer.account, self);
        if (host.self && survey->own.given)
                host.proof = &survey->own;
        *ret = host;
        host.token = NULL;
        return 0;
}

static const char **paths_of(const Survey *s) {
        const char **paths = calloc(s->all.count + 1, sizeof *paths);

        for (size_t i = 0; paths && i < s->all.count; i++)
                paths[i] = s->all.items[i].path;
        return paths;
}

int survey_ask(const Survey *survey, Live *live, SurveyHost *host, Error *err) {
        auto_(prove_answer_done) ProveAnswer answer = { 0 };
        auto_free const char **paths = paths_of(survey);
        char share[UNC_TEXT_MAX + 1];

        if (!paths)
                return error_oom(err);
        unc_text(&survey->unc, share);
        if (live_prove(live, host->host, share, paths, survey->all.count, &answer, err) < 0)
                return -1;
        host->asked =
                (SurveyProof){ .given = true, .share = answer.share & ALL_BITS, .access = take_ptr(answer.access) };
        host->proof = &host->asked;
        return 0;
}

int survey_stranger(const Survey *survey, SurveyHost *ret, Error *err) {
        auto_(survey_host_done) SurveyHost host = { .account = "any other computer",
                                                    .name = "any other computer",
                                                    .token = calloc(1, sizeof *host.token) };
        Sid computers = sid_in_domain(&survey->domain, RID_DOMAIN_COMPUTERS);
        Sid itself = sid_in_domain(&survey->domain, STRANGER_RID);

        if (!host.token)
                return error_oom(err);
        if (token_add(host.token, &itself, err) < 0 || token_add(host.token, &computers, err) < 0 ||
            token_add_network(host.token, err) < 0)
                return -1;
        *ret = host;
        host.token = NULL;
        return 0;
}

/* ---- the file server ----------------------------------------------------------------------------------- */

/* What came is an offer: one damaged descriptor is that file's finding, not the end of the survey. */
static int decode_all(Survey *s, Error *err) {
        if (!(s->lists = calloc(s->all.count + 1, sizeof *s->lists)))
                return error_oom(err);
        for (size_t i = 0; i < s->all.count; i++) {
                PermissionsItem *item = &s->all.items[i];
                Error why = { 0 };
                if (item->bytes && descriptor_decode(item->bytes, item->size, &s->lists[i], &why) < 0)
                        permissions_forget(item, &why);
        }
        return 0;
}

static void item_path(const Survey *s, size_t item, char to[static UNC_TEXT_MAX + 1]) {
        Unc unc = s->unc;

        if (item == SURVEY_SHARE)
                unc.path[0] = '\0';
        else
                (void)snprintf(unc.path, sizeof unc.path, "%s", s->all.items[item].path);
        unc_text(&unc, to);
}

/* TREE_CONNECT was refused: the share itself lets this account not in. */
static bool is_refusal(const Error *err) {
        return err->kind == ERROR_DENIED && err->cause == STATUS_ACCESS_DENIED;
}

/* What @told says of access becomes the proof; lists that only it could read are taken over: it may own a file. */
static int take_proof(Survey *s, Permissions *told, Error *err) {
        if (!(s->own.access = calloc(s->all.count + 1, sizeof *s->own.access)))
                return error_oom(err);
        s->own.given = true;
        s->own.share = told->share_access & ALL_BITS;
        for (size_t i = 0; i < s->all.count; i++) {
                PermissionsItem *item = i < told->count ? &told->items[i] : NULL;
                bool refused = !item || item->refused == ERROR_DENIED;
                s->own.access[i] = refused        ? PROVE_REFUSED
                                   : item->proven ? (int64_t)item->maximal_access
                                                  : PROVE_UNKNOWN;
                if (item && item != &s->all.items[i] && item->bytes && !s->all.items[i].bytes) {
                        s->all.items[i].bytes = take_ptr(item->bytes);
                        s->all.items[i].size = item->size;
                }
        }
        return 0;
}

/* As this host: what was found by another's ticket. */
static int prove_found(Survey *s, const char *unc, Error *err) {
        auto_(permissions_done) Permissions told = { 0 };
        auto_(share_link_end) ShareLink link = { 0 };
        auto_free const char **paths = paths_of(s);

        if (!paths)
                return error_oom(err);
        if (permissions_read_some(unc, &link, paths, s->all.count, &told, err) < 0) {
                if (!is_refusal(err))
                        return -1;
        } else if (permissions_try_unlisted(unc, &link, &told, err) < 0) {
                return -1;
        }
        return take_proof(s, &told, err);
}

static int read_files(Survey *s, const char *unc, const char *lister, bool prove, Error *err) {
        auto_(share_link_end) ShareLink link = { 0 };

        if (permissions_read(unc, lister, true, &s->all, err) < 0) {
                if (lister || !is_refusal(err))
                        return -1;
        } else if (!lister && permissions_try_unlisted(unc, &link, &s->all, err) < 0) {
                return -1;
        }
        if (!lister ? take_proof(s, &s->all, err) < 0 : prove && prove_found(s, unc, err) < 0)
                return -1;
        return decode_all(s, err);
}

int survey_read(Directory *directory, const char *unc, const char *lister, bool prove, Survey *ret, Error *err) {
        auto_(survey_done) Survey s = { .directory = directory };

        if (unc_parse(unc, &s.unc, err) < 0 || know_group(&s, err) < 0 ||
            read_files(&s, unc, lister, prove, err) < 0)
                return -1;
        s.share_known = share_list_read(unc, lister, &s.share, &s.share_unknown) == 0;
        *ret = s;
        s = (Survey){ 0 };
        return 0;
}

void survey_done(Survey *s) {
        for (size_t i = 0; s->lists && i < s->all.count; i++)
                descriptor_done(&s->lists[i]);
        free(s->lists);
        free(s->own.access);
        permissions_done(&s->all);
        descriptor_done(&s->share);
        *s = (Survey){ 0 };
}

/* ---- judging --------------------------------------------------------------------------------------------- */

static const Descriptor *list_of(const Survey *s, size_t item) {
        if (item == SURVEY_SHARE)
                return s->share_known ? &s->share : NULL;
        return s->all.items[item].bytes ? &s->lists[item] : NULL;
}

static uint32_t granted_by(const Descriptor *d, const Token *token) {
        Access access = { 0 };

        if (d)
                access_compute(d, token, &access);
        return access.granted;
}

static void judge_item(const Survey *s, const SurveyHost *host, size_t i, uint32_t needed, uint32_t *parent_granted,
                       size_t *parent, SurveyCell *cell) {
        const PermissionsItem *item = &s->all.items[i];
        bool has_parent = item->parent != i;

        if (has_parent && *parent != item->parent) {
                *parent = item->parent;
                *parent_granted = granted_by(list_of(s, item->parent), host->token);
        }
        cell->item = i;
        cell->layer = item->folder ? MATRIX_FOLDER : MATRIX_FILE;
        cell->list = list_of(s, i);
        item_path(s, i, cell->path);
        const SurveyProof *proof = host->proof;
        int64_t told = proof && proof->share ? proof->access[i]
                                             : PROVE_UNKNOWN; /* not let in: nothing was said of files */
        const MatrixQuestion q = {
                .layer = cell->layer,
                .needed = needed,
                .read_only = item->attributes & PERMISSIONS_READ_ONLY,
                .descriptor = cell->list,
                .parent = has_parent ? list_of(s, item->parent) : NULL,
                .parent_granted = has_parent ? *parent_granted : 0,
                .token = host->token,
                .group = &s->group,
                .proven = told != PROVE_UNKNOWN,
                .proof = told > 0 ? (uint32_t)told : 0,
                .share_proof = matrix_shown(proof ? proof->share : 0),
        };
        matrix_judge(&q, &cell->cell);
}

static void judge_share(const Survey *s, const SurveyHost *host, SurveyCell *cell) {
        const MatrixQuestion q = {
                .layer = MATRIX_SHARE,
                .descriptor = list_of(s, SURVEY_SHARE),
                .token = host->token,
                .group = &s->group,
                .proven = host->proof,
                .proof = host->proof ? host->proof->share : 0,
                .share_proof = ALL_BITS,
        };

        cell->item = SURVEY_SHARE;
        cell->layer = MATRIX_SHARE;
        cell->list = q.descriptor;
        item_path(s, SURVEY_SHARE, cell->path);
        matrix_judge(&q, &cell->cell);
}

int survey_judge(const Survey *s, const SurveyHost *host,
                 int (*each)(void *userdata, const SurveyCell *cell, Error *err), void *userdata, Error *err) {
        uint32_t parent_granted = 0;
        size_t parent = SIZE_MAX;
        SurveyCell cell;

        judge_share(s, host, &cell);
        if (each(userdata, &cell, err) < 0)
                return -1;
        for (size_t i = 0; i < s->all.count; i++) {
                if (s->all.items[i].refused == ERROR_NOT_FOUND) /* it went while we looked */
                        continue;
                judge_item(s, host, i, 0, &parent_granted, &parent, &cell);
                if (each(userdata, &cell, err) < 0)
                        return -1;
        }
        return 0;
}

void survey_judge_medium(const Survey *s, const SurveyHost *host, size_t item, SurveyCell *ret) {
        uint32_t parent_granted = 0;
        size_t parent = SIZE_MAX;

        judge_item(s, host, item, MATRIX_NEEDED_MEDIUM, &parent_granted, &parent, ret);
}

uint32_t survey_reach(const Survey *s, const SurveyHost *host, size_t item) {
        uint32_t share = s->share_known ? granted_by(&s->share, host->token) : ALL_BITS;
        return share & granted_by(list_of(s, item), host->token);
}
