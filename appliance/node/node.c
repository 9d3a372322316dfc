#include "appliance/node/node-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"
#include "appliance/node/config.h"

enum {
        COMMAND_THREADS = 24,           /* long moves are few (MaximumVirtualMachineMigrations) */
        COMMAND_QUEUE = 128,
};

DEFINE_FREEP(Node, node_free);

/* ---- what happens to machines, into the journal ------------------------------------------------ */

typedef struct Note {
        VmEvent event;
} Note;

static const struct { int priority; const char *text; } notes[] = {
        [VM_EVENT_STARTED] = { LOG_NOTICE, "started" },         [VM_EVENT_STOPPED] = { LOG_NOTICE, "stopped" },
        [VM_EVENT_CRASHED] = { LOG_ERR, "crashed" },            [VM_EVENT_SUSPENDED] = { LOG_INFO, "paused" },
        [VM_EVENT_RESUMED] = { LOG_INFO, "runs on" },           [VM_EVENT_DEFINED] = { LOG_INFO, "is known to this host" },
        [VM_EVENT_UNDEFINED] = { LOG_INFO, "is no longer known to this host" },
        [VM_EVENT_DISK_ERROR] = { LOG_ERR, "has a disk error" },
        [VM_EVENT_GUEST_REBOOTED] = { LOG_INFO, "restarted by itself" },
        [VM_EVENT_TROUBLE] = { LOG_WARNING, "needs attention" },
};

static void write_note(void *userdata) {
        auto_free Note *note = userdata;
        const VmEvent *e = &note->event;
        const LogField fields[] = { { "VM", e->name }, { "VM_ID", e->id }, { NULL, NULL } };

        if ((size_t)e->kind >= ARRAY_SIZE(notes) || !notes[e->kind].text)
                return;
        log_write(notes[e->kind].priority, LOG_ID_MACHINE, fields, "%s%s%s%s%s", *e->name ? "virtual machine " : "",
                  e->name, *e->name ? " " : "", *e->name || !*e->text ? notes[e->kind].text : e->text,
                  *e->name && *e->text ? e->text : "");
}

/* On libvirt's thread, which must not wait for the journal. */
static void on_event(void *userdata, const VmEvent *event) {
        Node *node = userdata;
        Error err = { 0 };
        Note *note = malloc(sizeof *note);
        if (!note)
                return;
        note->event = *event;
        if (pool_post(node->pool, write_note, note, &err) < 0)
                free(note);
}

static int start_host(Node *node, Error *err) {
        VmHostConfig config = { .allow_emulation = node->config.allow_emulation };
        if (gethostname(config.host, sizeof config.host - 1) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "this host does not know its own name");
        if (vmhost_new(&config, &node->vms, err) < 0)
                return -1;
        return vmhost_listen(node->vms, on_event, node, err);
}

/* ---- the node ----------------------------------------------------------------------------------- */

int node_new(sd_event *event, const char *config_path, const char *jobs_path, Node **ret, Error *err) {
        auto_(node_freep) Node *node = calloc(1, sizeof *node);
        if (!node)
                return error_oom(err);
        (void)pthread_mutex_init(&node->lock, NULL);
        node->event = sd_event_ref(event);
        (void)error_set(&node->why_not, ERROR_UNREACHABLE, 0, "this host has not yet looked up its own account; try again "
                        "in a few seconds");
        if (config_load(config_path, &node->config, err) < 0 || jobs_open(jobs_path, &node->jobs, err) < 0 ||
            pool_new(event, COMMAND_THREADS, COMMAND_QUEUE, &node->pool, err) < 0 ||
            pool_new(event, 1, 4, &node->identity_pool, err) < 0 || start_host(node, err) < 0)
                return -1;
        *ret = take_ptr(node);
        return 0;
}

void node_free(Node *node) {
        if (!node)
                return;
        (void)sd_event_source_disable_unref(node->renewal);
        pool_free(node->pool);
        vmhost_free(node->vms);
        pool_free(node->identity_pool);
        jobs_close(node->jobs);
        for (unsigned i = 0; i < node->directory_count; i++)
                directory_free(node->directories[i]);
        (void)sd_event_unref(node->event);
        (void)pthread_mutex_destroy(&node->lock);
        free(node);
}

const NodeConfig *node_config(const Node *node) { return &node->config; }
Jobs *node_jobs(Node *node) { return node->jobs; }
VmHost *node_vms(Node *node) { return node->vms; }
Live *node_live(Node *node) { return node->live; }

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
                (void)error_set(err, ERROR_UNREACHABLE, 0, "the directory of %s cannot be asked: %s", node->machine.domain,
                                *node->complained ? node->complained : "no domain controller answered yet");
        else
                directory = node->directories[node->directory_count - 1];
        (void)pthread_mutex_unlock(&node->lock);
        if (!directory)
                return -1;
        *ret = directory;
        return 0;
}
