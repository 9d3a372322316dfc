#include "appliance/node/node-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/memory.h"
#include "appliance/node/config.h"
#include "appliance/node/moves.h"
#include "appliance/node/note.h"

enum {
        COMMAND_THREADS = 24,           /* long moves are few (MaximumVirtualMachineMigrations) */
        COMMAND_QUEUE = 128,
        JOB_THREADS = 24,
        JOB_QUEUE = 256,
        REMOTE_THREADS = 24,
        REMOTE_QUEUE = 256,
        PEER_THREADS = 16,
        PEER_QUEUE = 64,
        SIGN_IN_THREADS = 2,            /* a token takes a millisecond, unless the directory must be asked */
        SIGN_IN_QUEUE = 512,
        PEOPLE_THREADS = 2,
        PEOPLE_QUEUE = 16,
};

DEFINE_FREEP(Node, node_free);

typedef struct Guest {
        Node *node;
        char host[MACHINE_NAME_MAX];    /* HV1 */
        int fd;
} Guest;

static void admit(void *userdata) {
        auto_free Guest *guest = userdata;
        if (guest->node->admit)
                guest->node->admit(guest->node->admit_userdata, guest->host, guest->fd);
        else
                (void)close(guest->fd);
}

/* On a thread of the channel; the server lives on the loop. */
static int bring(void *userdata, const ChannelPeer *peer, int consumed_fd, Error *err) {
        auto_fd int fd = consumed_fd;
        auto_free Guest *guest = calloc(1, sizeof *guest);
        Node *node = userdata;

        if (!guest)
                return error_oom(err);
        guest->node = node;
        (void)snprintf(guest->host, sizeof guest->host, "%s", peer->account);
        guest->host[strcspn(guest->host, "$")] = '\0';
        guest->fd = fd;
        if (pool_post(node->notes, admit, guest, err) < 0)
                return -1;
        (void)take_ptr(guest);
        (void)take_fd(fd);
        return 0;
}

static int start_machines(Node *node, Error *err) {
        VmHostConfig config = { .allow_emulation = node->config.allow_emulation };
        if (gethostname(config.host, sizeof config.host - 1) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "this host does not know its own name");
        const LiveConfig live = { .moves = node->config.moves, .say = note_move,
                                  .settled = moves_settled, .commands = bring, .userdata = node };
        if (vmhost_new(&config, &node->vms, err) < 0 || vmhost_listen(node->vms, note_machine, node, err) < 0)
                return -1;
        return live_new(node->vms, &live, &node->live, err);
}

/* ---- the node ----------------------------------------------------------------------------------- */

int node_new(sd_event *event, const char *config_path, const char *jobs_path, Node **ret, Error *err) {
        auto_(node_freep) Node *node = calloc(1, sizeof *node);
        if (!node)
                return error_oom(err);
        (void)pthread_mutex_init(&node->lock, NULL);
        (void)pthread_mutex_init(&node->config_lock, NULL);
        node->config_path = strdup(config_path);
        if (!node->config_path)
                return error_oom(err);
        node->event = sd_event_ref(event);
        (void)error_set(&node->why_not, ERROR_UNREACHABLE, 0,
                        "this host has not yet looked up its own account; try again "
                        "in a few seconds");
        if (config_load(config_path, &node->config, err) < 0 || jobs_open(jobs_path, &node->jobs, err) < 0 ||
            pool_new(event, COMMAND_THREADS, COMMAND_QUEUE, &node->pool, err) < 0 ||
            pool_new(event, 1, COMMAND_THREADS + JOB_THREADS + REMOTE_THREADS + PEER_THREADS + 4,
                     &node->identity_pool, err) < 0 ||
            pool_new(event, 1, 1, &node->notes, err) < 0 ||
            pool_new(event, REMOTE_THREADS, REMOTE_QUEUE, &node->remote_pool, err) < 0 ||
            pool_new(event, JOB_THREADS, JOB_QUEUE, &node->job_pool, err) < 0 ||
            pool_new(event, PEER_THREADS, PEER_QUEUE, &node->peer_pool, err) < 0 ||
            pool_new(event, SIGN_IN_THREADS, SIGN_IN_QUEUE, &node->sign_ins, err) < 0 ||
            pool_new(event, PEOPLE_THREADS, PEOPLE_QUEUE, &node->people_pool, err) < 0 ||
            memory_watch(event, &node->memory, err) < 0 ||
            roles_new(&node->config, &node->roles, err) < 0 ||
            start_machines(node, err) < 0)
                return -1;
        *ret = take_ptr(node);
        return 0;
}

void node_free(Node *node) {
        if (!node)
                return;
        (void)sd_event_source_disable_unref(node->renewal);
        (void)sd_event_source_disable_unref(node->looking);
        (void)sd_event_source_disable_unref(node->memory);
        pool_free(node->pool);          /* commands first: they use everything else */
        pool_free(node->remote_pool);
        pool_free(node->peer_pool);
        pool_free(node->job_pool);      /* now nobody begins another */
        pool_free(node->sign_ins);
        pool_free(node->people_pool);
        pool_free(node->identity_pool);
        live_stop(node->live);
        vmhost_free(node->vms);
        live_free(node->live);          /* its listener there was called until now */
        pool_free(node->notes);         /* listeners are gone now */
        jobs_close(node->jobs);
        roles_free(node->roles);
        free(node->groups);
        for (unsigned i = 0; i < node->directory_count; i++)
                directory_free(node->directories[i]);
        (void)sd_event_unref(node->event);
        (void)pthread_mutex_destroy(&node->lock);
        (void)pthread_mutex_destroy(&node->config_lock);
        free(node->config_path);
        free(node);
}

const NodeConfig *node_config(const Node *node) { return &node->config; }

void node_machine_path(Node *node, char ret[static NODE_PATH_MAX]) {
        (void)pthread_mutex_lock(&node->lock);
        (void)memcpy(ret, node->config.virtual_machine_path, NODE_PATH_MAX);
        (void)pthread_mutex_unlock(&node->lock);
}

void node_moves(Node *node, MoveSettings *ret) {
        (void)pthread_mutex_lock(&node->lock);
        *ret = node->config.moves;
        (void)pthread_mutex_unlock(&node->lock);
}

static int configure_locked(Node *node, int (*edit)(void *userdata, NodeConfig *config, Error *err), void *userdata,
                            Error *err) {
        auto_free NodeConfig *config = calloc(1, sizeof *config);

        if (!config)
                return error_oom(err);
        if (config_load(node->config_path, config, err) < 0 || edit(userdata, config, err) < 0 ||
            config_store(node->config_path, config, err) < 0)
                return -1;
        (void)pthread_mutex_lock(&node->lock);
        (void)memcpy(node->config.virtual_machine_path, config->virtual_machine_path, NODE_PATH_MAX);
        node->config.moves = config->moves;
        (void)pthread_mutex_unlock(&node->lock);
        live_configure(node->live, &config->moves);
        return 0;
}

int node_configure(Node *node, int (*edit)(void *userdata, NodeConfig *config, Error *err), void *userdata,
                   Error *err) {
        (void)pthread_mutex_lock(&node->config_lock);
        int r = configure_locked(node, edit, userdata, err);
        (void)pthread_mutex_unlock(&node->config_lock);
        return r;
}

Jobs *node_jobs(Node *node) { return node->jobs; }
VmHost *node_vms(Node *node) { return node->vms; }
Live *node_live(Node *node) { return node->live; }

bool node_serving(Node *node) {
        (void)pthread_mutex_lock(&node->lock);
        bool serving = node->serving;
        (void)pthread_mutex_unlock(&node->lock);
        return serving;
}

int node_machine(Node *node, Machine *ret, Error *err) {
        (void)pthread_mutex_lock(&node->lock);
        bool joined = node->joined;
        if (joined)
                *ret = node->machine;
        else
                *err = node->why_not;
        (void)pthread_mutex_unlock(&node->lock);
        return joined ? 0 : -1;
}

int node_directory(Node *node, Directory **ret, Error *err) {
        Directory *directory = NULL;
        (void)pthread_mutex_lock(&node->lock);
        if (!node->joined)
                *err = node->why_not;
        else if (node->directory_count == 0)
                (void)error_set(err, ERROR_UNREACHABLE, 0, "the directory of %s cannot be asked: %s",
                                node->machine.domain,
                                *node->complained ? node->complained : "no domain controller answered yet");
        else
                directory = node->directories[node->directory_count - 1];
        (void)pthread_mutex_unlock(&node->lock);
        if (!directory)
                return -1;
        *ret = directory;
        return 0;
}
