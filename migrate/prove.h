/* prove.h — what a file server lets another host do, said by that host after it asked as itself
 *
 * One request over the channel: the asked host opens each path for nothing but its attributes and tells what the
 * server answered (MxAc).  Nothing is read or written.  What comes back is that host's word: hosts of one fabric
 * trust each other with the machines themselves.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "migrate/live.h"

enum {
        PROVE_PATHS_MAX = 500,          /* in one request; more are asked for in several */
        PROVE_UNKNOWN = -2,             /* the server did not say */
        PROVE_REFUSED = -1,             /* not even looking was granted */
};

typedef struct ProveAnswer {
        uint32_t share;                 /* TREE_CONNECT MaximalAccess; 0: not let in */
        int64_t *access;                /* one per path: an access mask, or PROVE_*; owned */
} ProveAnswer;

void prove_answer_done(ProveAnswer *answer);

/* Asks @host about @paths below the share of @unc.  ERROR_UNREACHABLE, ERROR_DENIED: no answer of that host. */
int live_prove(Live *live, const char *host, const char *unc, const char *const *paths, size_t count,
               ProveAnswer *ret, Error *err) FAILS;

/* The other host's reply about @count paths → @to.  Pure; ERROR_PROTOCOL. */
int prove_reply_parse(sd_json_variant *reply, size_t count, int64_t *to, uint32_t *ret_share, Error *err) FAILS;

/* On the asked host. */
int prove_serve(sd_json_variant *parameters, sd_json_variant **ret, Error *err) FAILS;
