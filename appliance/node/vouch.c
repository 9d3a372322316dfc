#include "appliance/node/vouch.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

int vouch_json(const VouchClaim *claim, sd_json_variant **ret, Error *err) {
        int r = sd_json_build(
                ret, SD_JSON_BUILD_OBJECT(
                             SD_JSON_BUILD_PAIR_CONDITION(*claim->sid != '\0', "Sid", SD_JSON_BUILD_STRING(claim->sid)),
                             SD_JSON_BUILD_PAIR_STRING("Role", role_name(claim->role)),
                             SD_JSON_BUILD_PAIR_STRING("Origin", claim->origin)));
        return r < 0 ? error_oom(err) : 0;
}

static const char *string_of(sd_json_variant *json, const char *name) {
        sd_json_variant *value = sd_json_variant_by_key(json, name);
        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

/* Addresses and names only: it stands in the journal. */
static bool is_plain(const char *text) {
        for (; *text; text++)
                if (iscntrl((unsigned char)*text) || (unsigned char)*text >= 0x80)
                        return false;
        return true;
}

static int find_role(const char *name) {
        for (Role role = ROLE_READER; name && role <= ROLE_ADMINISTRATOR; role++)
                if (strcmp(role_name(role), name) == 0)
                        return (int)role;
        return -1;
}

int vouch_parse(sd_json_variant *json, VouchClaim *ret, Error *err) {
        VouchClaim claim = { 0 };
        Sid sid;

        if (!sd_json_variant_is_object(json))
                return error_set(err, ERROR_PROTOCOL, 0, "a host must say who asks");
        for (size_t i = 0; i + 1 < sd_json_variant_elements(json); i += 2) {
                const char *key = sd_json_variant_string(sd_json_variant_by_index(json, i));
                if (strcmp(key, "Sid") != 0 && strcmp(key, "Role") != 0 && strcmp(key, "Origin") != 0)
                        return error_set(err, ERROR_PROTOCOL, 0, "a host says more of its caller than is understood");
        }
        const char *text = string_of(json, "Sid"), *origin = string_of(json, "Origin");
        int role = find_role(string_of(json, "Role"));
        if (role < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "a host gives its caller no role");
        if (sd_json_variant_by_key(json, "Sid") && (!text || !sid_parse(text, &sid)))
                return error_set(err, ERROR_PROTOCOL, 0, "a host names its caller by something that is no SID");
        if (!origin || strlen(origin) >= sizeof claim.origin || !is_plain(origin))
                return error_set(err, ERROR_PROTOCOL, 0, "a host does not say where its caller is");
        if (text)
                sid_text(&sid, claim.sid);      /* one spelling */
        claim.role = (Role)role;
        (void)snprintf(claim.origin, sizeof claim.origin, "%s", origin);
        *ret = claim;
        return 0;
}

/* ---- judging ------------------------------------------------------------------------------------------ */

static void to_bytes(const Sid *sid, DirectorySid *ret) {
        Writer w = writer_of(ret->bytes, sizeof ret->bytes);
        sid_write(&w, sid);
        ret->size = w.at;
}

/* The groups of the account, as a sign-in would bring them. */
static int take_logon(Directory *directory, const Sid *sid, const char *name, PacLogon **ret, Error *err) {
        auto_free DirectorySid *groups = NULL;
        const char *slash = strchr(name, '\\');
        DirectorySid bytes;
        size_t count = 0;

        to_bytes(sid, &bytes);
        if (directory_user_groups(directory, &bytes, &groups, &count, err) < 0)
                return -1;
        auto_free PacLogon *logon = calloc(1, sizeof *logon + count * sizeof logon->groups[0]);
        if (!logon)
                return error_oom(err);
        (void)snprintf(logon->domain, sizeof logon->domain, "%.*s", slash ? (int)(slash - name) : 0, name);
        (void)snprintf(logon->user, sizeof logon->user, "%s", slash ? slash + 1 : name);
        logon->sid = *sid;
        for (size_t i = 0; i < count; i++) {
                Reader r = reader_of(groups[i].bytes, groups[i].size);
                if (!sid_read(&r, &logon->groups[logon->group_count++]) || !reader_done(&r))
                        return error_set(err, ERROR_PROTOCOL, 0, "the directory sent a damaged SID");
        }
        *ret = take_ptr(logon);
        return 0;
}

int vouch_account(Node *node, const Sid *sid, char ret_name[static VOUCH_NAME_MAX], Role *ret_role, Error *err) {
        Directory *directory = NULL;
        auto_free PacLogon *logon = NULL;
        char name[DIRECTORY_PRINCIPAL_MAX];
        DirectorySid bytes;

        static_assert((int)DIRECTORY_PRINCIPAL_MAX <= (int)VOUCH_NAME_MAX, "a name of the directory fits");
        to_bytes(sid, &bytes);
        if (node_directory(node, &directory, err) < 0 || directory_sid_name(directory, &bytes, name, err) < 0 ||
            take_logon(directory, sid, name, &logon, err) < 0)
                return -1;
        for (const char *p = name; *p; p++)
                if (iscntrl((unsigned char)*p))
                        return error_set(err, ERROR_DENIED, 0, "the account has a name that cannot be shown");
        if (roles_judge(node->roles, directory, logon, ret_role, err) < 0)
                return -1;
        (void)snprintf(ret_name, VOUCH_NAME_MAX, "%s", name);
        return 0;
}

static int judge_account(Node *node, const char *text, char ret_name[static VOUCH_NAME_MAX], Role *ret_role, Error *err) {
        Sid sid;

        if (!sid_parse(text, &sid))
                return error_set(err, ERROR_PROTOCOL, 0, "'%s' is no SID", text);
        return vouch_account(node, &sid, ret_name, ret_role, err);
}

int vouch_judge(Node *node, const char *host, const VouchClaim *claim, char ret_name[static VOUCH_NAME_MAX],
                Role *ret_role, Error *err) {
        int most = node->config.peer_role;
        Role own = ROLE_ADMINISTRATOR;

        if (most < 0)
                return error_set(err, ERROR_DENIED, 0,
                                 "this host runs no commands that other hosts bring (MaximumPeerRole in node.json is "
                                 "None); run the command on the host itself");
        (void)snprintf(ret_name, VOUCH_NAME_MAX, "%.100s\\root", host);
        if (*claim->sid && judge_account(node, claim->sid, ret_name, &own, err) < 0)
                return error_wrap(err, "%s asks for somebody", host);
        *ret_role = own < claim->role ? own : claim->role;
        if ((int)*ret_role > most)
                *ret_role = (Role)most;
        return 0;
}
