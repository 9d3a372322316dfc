/* live.h — a running machine moves to another host while its disks stay on the share
 *
 * One Live per process.  Outgoing moves run on the caller's pool thread (live_move()); incoming ones are
 * served by threads of their own behind TCP 6600.  What a move has changed in the world is written to
 * /run/holdfast/move/TOKEN/move.json before it is changed, so that a restarted holdfastd can put it in
 * order (live_reconcile()); the disks' write handles on the file server decide who may write (design §5).
 *
 * Refuses to know: commands, the job store (the token is the job's id, progress goes through callbacks).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/base/text.h"
#include "auth/directory.h"
#include "auth/machine.h"
#include "migrate/channel.h"
#include "migrate/compare-findings.h"
#include "migrate/host.h"
#include "migrate/networks.h"

typedef struct Live Live;

typedef struct LiveConfig {
        MoveSettings moves;             /* at the start; live_configure() */
        uint16_t port;                  /* 0: CHANNEL_PORT */
        /* For the journal; any thread, must not block.  @vm may be "".  May be NULL. */
        void (*say)(void *userdata, bool warning, const char *token, const char *vm, const char *text);
        /* A move that a former holdfastd left behind was put in order: the job of that id has ended, with
         * @result as one sentence; @here: the machine is on this node.  May be NULL. */
        void (*settled)(void *userdata, const char *token, bool here, const char *result);
        /* Another host of the fabric, proven to be @peer, brings a command: serve the conversation on @consumed_fd.  Any
         * thread, must not block.  May be NULL. */
        int (*commands)(void *userdata, const ChannelPeer *peer, int consumed_fd, Error *err);
        void *userdata;
} LiveConfig;

/* @host must outlive it.  Registers one listener there.  Serves nobody before live_identity(). */
int live_new(VmHost *host, const LiveConfig *config, Live **ret, Error *err) FAILS;
/* For moves that begin from now on; those under way go on. */
void live_configure(Live *live, const MoveSettings *moves);
/* Before vmhost_free(): closes port 6600 and waits for its threads.  Outgoing moves must have ended
 * (cancel them first); incoming ones are torn down or left to the next process by the rules of design §5.
 * Accepts NULL. */
void live_stop(Live *live);
/* After vmhost_free(), whose events come here until then.  Accepts NULL. */
void live_free(Live *live);
DEFINE_FREEP(Live, live_free);

/* Who we are, at start and after Add-Computer: (re)opens port 6600.  @directory must outlive the Live or
 * the next call.  Moves under way make it ERROR_CONFLICT. */
int live_identity(Live *live, const Machine *machine, Directory *directory, Error *err) FAILS;
/* Puts in order what a former process left in /run/holdfast/move; call once after live_identity(), on a
 * pool thread.  What cannot be decided yet (the other host does not answer) is tried again by a thread
 * of the Live's own. */
void live_reconcile(Live *live);

/* A channel to @host, by the name an administrator typed; channel_free().  Blocks up to 10 s. */
int live_connect(Live *live, const char *host, Channel **ret, Error *err) FAILS;
/* The service of a host that LiveConfig.commands serves; channel_open(). */
#define LIVE_COMMANDS "commands"

/* ---- comparing -------------------------------------------------------------------------------- */

/* Connects, lets both hosts look, changes nothing.  0 with findings is an answer; -1 when no comparison
 * was possible (unknown host, outside the fabric, unreachable).  @ret is large: not for the stack. */
int live_compare(Live *live, const char *vm, const char *destination, Findings *ret, Error *err) FAILS;

/* ---- moving ----------------------------------------------------------------------------------- */

typedef struct LiveMove {
        const char *token;              /* a UUID; the job's id */
        const char *vm;                 /* name or id */
        const char *destination;        /* as typed */
        uint64_t bandwidth_mib_s;       /* 0: no limit */
        /* Both are called on threads of the Live and must not block.  @percent is of the whole move. */
        void (*progress)(void *userdata, const char *phase, int percent);
        bool (*cancelled)(void *userdata);
        void *userdata;
} LiveMove;

/* Blocks until the move has a named end.  0: the machine runs on the destination, *ret_receipt is the
 * receipt of design §7 (JSON object, caller unrefs).  -1: it does not, and err says where the machine is.
 * ERROR_CANCELLED when cancelled() said so in time; past the switch it comes too late and is ignored.
 * An incompatibility fills *ret_findings (may be NULL) and is ERROR_UNSUPPORTED or the finding's kind. */
int live_move(Live *live, const LiveMove *move, sd_json_variant **ret_receipt, Findings *ret_findings,
              Error *err) FAILS;
