/* host-claim.c — who is changing which machine and which disks; see host.h */
#include "migrate/host-internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SETTLE_WAIT_S = 60 };    /* the keeper ends a disk process: a flush to the file server at most */

static const struct {
        const char *claim;      /* "is …" */
        const char *status;     /* as Get-VM's Status */
        const char *next;       /* what the second comer does */
} texts[] = {
        [VM_CLAIM_CREATE] = { "being created", "Creating virtual machine", "wait until that ends" },
        [VM_CLAIM_START] = { "being started", "Starting virtual machine", "wait until that ends" },
        [VM_CLAIM_STOP] = { "being turned off", "Stopping virtual machine", "wait until that ends" },
        [VM_CLAIM_DEVICE] = { "being given another device, or relieved of one", "Modifying virtual machine",
                              "wait until that ends" },
        [VM_CLAIM_EXPORT] = { "being exported", "Exporting virtual machine", "wait until that ends" },
        [VM_CLAIM_REMOVE] = { "being removed", "Deleting virtual machine", "wait until that ends" },
        [VM_CLAIM_DISK] = { "being read or written as a disk file", "Copying virtual hard disk",
                            "wait until that ends" },
        [VM_CLAIM_MOVE_OUT] = { "being moved to another host", "Moving virtual machine",
                                "wait until that ends, or cancel it with Stop-VMMigration" },
        [VM_CLAIM_MOVE_IN] = { "being moved to this host", "Moving virtual machine",
                               "wait until that ends, or cancel it with Stop-VMMigration on the source host" },
        [VM_CLAIM_SAVE] = { "being saved", "Saving virtual machine", "wait until that ends" },
        [VM_CLAIM_CHANGE] = { "being changed", "Modifying virtual machine", "wait until that ends" },
        [VM_CLAIM_SETTLE] = { "being put in order", "", "try again in a minute" },
};

static bool shares_disk(const Claim *claim, const DiskName *disks, unsigned count) {
        for (unsigned i = 0; i < claim->disk_count; i++)
                for (unsigned j = 0; j < count; j++)
                        if (strcmp(claim->disks[i], disks[j].id) == 0)
                                return true;
        return false;
}

static const Claim *conflict(const VmHost *host, const char *id, const DiskName *disks, unsigned count) {
        for (size_t i = 0; i < CLAIMS_MAX; i++) {
                const Claim *c = &host->claims[i];
                if (c->used && (strcmp(c->id, id) == 0 || shares_disk(c, disks, count)))
                        return c;
        }
        return NULL;
}

static int refuse(const Claim *claim, const char *id, const char *name, Error *err) {
        if (strcmp(claim->id, id) == 0 && claim->what != VM_CLAIM_SETTLE && claim->what != VM_CLAIM_DISK)
                return error_set(
                        err, ERROR_CONFLICT, 0,
                        "The operation cannot be performed while the virtual machine is in its current state. "
                        "\"%s\" is %s; %s.",
                        name, texts[claim->what].claim, texts[claim->what].next);
        return error_set(err, ERROR_CONFLICT, 0, "a disk of \"%s\" is %s by \"%s\"; %s", name,
                         claim->what == VM_CLAIM_SETTLE || claim->what == VM_CLAIM_DISK ? texts[claim->what].claim
                                                                                       : "in use",
                         claim->name, texts[claim->what].next);
}

static int insert(VmHost *host, VmClaim what, const char *id, const char *name, const DiskName *disks,
                  unsigned disk_count, Error *err) {
        for (size_t i = 0; i < CLAIMS_MAX; i++) {
                Claim *c = &host->claims[i];
                if (c->used)
                        continue;
                *c = (Claim){ .used = true, .what = what, .disk_count = disk_count };
                (void)snprintf(c->id, sizeof c->id, "%s", id);
                (void)snprintf(c->name, sizeof c->name, "%s", name);
                for (unsigned j = 0; j < disk_count; j++)
                        (void)memcpy(c->disks[j], disks[j].id, DISK_ID_SIZE);
                return 0;
        }
        return error_set(err, ERROR_LIMIT, 0, "this host is doing %d things at once; try again later", CLAIMS_MAX);
}

int vmhost_claim(VmHost *host, VmClaim what, const char *id, const char *name, const DiskName *disks,
                 unsigned disk_count, Error *err) {
        struct timespec deadline;
        const Claim *other;
        int r = 0;

        if (disk_count > VM_FILES_MAX)
                return error_set(err, ERROR_LIMIT, 0, "\"%s\" has more than %d disks and media", name, VM_FILES_MAX);
        (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += SETTLE_WAIT_S;
        (void)pthread_mutex_lock(&host->lock);
        while ((other = conflict(host, id, disks, disk_count)) && other->what == VM_CLAIM_SETTLE)
                if (pthread_cond_timedwait(&host->claims_changed, &host->lock, &deadline) != 0)
                        break;
        if ((other = conflict(host, id, disks, disk_count)))
                r = refuse(other, id, name, err);
        else
                r = insert(host, what, id, name, disks, disk_count, err);
        (void)pthread_mutex_unlock(&host->lock);
        return r;
}

void host_unclaim_quietly(VmHost *host, const char *id) {
        (void)pthread_mutex_lock(&host->lock);
        for (size_t i = 0; i < CLAIMS_MAX; i++)
                if (host->claims[i].used && strcmp(host->claims[i].id, id) == 0)
                        host->claims[i].used = false;
        (void)pthread_cond_broadcast(&host->claims_changed);
        (void)pthread_mutex_unlock(&host->lock);
}

void vmhost_unclaim(VmHost *host, const char *id) {
        host_unclaim_quietly(host, id);
        host_keeper_wake(host);
}

bool host_claim_settle(VmHost *host, const char *disk_id) {
        Error ignored = { 0 };
        DiskName disk = { 0 };
        bool ok;

        (void)snprintf(disk.id, sizeof disk.id, "%s", disk_id);
        (void)pthread_mutex_lock(&host->lock);
        ok = !conflict(host, disk_id, &disk, 1) &&
             insert(host, VM_CLAIM_SETTLE, disk_id, "this host", &disk, 1, &ignored) == 0;
        (void)pthread_mutex_unlock(&host->lock);
        return ok;
}

int host_claim_text(VmHost *host, const char *id, char claim[static 64], char status[static 96]) {
        int what = -1;

        claim[0] = status[0] = '\0';
        (void)pthread_mutex_lock(&host->lock);
        for (size_t i = 0; i < CLAIMS_MAX; i++) {
                const Claim *c = &host->claims[i];
                if (!c->used || strcmp(c->id, id) != 0 || c->what == VM_CLAIM_SETTLE)
                        continue;
                (void)snprintf(claim, 64, "%s", texts[c->what].claim);
                (void)snprintf(status, 96, "%s", texts[c->what].status);
                what = (int)c->what;
        }
        (void)pthread_mutex_unlock(&host->lock);
        return what;
}
