/* errand.h — a caller's command on its way to other hosts (the BatchElsewhere of holdfastd)
 *
 *      pool thread ─io.holdfast.Node.Run + Vouched─▶ channel (6600), stream "commands" ─▶ the other holdfastd
 *            ◀──────────── records, side by side ────────────◀
 *
 * Every host is dialled on a thread of its own; everything else happens on the caller's pool thread.  Channels are kept
 * until the errands end, so a pipeline of many objects dials once.  Whatever a host sends, this host keeps its bounds:
 * one message of at most 16 MiB at a time, taken when the caller has room for it.
 */
#pragma once

#include <stdatomic.h>

#include "appliance/command/batch.h"
#include "appliance/node/vouch.h"

enum { ERRAND_HOSTS_MAX = 64 };         /* channels of one caller's run */

typedef struct Errands Errands;         /* of one run, on its thread */

/* @interactive: the caller can be asked, so a host may ask him.  @claim is copied; @cancelled outlives it. */
int errands_new(Node *node, const VouchClaim *claim, const atomic_bool *cancelled, bool interactive, Errands **ret,
                Error *err) FAILS;
void errands_free(Errands *errands);    /* accepts NULL */

/* For BatchElsewhere, whose sink the caller of batch_run() chooses. */
bool errands_is_here(Errands *errands, const char *host);
void errands_run(Errands *errands, const BatchCalls *calls);
void errands_answer(Errands *errands, const BatchCalls *calls, size_t i, const char *id, BatchAnswer answer);

/* One reply of another host as a record.  Pure.  1: a record, with *ret_value borrowed from @reply; 0: none that we know;
 * -1: not what Run may answer. */
int errand_record(sd_json_variant *reply, RecordStream *ret_stream, sd_json_variant **ret_value);
