#include "migrate/compare-internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define STATUS_ACCESS_DENIED ((int)0xC0000022)
#define STATUS_NOT_SUPPORTED ((int)0xC00000BB)

/* ---- what is asked about --------------------------------------------------------------------------- */

static int want(const char *path, MatrixLayer layer, WantedUse use, Wanted *to, size_t *count, Error *err) {
        to[*count] = (Wanted){ .layer = layer, .use = use };
        if (unc_parse(path, &to[*count].unc, err) < 0)
                return -1;
        (*count)++;
        return 0;
}

int access_wanted(const VmDefinition *d, Wanted to[static ACCESS_WANTED_MAX], size_t *ret_count, Error *err) {
        char path[DISK_UNC_MAX];
        auto_free char *ledger = text_format("%s\\owner.json", d->folder);
        size_t count = 0;

        if (!ledger)
                return error_oom(err);
        if (definition_path(d, path, sizeof path, err) < 0 ||
            want(d->folder, MATRIX_FOLDER, WANTED_ALWAYS, to, &count, err) < 0 ||
            want(path, MATRIX_FILE, WANTED_ALWAYS, to, &count, err) < 0 ||
            want(ledger, MATRIX_FILE, WANTED_MAYBE, to, &count, err) < 0)
                return -1;
        for (unsigned i = 0; i < d->disk_count; i++)
                if (want(d->disks[i], MATRIX_FILE, WANTED_DISK, to, &count, err) < 0)
                        return -1;
        for (unsigned i = 0; i < d->dvd_count; i++)
                if (*d->dvds[i].path && want(d->dvds[i].path, MATRIX_FILE, WANTED_MEDIUM, to, &count, err) < 0)
                        return -1;
        *ret_count = count;
        return 0;
}

static bool same_share(const Unc *a, const Unc *b) {
        return strcmp(a->host, b->host) == 0 && text_equal_nocase(a->share, b->share);
}

static void share_text(const Unc *unc, char to[static UNC_TEXT_MAX + 1]) {
        Unc share = *unc;
        share.path[0] = '\0';
        unc_text(&share, to);
}

/* ---- what was answered ------------------------------------------------------------------------------- */

static void lacks(const char *vm, const char *what, const char *path, uint32_t missing, bool folder, uint32_t access,
                  Findings *findings) {
        char rights[RIGHTS_TEXT_MAX];

        rights_text(missing, folder, rights);
        Finding *f = finding_add(findings, FINDING_SHARE_ACCESS, ERROR_DENIED,
                                 "%s lacks %s on the %s %s, and \"%s\" needs that there", findings->host, rights, what,
                                 path, vm);
        finding_because(f, NULL, "the file server says 0x%06x (MaximalAccess)", access);
        finding_about(f, path);
}

static void judge_item(const char *vm, const Wanted *wanted, const PermissionsItem *item, uint32_t shown,
                       Findings *findings) {
        bool folder = wanted->layer == MATRIX_FOLDER, refused = item->refused == ERROR_DENIED;
        bool medium = wanted->use == WANTED_MEDIUM;
        uint32_t access = refused ? 0 : item->maximal_access;
        uint32_t needed = medium ? MATRIX_NEEDED_MEDIUM : matrix_needed(wanted->layer);
        char path[UNC_TEXT_MAX + 1];

        unc_text(&wanted->unc, path);
        if (item->refused == ERROR_NOT_FOUND) {
                if (wanted->use == WANTED_MAYBE)
                        return;
                Finding *f = finding_add(findings, FINDING_DISK, ERROR_NOT_FOUND,
                                         "%s finds no %s; \"%s\" needs it: bring it back there, or name its new place",
                                         findings->host, path, vm);
                finding_because(f, NULL, "the file server says that there is none");
                finding_about(f, path);
                return;
        }
        if ((item->refused && !refused) || (!refused && !item->proven))
                return;         /* whoever uses it says so himself; or the server does not say */
        if (item->attributes & PERMISSIONS_READ_ONLY && !folder && !medium) {
                Finding *f = finding_add(findings, FINDING_READ_ONLY, ERROR_DENIED,
                                         "%s has the attribute Read-only, so %s cannot write it for \"%s\"; take the "
                                         "attribute away", path, findings->host, vm);
                finding_because(f, NULL, "attributes 0x%x", item->attributes);
                finding_about(f, path);
                shown &= matrix_shown(RIGHTS_READ);     /* it hides what a share that may only be read hides */
        }
        if (needed & shown & ~access)
                lacks(vm, folder ? "folder" : "file", path, needed & shown & ~access, folder, access, findings);
}

void access_judge_share(const char *vm, const Wanted *wanted, const Permissions *told, Findings *findings) {
        uint32_t share = told->share_access, needed = MATRIX_NEEDED_MEDIUM;    /* a share of media may be read-only */
        char path[UNC_TEXT_MAX + 1];

        for (size_t i = 0; i < told->count; i++)
                needed |= wanted[i].use == WANTED_MEDIUM ? 0 : matrix_needed(MATRIX_SHARE);
        share_text(&wanted[0].unc, path);
        if (needed & ~share)
                lacks(vm, "share", path, needed & ~share, false, share, findings);
        for (size_t i = 0; i < told->count; i++)
                judge_item(vm, &wanted[i], &told->items[i], matrix_shown(share), findings);
}

/* The engine's cause for a server that knows no SMB 3: the dialect that it chose, or that it chose none. */
static bool is_old(int cause) { return (cause >= 0x0202 && cause < SMB_3_0) || cause == STATUS_NOT_SUPPORTED; }

void access_judge_refusal(const char *vm, const Unc *unc, const Error *why, Findings *findings) {
        char path[UNC_TEXT_MAX + 1];

        share_text(unc, path);
        if (why->kind == ERROR_DENIED && why->cause == STATUS_ACCESS_DENIED) {
                lacks(vm, "share", path, matrix_needed(MATRIX_SHARE), false, 0, findings);
                return;
        }
        FindingId id = why->kind != ERROR_UNSUPPORTED ? FINDING_DISK : is_old(why->cause) ? FINDING_DIALECT : FINDING_SEALED;
        Finding *f = finding_add(findings, id, why->kind,
                                 "%s cannot use %s, on which \"%s\" lies: %s", findings->host, path, vm, why->text);
        finding_because(f, NULL, "%s", error_kind_name(why->kind));
        finding_about(f, path);
}

void access_judge_space(const char *vm, const Unc *unc, const Space *space, uint64_t grow_bytes, Findings *findings) {
        bool full = space->free_bytes < COMPARE_SPACE_MIN;
        char path[UNC_TEXT_MAX + 1];

        if (!full && space->free_bytes >= grow_bytes)
                return;
        share_text(unc, path);
        Finding *f = full ? finding_add(findings, FINDING_SPACE, ERROR_LIMIT,
                                        "%s has %llu MB free for %s, and \"%s\" needs %llu MB there while it moves; remove "
                                        "what is old from it, or make it larger", path,
                                        (unsigned long long)(space->free_bytes >> 20), findings->host, vm,
                                        (unsigned long long)(COMPARE_SPACE_MIN >> 20))
                          : finding_add(findings, FINDING_SPACE, ERROR_LIMIT,
                                        "%s has %llu MB free for %s, and the disks of \"%s\" may grow by %llu MB; it stops when "
                                        "there is no more", path, (unsigned long long)(space->free_bytes >> 20),
                                        findings->host, vm, (unsigned long long)(grow_bytes >> 20));
        finding_because(f, NULL, "%llu of %llu bytes free", (unsigned long long)space->free_bytes,
                        (unsigned long long)space->total_bytes);
        finding_about(f, path);
        if (!full)
                finding_advise(f);
}

/* ---- asking ------------------------------------------------------------------------------------------ */

struct AccessLook {
        pthread_t thread;
        bool threaded;
        char vm[VM_NAME_SIZE];
        Wanted wanted[ACCESS_WANTED_MAX];
        size_t count;
        Findings findings;
        ShareLink *link;                /* to the share of the first of them, the machine's folder */
};

/* The wanted files of one share, moved to @to. */
static size_t next_share(AccessLook *look, bool taken[static ACCESS_WANTED_MAX], Wanted to[static ACCESS_WANTED_MAX]) {
        size_t count = 0;

        for (size_t i = 0; i < look->count; i++) {
                if (taken[i] || (count > 0 && !same_share(&to[0].unc, &look->wanted[i].unc)))
                        continue;
                taken[i] = true;
                to[count++] = look->wanted[i];
        }
        return count;
}

static uint64_t may_grow(const Wanted *wanted, const Permissions *told) {
        uint64_t sum = 0;

        for (size_t i = 0; i < told->count; i++)
                if (wanted[i].use == WANTED_DISK && told->items[i].size_bytes > told->items[i].allocated_bytes)
                        sum += told->items[i].size_bytes - told->items[i].allocated_bytes;
        return sum;
}

static void ask_share(AccessLook *look, ShareLink *link, const Wanted *wanted, size_t count) {
        auto_(permissions_done) Permissions told = { 0 };
        const char *paths[ACCESS_WANTED_MAX];
        char share[UNC_TEXT_MAX + 1];
        Error why = { 0 };

        share_text(&wanted[0].unc, share);
        for (size_t i = 0; i < count; i++)
                paths[i] = wanted[i].unc.path;
        if (permissions_read_some(share, link, paths, count, &told, &why) < 0) {
                access_judge_refusal(look->vm, &wanted[0].unc, &why, &look->findings);
                return;
        }
        if (permissions_try_unlisted(share, link, &told, &why) < 0)
                why = (Error){ 0 };     /* then the lists' word stands */
        access_judge_share(look->vm, wanted, &told, &look->findings);
        if (told.has_space)     /* who may not even look at it has been told so */
                access_judge_space(look->vm, &wanted[0].unc, &told.space, may_grow(wanted, &told), &look->findings);
}

static void *look_run(void *userdata) {
        AccessLook *look = userdata;
        bool taken[ACCESS_WANTED_MAX] = { false };
        auto_free Wanted *wanted = calloc(ACCESS_WANTED_MAX, sizeof *wanted);
        size_t count;

        if (wanted && (count = next_share(look, taken, wanted)) > 0)
                ask_share(look, look->link, wanted, count);
        while (wanted && (count = next_share(look, taken, wanted)) > 0) {
                auto_(share_link_end) ShareLink link = { 0 };
                ask_share(look, &link, wanted, count);
        }
        return NULL;
}

int access_look_begin(const VmDefinition *definition, const char *host, AccessLook **ret, Error *err) {
        auto_(access_look_freep) AccessLook *look = calloc(1, sizeof *look);

        if (!look || !(look->link = calloc(1, sizeof *look->link)))
                return error_oom(err);
        (void)snprintf(look->findings.host, sizeof look->findings.host, "%s", host);
        (void)snprintf(look->vm, sizeof look->vm, "%s", definition->name);
        if (access_wanted(definition, look->wanted, &look->count, err) < 0)
                return -1;
        if (pthread_create(&look->thread, NULL, look_run, look) != 0)
                return error_set(err, ERROR_LIMIT, 0, "there are no threads left to look at files");
        look->threaded = true;
        *ret = take_ptr(look);
        return 0;
}

/* Whether @look has found out more about what @f is about: about the file itself, or about its share. */
static bool knows_better(const AccessLook *look, const Finding *f) {
        if ((f->id != FINDING_SHARE_ACCESS && f->id != FINDING_DISK && f->id != FINDING_DIALECT) || !*f->object)
                return false;
        for (size_t i = 0; i < look->findings.count; i++) {
                const Finding *known = &look->findings.list[i];
                size_t size = strlen(known->object);
                if (size > 0 && !known->advice && known->id != FINDING_SPACE &&
                    text_starts_nocase(f->object, known->object) &&
                    (f->object[size] == '\0' || f->object[size] == '\\'))
                        return true;
        }
        return false;
}

void access_look_end(AccessLook *look, Findings *findings, FilesLink **ret_link) {
        size_t kept = 0;

        if (ret_link)
                *ret_link = NULL;
        if (!look)
                return;
        if (look->threaded)
                (void)pthread_join(look->thread, NULL);
        look->threaded = false;
        for (size_t i = 0; i < findings->count; i++)
                if (!text_equal_nocase(findings->list[i].host, look->findings.host) ||
                    !knows_better(look, &findings->list[i])) {
                        if (kept != i)
                                findings->list[kept] = findings->list[i];
                        kept++;
                }
        findings->count = kept;
        for (size_t i = 0; i < look->findings.count && findings->count < FINDINGS_MAX; i++)
                findings->list[findings->count++] = look->findings.list[i];
        if (ret_link && look->link->sync)
                *ret_link = take_ptr(look->link);
        access_look_free(look);
}

void access_look_free(AccessLook *look) {
        if (!look)
                return;
        if (look->threaded)
                (void)pthread_join(look->thread, NULL);
        files_link_end(look->link);
        free(look);
}
