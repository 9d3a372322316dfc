/* join.h — becoming a member of the domain, by running adcli
 *
 * Checks that need no credential come first (name length, DNS SRV records, reachable KDC and LDAP,
 * clock against the DC), so a doomed join sends no password anywhere.  The new keytab is written
 * beside the old one and renamed at the end, so nothing half-done is ever used (join-files.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"
#include "auth/machine.h"

typedef struct JoinRequest {
        const char *domain;             /* lab.test */
        const char *server;             /* a domain controller, or NULL */
        const char *ou;                 /* "OU=Nodes,DC=lab,DC=test", or NULL */
        const char *user;               /* delegated user ("joiner", "LAB\joiner", "joiner@lab.test"), or NULL for a
                                         * pre-staged account */
        const char *secret;             /* password, or the one-time password; never logged, passed on stdin */
        const char *computer_name;      /* NULL: the host name; ≤ 15 of [A-Za-z0-9-] */
        bool again;                     /* also as a member: a new key for the account */
} JoinRequest;

typedef struct JoinResult {
        Machine machine;                /* who we are now */
        char note[ERROR_TEXT_MAX];      /* what is left to do (our address in DNS), or "" */
} JoinResult;

/* Blocks up to two minutes.  On failure nothing of ours is left behind on this node (an account made in
 * the directory is named in the error).  ERROR_CONFLICT: already a member; a host whose key the domain
 * no longer accepts may join again.  ERROR_INVALID: a name; ERROR_NOT_FOUND, ERROR_UNREACHABLE: the
 * domain; ERROR_DENIED: credential, rights, clock. */
int join_domain(const JoinRequest *request, JoinResult *ret, Error *err) FAILS;
/* When the process starts: undoes, or ends, a join that was cut off with the last one.  What was done, as a sentence
 * for the journal, or NULL. */
const char *join_recover(void);

/* ---- the rules alone, pure ----------------------------------------------------------------------- */

enum { JOIN_NAME_MAX = 15 };            /* sAMAccountName of a computer without its $ */

/* Letters, digits and hyphens, not only digits, at most 15: longer ones are cut by Windows and clash. */
int join_check_name(const char *name, Error *err) FAILS;
/* A DNS name with at least two labels. */
int join_check_domain(const char *domain, Error *err) FAILS;
/* "LAB\joiner" → "joiner", "joiner@lab.test" → "joiner@LAB.TEST".  ERROR_INVALID for what is no name, and for a user
 * of another domain than @domain (its first label, or its full name): the same name here may be somebody else. */
int join_login(const char *user, const char *domain, char *to, size_t size, Error *err) FAILS;
/* What adcli's exit @status and last @line mean.  Always -1. */
int join_explain(const JoinRequest *request, const char *computer, int status, const char *line, Error *err);
/* /etc/krb5.conf for a member of @domain. */
int join_krb5_conf(const char *domain, char *to, size_t size, Error *err) FAILS;
/* The same with one KDC, @server, and with the tickets in @ccache. */
int join_krb5_conf_pinned(const char *domain, const char *server, const char *ccache, char *to, size_t size,
                          Error *err) FAILS;
