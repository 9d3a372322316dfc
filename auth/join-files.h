/* join-files.h — what a join changes in /etc, so that it stands whole or not at all
 *
 * krb5.conf is replaced for the join, and its old form kept beside it; the new keytab is written beside the old one.
 * Whenever the process is cut off, join_files_recover() of the next one finds out how far it came:
 *
 *   krb5.conf.before-join   under way: the old krb5.conf comes back, the new keytab goes
 *   krb5.conf.decided       the new key was proven: the new keytab takes its place, the old krb5.conf goes
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"

enum { JOIN_FILES_PATH_MAX = 256 };

typedef struct JoinFiles {
        char folder[JOIN_FILES_PATH_MAX];       /* "/etc" */
        char keytab_new[JOIN_FILES_PATH_MAX];   /* where the join puts the new key */
        bool begun;
} JoinFiles;

/* Keeps the old krb5.conf (also when there is none) and puts @conf in its place.  Ends what an earlier join left. */
int join_files_begin(JoinFiles *files, const char *folder, const char *conf, Error *err) FAILS;
/* The new keytab becomes the keytab; after 0 it outlives a loss of power.  On failure nothing is decided. */
int join_files_commit(JoinFiles *files, Error *err) FAILS;
/* Everything as before, unless it was committed. */
void join_files_done(JoinFiles *files);

typedef enum JoinLeft { JOIN_LEFT_NOTHING, JOIN_LEFT_UNDONE, JOIN_LEFT_ENDED } JoinLeft;
JoinLeft join_files_recover(const char *folder);
