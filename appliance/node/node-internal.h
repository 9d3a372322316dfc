/* node-internal.h — the parts of holdfastd's Node (node.c, identity.c, main.c)
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <systemd/sd-event.h>

#include "appliance/base/pool.h"
#include "appliance/node/node.h"
#include "appliance/node/roles.h"
#include "auth/directory-sids.h"
#include "auth/locate.h"
#include "migrate/host.h"
#include "migrate/live.h"

enum { DIRECTORIES_MAX = 16 };

struct Node {
        NodeConfig config;              /* virtual_machine_path and moves: under lock */
        char *config_path;
        pthread_mutex_t config_lock;    /* one change of the file at a time; before lock */
        sd_event *event;
        Pool *pool;                     /* commands */
        Pool *remote_pool;              /* commands of remote callers: slow readers there never block the console */
        Pool *identity_pool;            /* one thread: a busy host must not let its tickets expire */
        Pool *job_pool;                 /* what -AsJob began: commands that wait for jobs never stand in their way */
        atomic_size_t jobs_kept;        /* bytes that the jobs of all sessions keep (background.h) */
        Pool *sign_ins;                 /* tokens of remote callers: never behind commands */
        Pool *people_pool;              /* sshd's questions about users: never behind anything else */
        Pool *peer_pool;                /* commands that other hosts bring: they wait for nobody, so hosts that ask each
                                         * other never wait for each other in a ring */
        /* A conversation of another host, on the loop; the server's.  NULL: there is none. */
        void (*admit)(void *userdata, const char *host, int consumed_fd);
        void *admit_userdata;
        Roles *roles;
        Pool *notes;                    /* only its way to the loop: lines for the journal */
        sd_event_source *renewal, *looking, *memory;    /* loop only */
        Jobs *jobs;
        uint64_t refusals_since_us;     /* loop only: sign-ins refused lately, for the journal's sake */
        unsigned refusals;
        bool reconciled;                /* identity thread only, as are these: */
        DirectorySid *groups;           /* of this host, as the directory said last; NULL: not asked yet */
        size_t group_count;
        char address[LOCATE_ADDRESS_MAX];       /* that is in DNS; "" not known */
        bool pointer_again;             /* the way back from the address is not there yet */
        bool address_refused, pointer_refused, names_refused;   /* it was said that they could not be brought where they belong */
        uint64_t upkeep_again_us;       /* boot time: all of it is looked at anew */
        unsigned looks;
        bool groups_moved;              /* at the last look */
        uint64_t rotate_after_us;       /* boot time: no password is changed by itself before */
        uint64_t renewed_us;            /* boot time of the last tickets that a look or a refusal led to */
        VmHost *vms;
        Live *live;

        pthread_mutex_t lock;           /* guards what follows */
        bool joined;
        bool serving;                   /* other hosts can reach us on 6600 */
        Machine machine;
        Error why_not;                  /* joined is false: what machine_load() said */
        Directory *directories[DIRECTORIES_MAX];        /* the last is current; older ones may still be in use */
        unsigned directory_count;
        char complained[ERROR_TEXT_MAX];        /* the last identity failure logged: each is logged once */
};

/* Loads the configuration and the job store and starts the pools; on the loop's thread. */
int node_new(sd_event *event, const char *config_path, const char *jobs_path, Node **ret, Error *err) FAILS;
/* Waits for running commands; the machines keep running. */
void node_free(Node *node);
/* Starts keeping our tickets fresh; @first is called on the loop when the first attempt has ended. */
int identity_start(Node *node, void (*first)(void *userdata), void *userdata, Error *err) FAILS;
/* Runs @work on the identity thread, where alone the ticket cache is written, and waits for it.  Never from there, never
 * from the loop. */
int identity_call(Node *node, void (*work)(void *userdata), void *userdata, Error *err) FAILS;

/* tickets.c: looks every 20 s whether this host's groups have changed, and then takes fresh tickets.  On the loop. */
int tickets_start(Node *node, Error *err) FAILS;
/* The first look, soon. */
void tickets_first(Node *node);
/* On the identity thread. */
void tickets_forget(Node *node);
/* Whether two lists hold the same, in any order; sorts them. */
bool tickets_same_groups(DirectorySid *a, size_t a_count, DirectorySid *b, size_t b_count);
