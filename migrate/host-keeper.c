/* host-keeper.c — a machine that is off holds nothing
 *
 * One thread, woken by every event that may matter, by the end of every claim and by the return of libvirtd.  It
 * does not go by what happened; it looks at what is: a disk process that no running machine uses and nobody has
 * claimed is stopped, and our name leaves the ledger.  So an event that was missed while we were down is made good
 * at start.  One thing it keeps in mind: a disk whose ledger could not be written, for the disk's own trace is gone
 * by then.
 */
#include "migrate/host-internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migrate/libvirt-error.h"

enum { RETRY_S = 5, CALM_MS = 200, DISKS_SEEN_MAX = 4096 };
#define DISK_FOLDER "/run/holdfast/disk"

static void disk_ids_freep(DiskIds *ids) { free(ids->list); }

static int add_id(DiskIds *ids, const char *id, Error *err) {
        if (!ids->list && !(ids->list = calloc(DISKS_SEEN_MAX, sizeof *ids->list)))
                return error_oom(err);
        for (size_t i = 0; i < ids->count; i++)
                if (strcmp(ids->list[i], id) == 0)
                        return 0;
        if (ids->count < DISKS_SEEN_MAX)
                (void)memcpy(ids->list[ids->count++], id, DISK_ID_SIZE);
        return 0;
}

/* Which disk processes have left a trace: the folder is theirs, and goes when they are stopped. */
static int disk_ids(DiskIds *ret, Error *err) {
        DIR *dir = opendir(DISK_FOLDER);
        int r = 0;

        if (!dir)
                return errno == ENOENT ? 0
                                       : error_set(err, ERROR_INTERNAL, errno, "cannot read %s: %m", DISK_FOLDER);
        for (const struct dirent *e; r == 0 && (e = readdir(dir));)
                if (strlen(e->d_name) == DISK_ID_SIZE - 1 &&
                    strspn(e->d_name, "0123456789abcdef") == DISK_ID_SIZE - 1)
                        r = add_id(ret, e->d_name, err);
        (void)closedir(dir);
        return r;
}

/* The machines of this host with their disks; running says which. */
typedef struct Known {
        VmDefinition definition;
        DiskName files[VM_FILES_MAX];           /* disks and media; of a running machine also what only QEMU knows */
        unsigned file_count;
        bool active;
} Known;

unsigned host_disks_named(const char *xml, DiskName *ret) {
        static const char before[] = DISK_FOLDER "/", after[] = "/nbd.sock";
        unsigned count = 0;

        while (count < VM_FILES_MAX && (xml = strstr(xml, before))) {
                size_t n = strspn(xml += sizeof before - 1, "0123456789abcdef");
                if (n != DISK_ID_SIZE - 1 || strncmp(xml + n, after, sizeof after - 1) != 0)
                        continue;
                ret[count] = (DiskName){ 0 };
                (void)memcpy(ret[count++].id, xml, n);
        }
        return count;
}

/* A disk that was attached a moment ago may stand in libvirt's devices and not in our metadata yet. */
static void add_named(const char *xml, Known *known) {
        DiskName named[VM_FILES_MAX];
        unsigned count = host_disks_named(xml, named);

        for (unsigned i = 0; i < count && known->file_count < VM_FILES_MAX; i++) {
                bool there = false;
                for (unsigned j = 0; j < known->file_count; j++)
                        there |= strcmp(known->files[j].id, named[i].id) == 0;
                if (!there)
                        known->files[known->file_count++] = named[i];
        }
}

/* 1: what it is; 0: nothing that concerns us.  A machine that runs and cannot be read, say because somebody gave it
 * what no definition of ours holds, uses its disks all the same. */
static int know(virDomainPtr domain, Known *ret, Error *err) {
        int active = virDomainIsActive(domain);
        auto_free char *xml = virDomainGetXMLDesc(domain, 0);
        Error why = { 0 };

        ret->active = active != 0;      /* an unknown answer counts as running */
        if (!xml)
                (void)libvirt_error(&why, "\"%s\"", virDomainGetName(domain));
        else if (definition_read(xml, strlen(xml), &ret->definition, &why) == 0 &&
                 definition_files(&ret->definition, ret->files, &ret->file_count, &why) == 0) {
                if (ret->active)
                        add_named(xml, ret);
                return 1;
        }
        if (!xml && why.kind == ERROR_NOT_FOUND)
                return 0;
        if (!xml || (why.kind != ERROR_PROTOCOL && why.kind != ERROR_UNSUPPORTED)) {
                *err = why;
                return -1;
        }
        ret->definition = (VmDefinition){ 0 };
        ret->file_count = host_disks_named(xml, ret->files);
        (void)snprintf(ret->definition.name, VM_NAME_SIZE, "%s", virDomainGetName(domain));
        return ret->active && ret->file_count > 0;
}

static int known_machines(VmHost *host, Known **ret, size_t *ret_count, Error *err) {
        auto_(host_domains_freep) Domains all = { 0 };
        size_t count = 0;

        if (host_domains(host, 0, &all, err) < 0)
                return -1;
        auto_free Known *list = calloc(all.count + 1, sizeof *list);
        if (!list)
                return error_oom(err);
        for (size_t i = 0; i < all.count; i++) {
                int r = know(all.list[i], &list[count], err);
                if (r < 0)
                        return -1;
                count += (size_t)r;
        }
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}

static const Known *machine_of(const Known *list, size_t count, const char *disk_id, bool active) {
        for (size_t i = 0; i < count; i++)
                for (unsigned j = 0; j < list[i].file_count; j++)
                        if (list[i].active == active && strcmp(list[i].files[j].id, disk_id) == 0)
                                return &list[i];
        return NULL;
}

int host_disk_user(VmHost *host, const DiskName *disks, unsigned disk_count, char ret_name[static VM_NAME_SIZE],
                   Error *err) {
        auto_free Known *machines = NULL;
        const Known *user = NULL;
        size_t count = 0;

        if (known_machines(host, &machines, &count, err) < 0)
                return -1;
        for (unsigned i = 0; i < disk_count && !user; i++)
                user = machine_of(machines, count, disks[i].id, true);
        (void)snprintf(ret_name, VM_NAME_SIZE, "%s", user ? user->definition.name : "");
        return 0;
}

/* Claimed by us; the machines are listed after that, so one that was being started is seen running. */
static int settle_claimed(VmHost *host, const char *disk_id, Error *err) {
        auto_free Known *machines = NULL;
        size_t count = 0;

        if (known_machines(host, &machines, &count, err) < 0)
                return -1;
        if (machine_of(machines, count, disk_id, true))
                return 0;
        DiskName disk = { 0 };
        (void)snprintf(disk.id, sizeof disk.id, "%s", disk_id);
        (void)snprintf(disk.nbd_socket, sizeof disk.nbd_socket, "%s/%s/nbd.sock", DISK_FOLDER, disk_id);
        if (disk_stop(&disk, err) < 0)
                return -1;
        const Known *machine = machine_of(machines, count, disk_id, false);
        return machine && machine->definition.disk_count > 0 ? host_clear_ledger(host, machine->definition.folder, err) : 0;
}

void host_keeper_owe(VmHost *host, const char *disk_id) {
        Error ignored;

        (void)pthread_mutex_lock(&host->lock);
        (void)!add_id(&host->owed, disk_id, &ignored);  /* without memory the ledger stays, which is information only */
        (void)pthread_mutex_unlock(&host->lock);
}

static int settle_all(VmHost *host, const DiskIds *ids, size_t owed, Error *err) {
        auto_free Known *machines = NULL;
        Error later = { 0 };
        size_t count = 0;
        int r = 0;

        if (ids->count > 0 && known_machines(host, &machines, &count, err) < 0) {
                for (size_t i = 0; i < owed; i++)
                        host_keeper_owe(host, ids->list[i]);
                return -1;
        }
        for (size_t i = 0; i < ids->count; i++) {
                /* Looked at twice: cheaply here, and again once nobody else can start the machine. */
                if (machine_of(machines, count, ids->list[i], true))
                        continue;
                if (!host_claim_settle(host, ids->list[i])) {   /* whose end wakes us */
                        if (i < owed)
                                host_keeper_owe(host, ids->list[i]);
                        continue;
                }
                if (settle_claimed(host, ids->list[i], r < 0 ? &later : err) < 0) {
                        r = -1;
                        host_keeper_owe(host, ids->list[i]);
                }
                host_unclaim_quietly(host, ids->list[i]);
        }
        return r;
}

static int settle(VmHost *host, Error *err) {
        auto_(disk_ids_freep) DiskIds ids = { 0 };
        Error unseen = { 0 };

        (void)pthread_mutex_lock(&host->lock);
        size_t owed = host->owed.count;
        ids = host->owed;
        host->owed = (DiskIds){ 0 };
        (void)pthread_mutex_unlock(&host->lock);
        bool seen = disk_ids(&ids, &unseen) == 0;
        int r = settle_all(host, &ids, owed, err);
        if (seen || r < 0)
                return r;
        *err = unseen;
        return -1;
}

static void tell_trouble(VmHost *host, const Error *error) {
        VmEvent event = { .kind = VM_EVENT_TROUBLE };
        (void)memcpy(event.text, error->text, sizeof event.text);
        host_tell(host, &event);
}

static struct timespec later(long ms) {
        struct timespec at;
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += ms / 1000;
        at.tv_nsec += ms % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000;
        }
        return at;
}

static void *keeper_thread(void *userdata) {
        VmHost *host = userdata;
        char told[ERROR_TEXT_MAX] = "";

        (void)pthread_mutex_lock(&host->lock);
        while (!host->stopping) {
                if (!host->settle_wanted) {
                        (void)pthread_cond_wait(&host->keeper_wake, &host->lock);
                        continue;
                }
                host->settle_wanted = false;
                (void)pthread_mutex_unlock(&host->lock);
                auto_(connection_freep) virConnectPtr connection = NULL;
                Error err = { 0 };
                int r = vmhost_connection(host, &connection, &err);
                if (r == 0)
                        r = settle(host, &err);
                if (r < 0 && strcmp(told, err.text) != 0)       /* once, not every five seconds */
                        tell_trouble(host, &err);
                (void)snprintf(told, sizeof told, "%s", r < 0 ? err.text : "");
                (void)pthread_mutex_lock(&host->lock);
                struct timespec again = later(r < 0 ? RETRY_S * 1000 : CALM_MS);
                host->settle_wanted |= r < 0;
                while (!host->stopping && pthread_cond_timedwait(&host->keeper_wake, &host->lock, &again) == 0)
                        ;
        }
        (void)pthread_mutex_unlock(&host->lock);
        return NULL;
}

void host_keeper_wake(VmHost *host) {
        (void)pthread_mutex_lock(&host->lock);
        host->settle_wanted = true;
        (void)pthread_cond_signal(&host->keeper_wake);
        (void)pthread_mutex_unlock(&host->lock);
}

int host_keeper_start(VmHost *host, Error *err) {
        int r = pthread_create(&host->keeper, NULL, keeper_thread, host);
        if (r != 0)
                return error_set(err, ERROR_LIMIT, r, "cannot start the keeper's thread");
        host->has_keeper = true;
        return 0;
}

void host_keeper_stop(VmHost *host) {
        if (!host->has_keeper)
                return;
        (void)pthread_mutex_lock(&host->lock);
        host->stopping = true;
        (void)pthread_cond_signal(&host->keeper_wake);
        (void)pthread_mutex_unlock(&host->lock);
        (void)pthread_join(host->keeper, NULL);
        disk_ids_freep(&host->owed);
}
