/* live-internal.h — the insides of a Live, shared by the live*.c files; nobody else includes it
 *
 *      source                                            destination
 *      live-out.c      one Outgoing per live_move()      live-in.c    one Incoming (and its thread) per move
 *      live-transfer.c libvirt's migration, watched      live-take.c  taking ownership
 *      live-give.c     giving disks away, or not
 *      live-tail.c     clearing away afterwards
 *      live-network.c  over which network
 *      live-identity.c whether the domain lets the hosts trust each other
 *      live-settle.c   what a former process left        live.c       the object, port 6600, dispatch
 *
 * Calls between the two (JSON; every answer may be an error):
 *      source → destination   addresses {}                          → {Addresses, Any}: where moves come in
 *                             compare   CompareRequest             → Findings
 *                             abandon   {Token, VMId}              → {Owned}: false states that it never un-parked
 *                             adopt     {File}                     → {}      (a machine that is off)
 *      destination → source   give      {Token, VMId, Acquired}    → {Given, Reason}
 *                             owned     {Token, Disks[], figures}  → {}
 *
 * Lock order: settle_lock, then Live.lock; Live.lock is not held while anything blocks.
 */
#pragma once

#include <pthread.h>

#include "auth/standing.h"
#include "migrate/channel.h"
#include "migrate/compare-access.h"
#include "migrate/compare.h"
#include "migrate/life.h"
#include "migrate/live.h"
#include "migrate/move-record.h"
#include "migrate/receipt.h"
#include "smb/share/files.h"

#define LIVE_QEMU_USER "libvirt-qemu"
#define LIVE_LIBVIRT_SOCKET "/run/libvirt/libvirt-sock"

enum {
        LIVE_CALL_US = 60 * 1000000,    /* any call between nodes: the slowest waits for a file server */
        LIVE_ABANDON_US = 15 * 1000000,
        LIVE_OUTGOING_MAX = MOVE_MIGRATIONS_MAX,
        LIVE_INCOMING_MAX = MOVE_MIGRATIONS_MAX,
        LIVE_SETTLE_PAUSE_US = 5 * 1000000,
        LIVE_TAIL_US = 20 * 1000000,
};

typedef struct LiveFigures {            /* libvirt's, of the finished job */
        uint64_t memory_total, memory_sent, iterations, disk_processed;
} LiveFigures;

typedef struct TakenDisk {
        uint64_t epoch_after, bytes_written, handover_us;
        uint8_t file_id[8], volume_id[8];
} TakenDisk;

typedef struct Outgoing {
        Live *live;
        const LiveMove *move;
        MoveRecord record;
        VmInfo vm;
        DiskName disks[VM_FILES_MAX];   /* record.disk_count disks, then media */
        unsigned file_count;
        CompareRequest request;
        Receipt receipt;
        Channel *channel;
        FilesLink *files;               /* to its folder's share, for the receipt */
        uint64_t started_us;
        unsigned armed;                 /* of disks */
        virDomainPtr domain;            /* of the transfer */
        pthread_t transfer;
        bool transferring;              /* its thread is to be joined */
        Error transfer_error;           /* what libvirt said, when transfer_result is -1 */

        /* under Live.lock */
        LifeState state;
        bool giving, lost, owned;
        bool transfer_ended;
        int transfer_result;
        bool tail;                      /* the move is over; what is left here is being cleared away */
        Error why_lost;                 /* the channel's own words */
        unsigned given;                 /* of disks */
        uint64_t stopped_us;            /* the guest stood still here */
        bool sent;                      /* QEMU said a moment ago that it has sent everything: worth a look */
        bool complete;                  /* it stood still, QEMU had sent all of it, and this much was written: */
        uint64_t written[VM_DISKS_MAX];
        uint64_t asked_us;              /* the destination said that it runs there */
        TakenDisk taken[VM_DISKS_MAX];
        LiveFigures figures;
} Outgoing;

typedef struct Incoming {
        Live *live;
        pthread_t thread;
        bool threaded, finished;        /* finished: the thread may be joined */
        MoveRecord record;
        DiskName disks[VM_FILES_MAX];   /* record.disk_count disks, then media */
        unsigned file_count;
        unsigned started;               /* disk processes */
        FilesLink *files;               /* to its folder's share: the ledger is written while everybody waits */

        /* under Live.lock */
        Channel *channel;               /* NULL once it ended */
        unsigned channel_users;
        bool running;                   /* the guest was started here */
        bool adopted;                   /* from a former process: it may have run here for long */
        bool owned, abandon, gone;
} Incoming;

struct Live {
        VmHost *host;
        LiveConfig config;              /* moves: under lock */
        pthread_mutex_t lock;
        pthread_cond_t changed;         /* CLOCK_MONOTONIC */
        Machine machine;
        Directory *directory;
        ChannelServer *server;
        Outgoing *outgoing[LIVE_OUTGOING_MAX];
        Incoming *incoming[LIVE_INCOMING_MAX];
        bool stopping;
        pthread_mutex_t settle_lock;    /* giving by a record, and bringing back by one, exclude each other */
        pthread_mutex_t standing_lock;  /* over the next four; held while the domain is asked, before lock */
        Standing standing;
        uint64_t standing_until_us;     /* boot time; 0: not known */
        int64_t standing_clock_us;      /* wall clock against boot time at that moment */
        struct timespec standing_key;   /* the keytab's time of change then */
        pthread_t settler;
        bool has_settler, settling;
};

/* live.c */
void live_say(Live *live, bool warning, const MoveRecord *record, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Waits for Live.changed, which is locked; false when @until_us (monotonic) has passed. */
bool live_wait(Live *live, uint64_t until_us);
int live_who(Live *live, Machine *ret_machine, Directory **ret_directory, Error *err) FAILS;
extern const ChannelHandlers live_handlers;     /* userdata is set by the user */
/* {"Token": …, "VMId": …} */
int live_token_json(const MoveRecord *record, sd_json_variant **ret, Error *err) FAILS;
const char *live_string(sd_json_variant *parameters, const char *name);         /* "" when it is not there */
bool live_boolean(sd_json_variant *v, const char *name);
uint64_t live_unsigned(sd_json_variant *v, const char *name);
/* Destroys and forgets the machine on this host; not there is success. */
int live_remove_domain(Live *live, const char *vm_id, Error *err) FAILS;

static inline void live_unrefp(sd_json_variant **v) { (void)sd_json_variant_unref(*v); }
static inline void live_domain_freep(virDomainPtr *domain) {
        if (*domain)
                (void)virDomainFree(*domain);
}
static inline void live_connection_freep(virConnectPtr *connection) {
        if (*connection)
                (void)virConnectClose(*connection);
}

/* live-network.c */
void live_moves(Live *live, MoveSettings *ret);
/* Whether moves are switched on here and, with @channel, whether they may come in over it. */
void live_check_way(Live *live, const Channel *channel, Findings *findings);
/* This host @verb ("moves", "receives") @running machines, which is its limit. */
void live_limit(unsigned running, unsigned maximum, const char *verb, Findings *findings);
/* Serves "addresses": where this host receives moves, the most preferred first. */
int live_serve_addresses(Live *live, sd_json_variant **ret, Error *err) FAILS;
/* As live_connect(), over the migration network that this host prefers, then over one that @host accepts, then as the
 * DNS says. */
int live_connect_preferred(Live *live, const char *host, Channel **ret, Error *err) FAILS;

/* live-identity.c: how this host stands in its domain, looked at on a thread of its own while others look elsewhere */
typedef struct LiveLook LiveLook;
/* NULL when there is no thread or no memory for it: then there is nothing to say. */
LiveLook *live_look_begin(Live *live);
/* Waits for it and adds what it found; accepts NULL.  Whether something of it blocks. */
bool live_look_end(LiveLook *look, Findings *findings);
/* @destination could not be reached because of @why: adds what explains it, and says whether anything does. */
bool live_explain(Live *live, const char *destination, const Error *why, Findings *findings);

/* live-transfer.c: blocks until the destination owns the disks (libvirt then still ends our QEMU) or libvirt's
 * migration ended one way or the other */
int live_transfer(Outgoing *out, Error *err) FAILS;
/* Waits for libvirt; 0 when it was never asked. */
int live_transfer_join(Outgoing *out, Error *err);

/* live-tail.c: what Move-VM need not wait for; takes @out over */
void live_tail(Outgoing *out);
/* Until nothing of an earlier move of this machine (NULL: of any) is left here, or @at_most_us have passed. */
void live_tail_wait(Live *live, const char *vm_id, uint64_t at_most_us);
void live_outgoing_leave(Outgoing *out);
/* Accepts NULL. */
void live_outgoing_free(Outgoing *out);
DEFINE_FREEP(Outgoing, live_outgoing_free);

/* live-give.c */
/* Serves "give": gives every disk of the move away, if QEMU has nothing to write any more.  {"Given": true}; or
 * {"Given": false, "Reason": …} when the machine lives here, and only then; an error is no answer to the question.
 * @peer is the proven host that asks. */
int live_give(Live *live, const char *peer, sd_json_variant *parameters, sd_json_variant **ret, Error *err) FAILS;
/* One look at our machine, after it stopped: true when all of it has gone; then "give" need not ask libvirt. */
bool live_look_complete(Outgoing *out);
/* Serves "owned". */
int live_owned(Live *live, const char *peer, sd_json_variant *parameters, Error *err) FAILS;
/* After libvirt said that it has moved: its QEMU is gone, so what is not given yet can be. */
int live_give_rest(Outgoing *out, Error *err) FAILS;
/* release, give, as far as the disk is not given already. */
int live_give_disk(const MoveRecord *record, const DiskName *disk, Error *err) FAILS;

/* live-undo.c: the machine runs here again, or there after all (LIFE_CONFIRM), or nobody knows (LIFE_DOUBT) */
void live_undo(Outgoing *out, Error *err);
/* Tells the destination that there will be no move; when it does not hear, it sees the channel end. */
void live_abandon(Outgoing *out);

/* live-in.c */
int live_serve_compare(Live *live, Channel *channel, sd_json_variant *parameters, sd_json_variant **ret,
                       Error *err) FAILS;
/* A machine of that id runs here, on disks that are ours. */
bool live_owns(Live *live, const char *vm_id);
/* @peer is the proven host that asks. */
int live_serve_abandon(Live *live, const char *peer, sd_json_variant *parameters, sd_json_variant **ret,
                       Error *err) FAILS;
/* The channel of an incoming move, or NULL; locked. */
Incoming *live_incoming(Live *live, const char *token);
bool live_has_incoming(Live *live, const Channel *channel, const char *token);
void live_incoming_closed(Live *live, Channel *channel);
/* Starts the thread of a move that a former process prepared. */
int live_incoming_adopt(Live *live, const MoveRecord *record, Error *err) FAILS;
void live_incoming_join(Live *live, bool all);

/* live-take.c: on the Incoming's thread, unlocked; blocks until one of these is so */
typedef enum TakeEnd {
        TAKE_OWNED,             /* the disks are ours and everybody knows */
        TAKE_REFUSED,           /* the source keeps the machine: what is here must go */
        TAKE_OFF,               /* the machine was turned off while it waited */
        TAKE_OFF_WRITTEN,       /* the same, but one of its disks was ours: the source may not take any back */
        TAKE_LATER,             /* this process ends: the next one goes on */
} TakeEnd;
TakeEnd live_take(Incoming *in);

/* live-settle.c */
/* Whether a move of this process is the one of @token: then it is nobody else's business. */
bool live_under_way(Live *live, const char *token);
void live_settle_stop(Live *live);
/* A move ended in doubt: have the settler look after it. */
void live_settle_soon(Live *live);
