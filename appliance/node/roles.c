#include "appliance/node/roles.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"

#define ASK_AGAIN_US (5 * 1000000ULL)

enum { ROLE_COUNT = ROLE_ADMINISTRATOR + 1 };

typedef struct Known {
        Sid sid;                        /* no parts: the domain has no such group */
} Known;

struct Roles {
        const NodeConfig *config;
        pthread_mutex_t lock;           /* guards what follows */
        Known known[ROLE_COUNT][NODE_GROUPS_MAX];
        bool any;                       /* asked successfully at least once */
        uint64_t asked_us;              /* 0: never, or in vain */
};

const char *role_name(Role role) {
        static const char *const names[] = { "reader", "operator", "administrator" };
        return names[role];
}

int roles_new(const NodeConfig *config, Roles **ret, Error *err) {
        Roles *roles = calloc(1, sizeof *roles);
        if (!roles)
                return error_oom(err);
        roles->config = config;
        (void)pthread_mutex_init(&roles->lock, NULL);
        *ret = roles;
        return 0;
}

void roles_free(Roles *roles) {
        if (!roles)
                return;
        (void)pthread_mutex_destroy(&roles->lock);
        free(roles);
}

/* "LAB\Holdfast Admins" and "Holdfast Admins" are the same: groups are those of our own domain. */
static int find(Directory *directory, const char *name, Sid *ret, Error *err) {
        const char *slash = strchr(name, '\\');

        if (strncmp(name, "S-1-", 4) == 0)
                return sid_parse(name, ret)
                               ? 0
                               : error_set(err, ERROR_INVALID, 0, "'%.64s' is not a SID such as S-1-5-32-544", name);
        if (!directory)
                return error_set(err, ERROR_UNREACHABLE, 0, "the directory cannot be asked for the group '%s'", name);
        if (directory_group(directory, slash ? slash + 1 : name, ret, err) == 0)
                return 0;
        if (err->kind != ERROR_NOT_FOUND)
                return -1;
        *ret = (Sid){ 0 };              /* nobody is in it */
        return 0;
}

static int learn(Roles *roles, Directory *directory, Error *err) {
        Known fresh[ROLE_COUNT][NODE_GROUPS_MAX] = { 0 };

        for (unsigned role = 0; role < ROLE_COUNT; role++)
                for (unsigned i = 0; i < NODE_GROUPS_MAX && roles->config->groups[role][i][0]; i++)
                        if (find(directory, roles->config->groups[role][i], &fresh[role][i].sid, err) < 0)
                                return -1;
        memcpy(roles->known, fresh, sizeof fresh);
        roles->any = true;
        return 0;
}

static bool has(const PacLogon *logon, const Known *groups) {
        for (unsigned i = 0; i < NODE_GROUPS_MAX; i++)
                for (size_t k = 0; groups[i].sid.count > 0 && k < logon->group_count; k++)
                        if (sid_equal(&groups[i].sid, &logon->groups[k]))
                                return true;
        return false;
}

static int none(const Roles *roles, const PacLogon *logon, Error *err) {
        char groups[ERROR_TEXT_MAX / 2] = "";
        size_t at = 0;
        for (unsigned role = 0; role < ROLE_COUNT; role++)
                for (unsigned i = 0; i < NODE_GROUPS_MAX && roles->config->groups[role][i][0]; i++) {
                        int n = snprintf(groups + at, sizeof groups - at, "%s'%s'", at > 0 ? ", " : "",
                                         roles->config->groups[role][i]);
                        at = n > 0 && at + (size_t)n < sizeof groups ? at + (size_t)n : sizeof groups - 1;
                }
        return error_set(err, ERROR_DENIED, 0,
                         "%s\\%s is in none of the groups that may use this host (%s); an administrator adds the "
                         "account to one, then sign in again",
                         logon->domain, logon->user, groups);
}

static int find_role(const Roles *roles, const PacLogon *logon) {
        int found = -1;
        for (unsigned role = 0; role < ROLE_COUNT; role++)
                if (has(logon, roles->known[role]))
                        found = (int)role;
        return found;
}

int roles_judge(Roles *roles, Directory *directory, const PacLogon *logon, Role *ret, Error *err) {
        Error why = { 0 };
        int found = -1;

        (void)pthread_mutex_lock(&roles->lock);
        for (unsigned round = 0; round < 2 && found < 0; round++) {
                uint64_t age = clock_us(CLOCK_BOOTTIME) - roles->asked_us;
                /* a "no" is asked again before it is said: the administrator may just have made the group */
                if (roles->asked_us == 0 || age >= (round == 0 ? ROLES_FRESH_US : ASK_AGAIN_US)) {
                        bool learned = learn(roles, directory, &why) == 0;
                        roles->asked_us = learned || roles->any ? clock_us(CLOCK_BOOTTIME) : 0;
                }
                if (roles->any)
                        found = find_role(roles, logon);
        }
        bool any = roles->any;
        (void)pthread_mutex_unlock(&roles->lock);
        if (!any) {
                *err = why;
                return -1;
        }
        if (found < 0)
                return none(roles, logon, err);
        *ret = (Role)found;
        return 0;
}
