#include "appliance/node/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <systemd/sd-varlink.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "appliance/node/signin.h"
#include "auth/person.h"

#define NO_RECORD "io.systemd.UserDatabase.NoRecordFound"
#define NOT_NOW "io.systemd.UserDatabase.ServiceNotAvailable"
#define KEPT_US (30 * 1000000ULL)       /* sshd asks for one user some ten times */
#define DOWN_US (3 * 1000000ULL)        /* sshd asks again and again: nobody waits for each of them */
#define KEPT_NOT_US (5 * 1000000ULL)    /* the administrator may just have put him into a group */

enum { KNOWN_MAX = 64, CLIENTS_MAX = 256, ASKED_MAX = PERSON_ACCOUNT_MAX + PERSON_DOMAIN_MAX };

typedef struct Known {
        char name[ASKED_MAX];           /* as it was asked for; "" free */
        char shown[VOUCH_NAME_MAX];     /* LAB\anna; "": nobody whom this host lets in */
        uint32_t uid;
        uint64_t until_us;
} Known;

struct People {
        Node *node;
        sd_varlink_server *varlink;
        gid_t gid;
        uint64_t down_until_us;         /* the directory did not answer in time */
        Known known[KNOWN_MAX];
};

typedef struct Question {
        People *people;
        sd_varlink *link;               /* loop only; NULL: was told that there is no answer now */
        sd_event_source *late;
        char name[ASKED_MAX];           /* "": by number */
        uint32_t uid;                   /* 0: by name */

        int result;                     /* the thread's, read by the loop when it has ended; 1: it never began */
        Error err;
        uint32_t found;
        char shown[VOUCH_NAME_MAX], sid[SID_TEXT_MAX];
} Question;

/* ---- on a pool thread ---------------------------------------------------------------------------------- */

int people_judge(Node *node, uint32_t uid, char ret_name[static VOUCH_NAME_MAX], char ret_sid[static SID_TEXT_MAX],
                 Role *ret_role, Error *err) {
        Directory *directory = NULL;
        uint32_t rid;
        Sid domain;

        if (!person_rid(uid, &rid))
                return error_set(err, ERROR_DENIED, 0, "the user %u of this host is nobody of the domain", uid);
        if (node_directory(node, &directory, err) < 0 || directory_domain_sid(directory, &domain, err) < 0)
                return -1;
        const Sid sid = sid_in_domain(&domain, rid);
        sid_text(&sid, ret_sid);
        return vouch_account(node, &sid, ret_name, ret_role, err);
}

/* "LAB" of "LAB\anna" */
static bool is_domain_of(const char *shown, const char *domain) {
        size_t size = strcspn(shown, "\\");
        return shown[size] && strlen(domain) == size && text_starts_nocase(shown, domain);
}

static int find_number(Question *q, uint32_t *ret, PersonName *name, Error *err) {
        Directory *directory = NULL;
        Machine machine;
        Sid sid;

        if (node_machine(q->people->node, &machine, err) < 0)
                return -1;
        if (!person_parse(q->name, name) || (strchr(name->domain, '.') && !text_equal_nocase(name->domain, machine.domain)))
                return error_set(err, ERROR_NOT_FOUND, 0, "'%.64s' is nobody of %s", q->name, machine.domain);
        if (node_directory(q->people->node, &directory, err) < 0 ||
            directory_user(directory, name->account, &sid, err) < 0)
                return -1;
        if (!person_uid(&sid, ret))
                return error_set(err, ERROR_DENIED, 0,
                                 "the last part of the SID of '%.64s' is too large for a user of this host; manage the "
                                 "host over WinRM with this account", q->name);
        return 0;
}

static int look_up(Question *q, Error *err) {
        PersonName name = { 0 };
        uint32_t uid = q->uid;
        Role role;

        if (*q->name && find_number(q, &uid, &name, err) < 0)
                return -1;
        if (people_judge(q->people->node, uid, q->shown, q->sid, &role, err) < 0)
                return -1;
        if (*q->name && !strchr(name.domain, '.') && !is_domain_of(q->shown, name.domain))
                return error_set(err, ERROR_NOT_FOUND, 0, "'%.64s' is nobody of this domain", q->name);
        q->found = uid;
        return 0;
}

static void work(void *userdata) {
        Question *q = userdata;
        q->result = look_up(q, &q->err);
}

/* ---- on the loop ----------------------------------------------------------------------------------------- */

static Known *find_known(People *people, const char *name, uint32_t uid) {
        uint64_t now = clock_us(CLOCK_BOOTTIME);
        for (size_t i = 0; i < KNOWN_MAX; i++) {
                Known *k = &people->known[i];
                if (k->until_us > now && (*name ? strcmp(k->name, name) == 0 : !*k->name && k->uid == uid))
                        return k;
        }
        return NULL;
}

static void keep(People *people, const Question *q) {
        Known *oldest = &people->known[0];
        for (size_t i = 0; i < KNOWN_MAX; i++)
                if (people->known[i].until_us < oldest->until_us)
                        oldest = &people->known[i];
        *oldest = (Known){ .uid = *q->name ? q->found : q->uid,
                           .until_us = clock_us(CLOCK_BOOTTIME) + (q->found ? KEPT_US : KEPT_NOT_US) };
        (void)snprintf(oldest->name, sizeof oldest->name, "%s", q->name);
        (void)snprintf(oldest->shown, sizeof oldest->shown, "%s", q->found ? q->shown : "");
}

/* Without a password, a home or a shell that would run what it is told. */
static int tell(const People *people, sd_varlink *link, const char *name, const char *shown, uint32_t uid) {
        return sd_varlink_replybo(
                link,
                SD_JSON_BUILD_PAIR_OBJECT(
                        "record", SD_JSON_BUILD_PAIR_STRING("userName", name), SD_JSON_BUILD_PAIR_STRING("realName", shown),
                        SD_JSON_BUILD_PAIR_UNSIGNED("uid", uid), SD_JSON_BUILD_PAIR_UNSIGNED("gid", people->gid),
                        SD_JSON_BUILD_PAIR_STRING("disposition", "regular"), SD_JSON_BUILD_PAIR_STRING("homeDirectory", "/"),
                        SD_JSON_BUILD_PAIR_STRING("shell", "/usr/bin/holdfast"),
                        SD_JSON_BUILD_PAIR_BOOLEAN("locked", true),
                        SD_JSON_BUILD_PAIR_STRING("service", PEOPLE_SERVICE)),
                SD_JSON_BUILD_PAIR_BOOLEAN("incomplete", false));
}

/* The one name of a number: anna@lab.test. */
static int tell_number(const People *people, sd_varlink *link, const char *shown, uint32_t uid) {
        const char *slash = strchr(shown, '\\');
        char name[ASKED_MAX + MACHINE_NAME_MAX];
        Machine machine;
        Error ignored;

        if (node_machine(people->node, &machine, &ignored) < 0)
                return sd_varlink_error(link, NO_RECORD, NULL);
        (void)snprintf(name, sizeof name, "%s@%s", slash ? slash + 1 : shown, machine.domain);
        return tell(people, link, name, shown, uid);
}

static int answer(const People *people, sd_varlink *link, const char *name, const char *shown, uint32_t uid) {
        if (!*shown)
                return sd_varlink_error(link, NO_RECORD, NULL);
        return *name ? tell(people, link, name, shown, uid) : tell_number(people, link, shown, uid);
}

static void question_free(Question *q) {
        (void)sd_event_source_disable_unref(q->late);
        (void)sd_varlink_unref(q->link);
        free(q);
}

/* Nobody by that name is sshd's to say; somebody whom the groups do not let in, ours. */
static void complain(const Question *q) {
        if (q->err.kind == ERROR_NOT_FOUND || signin_is_flood(q->people->node))
                return;
        const LogField fields[] = { { "USER", *q->shown ? q->shown : q->name },
                                    { "USER_SID", *q->sid ? q->sid : NULL },
                                    { "RESULT", "refused" },
                                    { "ERROR_KIND", error_kind_name(q->err.kind) },
                                    { NULL, NULL } };
        log_write(LOG_NOTICE, LOG_ID_SIGNIN, fields, "sign-in over SSH refused: %s", q->err.text);
}

static void worked(void *userdata) {
        Question *q = userdata;
        bool no = q->result < 0 && (q->err.kind == ERROR_NOT_FOUND || q->err.kind == ERROR_DENIED);
        bool known = q->result == 0 || no;

        if (q->result < 0)
                complain(q);
        if (known)
                keep(q->people, q);
        if (q->link && known)
                (void)answer(q->people, q->link, q->name, q->found ? q->shown : "", q->found);
        else if (q->link)
                (void)sd_varlink_error(q->link, NOT_NOW, NULL);
        question_free(q);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Question *q = userdata;
        q->people->down_until_us = clock_us(CLOCK_BOOTTIME) + DOWN_US;
        (void)sd_varlink_error(q->link, NOT_NOW, NULL);
        q->link = sd_varlink_unref(q->link);
        return 0;
}

static int ask(People *people, sd_varlink *link, const char *name, uint32_t uid) {
        Error err = { 0 };

        if (clock_us(CLOCK_BOOTTIME) < people->down_until_us)
                return sd_varlink_error(link, NOT_NOW, NULL);
        Question *q = calloc(1, sizeof *q);
        if (!q)
                return -ENOMEM;
        q->people = people;
        q->uid = uid;
        q->result = 1;
        (void)snprintf(q->name, sizeof q->name, "%s", name);
        int r = sd_event_add_time_relative(people->node->event, &q->late, CLOCK_MONOTONIC, PEOPLE_WAIT_US, 0, on_late, q);
        if (r < 0 || pool_run(people->node->people_pool, work, worked, q, &err) < 0) {
                question_free(q);
                return sd_varlink_error(link, NOT_NOW, NULL);
        }
        q->link = sd_varlink_ref(link);
        return 0;
}

/* io.systemd.UserDatabase.GetUserRecord */
static int on_user(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        sd_json_variant *by_name = sd_json_variant_by_key(parameters, "userName");
        sd_json_variant *by_uid = sd_json_variant_by_key(parameters, "uid");
        const char *name = by_name && sd_json_variant_is_string(by_name) ? sd_json_variant_string(by_name) : "";
        uint64_t number = by_uid && sd_json_variant_is_unsigned(by_uid) ? sd_json_variant_unsigned(by_uid) : 0;
        uint32_t uid = number <= UINT32_MAX ? (uint32_t)number : 0, rid;
        People *people = userdata;
        PersonName person;

        if (!by_name && !by_uid)
                return sd_varlink_error(link, "io.systemd.UserDatabase.EnumerationNotSupported", NULL);
        if (*name ? !person_parse(name, &person) || by_uid : !person_rid(uid, &rid))
                return sd_varlink_error(link, NO_RECORD, NULL);
        const Known *known = find_known(people, name, uid);
        return known ? answer(people, link, name, known->shown, known->uid) : ask(people, link, name, uid);
}

/* GetGroupRecord and GetMemberships: the one group is this host's own. */
static int on_other(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        return sd_varlink_error(link, NO_RECORD, NULL);
}

int people_new(Node *node, const char *address, gid_t gid, People **ret, Error *err) {
        People *people = calloc(1, sizeof *people);
        if (!people)
                return error_oom(err);
        people->node = node;
        people->gid = gid;
        int r = sd_varlink_server_new(&people->varlink, SD_VARLINK_SERVER_ROOT_ONLY | SD_VARLINK_SERVER_INHERIT_USERDATA);
        if (r >= 0) {
                (void)sd_varlink_server_set_userdata(people->varlink, people);
                r = sd_varlink_server_bind_method_many(people->varlink, "io.systemd.UserDatabase.GetUserRecord", on_user,
                                                       "io.systemd.UserDatabase.GetGroupRecord", on_other,
                                                       "io.systemd.UserDatabase.GetMemberships", on_other);
        }
        if (r >= 0)
                r = sd_varlink_server_set_connections_max(people->varlink, CLIENTS_MAX);
        if (r >= 0)
                r = sd_varlink_server_set_connections_per_uid_max(people->varlink, CLIENTS_MAX);
        if (r >= 0)
                r = sd_varlink_server_attach_event(people->varlink, node->event, 0);
        if (r >= 0)
                r = sd_varlink_server_listen_address(people->varlink, address, 0600);
        if (r < 0) {
                people_free(people);
                return error_set(err, ERROR_INTERNAL, -r, "cannot listen on %s: %s", address, strerror(-r));
        }
        *ret = people;
        return 0;
}

void people_free(People *people) {
        if (people)
                (void)sd_varlink_server_unref(people->varlink);
        free(people);
}
