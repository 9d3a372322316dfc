#include "migrate/prove.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "migrate/live-internal.h"
#include "smb/share/permissions.h"

#define STATUS_ACCESS_DENIED ((int)0xC0000022)

static void unrefp(sd_json_variant **v) {
        *v = sd_json_variant_unref(*v);
}

void prove_answer_done(ProveAnswer *answer) {
        free(answer->access);
        *answer = (ProveAnswer){ 0 };
}

/* ---- asked ----------------------------------------------------------------------------------------- */

static int take_paths(sd_json_variant *list, const char *paths[static PROVE_PATHS_MAX], size_t *ret_count,
                      Error *err) {
        size_t count = list && sd_json_variant_is_array(list) ? sd_json_variant_elements(list) : 0;

        if (count > PROVE_PATHS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a request to prove names more than %d files",
                                 PROVE_PATHS_MAX);
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *v = sd_json_variant_by_index(list, i);
                if (!sd_json_variant_is_string(v))
                        return error_set(err, ERROR_PROTOCOL, 0, "a request to prove has a path that is no text");
                paths[i] = sd_json_variant_string(v);
        }
        *ret_count = count;
        return 0;
}

static int answer(const Permissions *all, size_t count, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *access = NULL;

        if (sd_json_variant_new_array(&access, NULL, 0) < 0)
                return error_oom(err);
        for (size_t i = 0; i < count; i++) {
                const PermissionsItem *item = i < all->count ? &all->items[i] : NULL;
                bool refused = !item || item->refused == ERROR_DENIED;
                auto_(unrefp) sd_json_variant *v = NULL;
                if (sd_json_variant_new_integer(&v, refused        ? PROVE_REFUSED
                                                    : item->proven ? (int64_t)item->maximal_access
                                                                   : PROVE_UNKNOWN) < 0 ||
                    sd_json_variant_append_array(&access, v) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("Share", all->share_access),
                           SD_JSON_BUILD_PAIR_VARIANT("Access", access)) < 0)
                return error_oom(err);
        return 0;
}

int prove_serve(sd_json_variant *parameters, sd_json_variant **ret, Error *err) {
        auto_(permissions_done) Permissions all = { 0 };
        auto_(share_link_end) ShareLink link = { 0 };
        const char *paths[PROVE_PATHS_MAX], *unc = live_string(parameters, "Unc");
        size_t count = 0;

        if (take_paths(sd_json_variant_by_key(parameters, "Paths"), paths, &count, err) < 0)
                return -1;
        if (permissions_read_some(unc, &link, paths, count, &all, err) < 0) {
                if (err->kind != ERROR_DENIED || err->cause != STATUS_ACCESS_DENIED)
                        return -1;
                *err = (Error){ 0 }; /* the share lets us not in: that is the answer */
        } else if (permissions_try_unlisted(unc, &link, &all, err) < 0) {
                return -1;
        }
        return answer(&all, count, ret, err);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

int prove_reply_parse(sd_json_variant *reply, size_t count, int64_t *to, uint32_t *ret_share, Error *err) {
        sd_json_variant *access = sd_json_variant_by_key(reply, "Access");
        uint64_t share = live_unsigned(reply, "Share");

        if (!access || !sd_json_variant_is_array(access) || sd_json_variant_elements(access) != count ||
            share > UINT32_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "its answer about the share is damaged");
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *v = sd_json_variant_by_index(access, i);
                int64_t value = sd_json_variant_is_integer(v) ? sd_json_variant_integer(v) : INT64_MIN;
                if (value < PROVE_UNKNOWN || value > UINT32_MAX)
                        return error_set(err, ERROR_PROTOCOL, 0, "its answer about the share is damaged");
                to[i] = value;
        }
        *ret_share = (uint32_t)share;
        return 0;
}

static int ask(Channel *channel, const char *unc, const char *const *paths, size_t count, int64_t *to,
               uint32_t *ret_share, Error *err) {
        auto_(unrefp) sd_json_variant *list = NULL, *parameters = NULL, *reply = NULL;

        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (size_t i = 0; i < count; i++) {
                auto_(unrefp) sd_json_variant *v = NULL;
                if (sd_json_variant_new_string(&v, paths[i]) < 0 || sd_json_variant_append_array(&list, v) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("Unc", unc),
                           SD_JSON_BUILD_PAIR_VARIANT("Paths", list)) < 0)
                return error_oom(err);
        if (channel_call(channel, "prove", parameters, LIVE_CALL_US, &reply, err) < 0)
                return -1;
        return prove_reply_parse(reply, count, to, ret_share, err);
}

int live_prove(Live *live, const char *host, const char *unc, const char *const *paths, size_t count,
               ProveAnswer *ret, Error *err) {
        auto_(prove_answer_done) ProveAnswer all = { .access = calloc(count + 1, sizeof *all.access) };
        Channel *channel = NULL;
        int r = 0;

        if (!all.access)
                return error_oom(err);
        if (live_connect(live, host, &channel, err) < 0)
                return -1;
        for (size_t at = 0; r == 0 && (at < count || at == 0); at += PROVE_PATHS_MAX) {
                size_t piece = count - at < PROVE_PATHS_MAX ? count - at : PROVE_PATHS_MAX;
                r = ask(channel, unc, paths + at, piece, all.access + at, &all.share, err);
        }
        channel_free(channel);
        if (r < 0)
                return error_wrap(err, "%s did not say what it may do", host);
        *ret = all;
        all.access = NULL;
        return 0;
}
