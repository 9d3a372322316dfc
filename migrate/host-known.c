/* host-known.c — definitions that libvirt has not written anew since they were read; see host.h
 *
 * A list of machines is asked for often and changes seldom, and their XML is most of what it costs.  libvirt writes a
 * file anew, under another inode, before it answers whoever changed a machine: /etc/libvirt/qemu/NAME.xml for what is
 * defined and /run/libvirt/qemu/NAME.xml for what runs.  Not every change has an event.  So a definition is believed as
 * long as both files are the same; where they cannot be seen, nothing is.  A file younger than FRESH_NS may be written
 * again within the clock's own step: what was read then is not kept.
 */
#include "migrate/host-internal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FRESH_NS = 100 * 1000 * 1000, PATH_SIZE = 320 };

struct HostKnown {
        HostStamp stamp;
        uint64_t started_us;
        uint8_t bytes[];                /* the pieces of the definition, one after the other */
};

/* A definition is mostly room for what few machines have.  These are the parts of it that say something; they tell their
 * own sizes, the first one those of the others. */
enum { PIECES = 4 };
typedef struct Piece {
        size_t at, size;
} Piece;

static size_t pieces_of(const VmDefinition *d, Piece to[static PIECES]) {
        to[0] = (Piece){ 0, offsetof(VmDefinition, disks) + d->disk_count * sizeof d->disks[0] };
        to[1] = (Piece){ offsetof(VmDefinition, disk_slots), sizeof d->disk_slots };
        to[2] = (Piece){ offsetof(VmDefinition, dvds), d->dvd_count * sizeof d->dvds[0] };
        to[3] = (Piece){ offsetof(VmDefinition, adapters), d->adapter_count * sizeof d->adapters[0] };
        return to[0].size + to[1].size + to[2].size + to[3].size;
}

static void pack(const VmDefinition *d, uint8_t *to) {
        Piece pieces[PIECES];

        (void)pieces_of(d, pieces);
        for (size_t i = 0; i < PIECES; to += pieces[i++].size)
                (void)memcpy(to, (const uint8_t *)d + pieces[i].at, pieces[i].size);
}

static void unpack(const uint8_t *from, VmDefinition *ret) {
        Piece pieces[PIECES];

        (void)memcpy(ret, from, offsetof(VmDefinition, disks));
        (void)pieces_of(ret, pieces);
        for (size_t i = 0; i < PIECES; from += pieces[i++].size)
                (void)memcpy((uint8_t *)ret + pieces[i].at, from, pieces[i].size);
}

void host_known_end(VmHost *host) {
        for (size_t i = 0; i < KNOWN_MAX; i++)
                free(host->known[i]);
}

static bool look_at(const char *folder, const char *name, HostStampFile *ret) {
        char path[PATH_SIZE];
        struct stat st;
        struct timespec now;

        if ((size_t)snprintf(path, sizeof path, "%s/%s.xml", folder, name) >= sizeof path || stat(path, &st) < 0)
                return false;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        int64_t age_ns = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000000000 + (now.tv_nsec - st.st_mtim.tv_nsec);
        *ret = (HostStampFile){ .inode = st.st_ino, .size_bytes = st.st_size, .seconds = st.st_mtim.tv_sec,
                                .nanoseconds = st.st_mtim.tv_nsec };
        return age_ns > FRESH_NS;
}

void host_stamp(const VmHost *host, virDomainPtr domain, HostStamp *ret) {
        const char *name = virDomainGetName(domain);

        *ret = (HostStamp){ .runs = virDomainGetID(domain) };
        if (host->config.libvirt_uri || strchr(name, '/') || virDomainGetUUID(domain, ret->id) < 0)
                return;
        ret->given = look_at("/etc/libvirt/qemu", name, &ret->defined) &&
                     (ret->runs == (unsigned)-1 || look_at("/run/libvirt/qemu", name, &ret->running));
}

static bool same_file(const HostStampFile *a, const HostStampFile *b) {
        return a->inode == b->inode && a->size_bytes == b->size_bytes && a->seconds == b->seconds &&
               a->nanoseconds == b->nanoseconds;
}

static bool same_stamp(const HostStamp *a, const HostStamp *b) {
        return a->runs == b->runs && memcmp(a->id, b->id, sizeof a->id) == 0 && same_file(&a->defined, &b->defined) &&
               same_file(&a->running, &b->running);
}

bool host_recall(VmHost *host, const HostStamp *stamp, VmDefinition *ret, uint64_t *ret_started_us) {
        bool found = false;

        if (!stamp->given)
                return false;
        (void)pthread_mutex_lock(&host->lock);
        for (size_t i = 0; i < KNOWN_MAX && !found; i++) {
                const HostKnown *known = host->known[i];
                found = known && same_stamp(&known->stamp, stamp);
                if (!found)
                        continue;
                unpack(known->bytes, ret);
                *ret_started_us = known->started_us;
        }
        (void)pthread_mutex_unlock(&host->lock);
        return found;
}

void host_remember(VmHost *host, const HostStamp *stamp, const VmDefinition *definition, uint64_t started_us) {
        Piece pieces[PIECES];
        HostKnown *known = stamp->given ? malloc(sizeof *known + pieces_of(definition, pieces)) : NULL;

        if (!known)
                return;
        known->stamp = *stamp;
        known->started_us = started_us;
        pack(definition, known->bytes);
        (void)pthread_mutex_lock(&host->lock);
        HostKnown **slot = NULL;
        for (size_t i = 0; i < KNOWN_MAX && (!slot || !*slot || memcmp((*slot)->stamp.id, stamp->id, sizeof stamp->id) != 0); i++)
                if (!host->known[i] ? !slot : memcmp(host->known[i]->stamp.id, stamp->id, sizeof stamp->id) == 0)
                        slot = &host->known[i];
        if (!slot)                      /* of more machines than that some are read each time */
                slot = &host->known[host->known_next++ % KNOWN_MAX];
        HostKnown *old = *slot;
        *slot = known;
        (void)pthread_mutex_unlock(&host->lock);
        free(old);
}
