/* access-survey.h — who may do what on a share: asked once, judged for any number of hosts
 *
 * Reads descriptors and what the server tells the asking account, the share's own list, and the directory.  Nothing
 * is written anywhere.  Blocks.
 */
#pragma once

#include "auth/directory-sids.h"
#include "migrate/prove.h"
#include "smb/share/matrix.h"
#include "smb/share/permissions.h"

/* What the file server told one host. */
typedef struct SurveyProof {
        bool given;
        uint32_t share;                 /* TREE_CONNECT MaximalAccess; 0: not let in at all */
        int64_t *access;                /* one per item of the survey: MxAc, or PROVE_REFUSED, PROVE_UNKNOWN */
} SurveyProof;

typedef struct Survey {
        Directory *directory;           /* borrowed */
        Unc unc;                        /* what was asked about */
        Permissions all;
        Descriptor *lists;              /* one per item; only where all.items[i].bytes is */
        SurveyProof own;                /* of this host */
        bool share_known;
        Descriptor share;               /* the share's own list, when known … */
        Error share_unknown;            /* … and why not */
        Sid group, domain;              /* the hosts' group, and its domain */
        char group_name[DIRECTORY_PRINCIPAL_MAX];
} Survey;

/* @lister: whose ticket reads lists, e.g. an administrator's, who may read more; NULL: this host's own.
 * @prove: ask as this host, too, what the server lets it do; without @lister it always is. */
int survey_read(Directory *directory, const char *unc, const char *lister, bool prove, Survey *ret,
                Error *err) FAILS;
void survey_done(Survey *survey);

typedef struct SurveyHost {
        char account[MACHINE_NAME_MAX]; /* HV1$ */
        char name[MACHINE_NAME_MAX];    /* HV1 */
        char host[MACHINE_NAME_MAX];    /* hv1.lab.test */
        bool self, in_fabric;
        Token *token;                   /* owned */
        const SurveyProof *proof;       /* of this host: the survey's; else what was asked for, or NULL */
        SurveyProof asked;              /* owned */
} SurveyHost;

/* @name as an administrator types it, NULL: this host; @self: this host's own account. */
int survey_host(const Survey *survey, const char *name, const char *self, SurveyHost *ret, Error *err) FAILS;
/* Has another host ask the server itself, over the channel. */
int survey_ask(const Survey *survey, Live *live, SurveyHost *host, Error *err) FAILS;
/* A computer of the domain that is in no group but Domain Computers. */
int survey_stranger(const Survey *survey, SurveyHost *ret, Error *err) FAILS;
void survey_host_done(SurveyHost *host);

#define SURVEY_SHARE SIZE_MAX           /* instead of an item's index */

typedef struct SurveyCell {
        size_t item;                    /* of survey->all, or SURVEY_SHARE */
        MatrixLayer layer;
        char path[UNC_TEXT_MAX + 1];
        const Descriptor *list;         /* borrowed; NULL: not known */
        MatrixCell cell;
} SurveyCell;

/* The share first, then every file and folder.  @each returns -1 with *err to stop. */
int survey_judge(const Survey *survey, const SurveyHost *host,
                 int (*each)(void *userdata, const SurveyCell *cell, Error *err), void *userdata, Error *err) FAILS;

/* The same of one item that is a medium in a drive: it need only be read. */
void survey_judge_medium(const Survey *survey, const SurveyHost *host, size_t item, SurveyCell *ret);

/* What @host may do to an item through the share, as far as lists tell. */
uint32_t survey_reach(const Survey *survey, const SurveyHost *host, size_t item);

/* "LAB\Holdfast Hosts", "Everyone", or the SID when nobody knows a name. */
void survey_name(const Survey *survey, const Sid *sid, char to[static DIRECTORY_PRINCIPAL_MAX]);
