/* compare-disks.c — this host opens every file as itself, all at once; see compare.h */
#include "migrate/compare-internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/share/glance.h"

enum { FILE_READ_DATA = 0x1, FILE_WRITE_DATA = 0x2 };   /* [MS-SMB2] 2.2.13.1.1 */

static void check_disk(const CompareRequest *request, unsigned i, const DiskName *disk, const DiskStatus *status,
                       Findings *findings) {
        uint32_t needed = FILE_READ_DATA | FILE_WRITE_DATA;
        Finding *f;

        if (status->dialect < SMB_3_0) {
                f = finding_add(
                        findings, FINDING_DIALECT, ERROR_UNSUPPORTED,
                        "the file server of %s speaks SMB %x.%02x with %s; live migration needs SMB 3.0 or later",
                        disk->unc, status->dialect >> 8, status->dialect & 0xFF, findings->host);
                finding_because(f, NULL, "dialect 0x%04x", status->dialect);
                finding_about(f, disk->unc);
        }
        if (i == 0 && !status->sealed) {        /* we encrypt wherever the server can; once is enough */
                f = finding_add(findings, FINDING_SEALED, ERROR_UNSUPPORTED,
                                "the file server of %s cannot encrypt: what \"%s\" reads and writes is signed, but can be "
                                "read on the storage network", disk->unc, request->definition.name);
                finding_because(f, NULL, "dialect 0x%04x, not encrypted",
                                status->dialect);
                finding_about(f, disk->unc);
                finding_advise(f);
        }
        if ((status->maximal_access & needed) != needed) {
                f = finding_add(
                        findings, FINDING_SHARE_ACCESS, ERROR_DENIED,
                        "%s may not write %s; give the group \"Holdfast Hosts\" the right to change it, on the "
                        "file and on the share",
                        findings->host, disk->unc);
                finding_because(f, NULL, "MaximalAccess 0x%08x", status->maximal_access);
                finding_about(f, disk->unc);
        }
        if (request->running &&
            (memcmp(status->file_id, request->disks[i].file_id, sizeof status->file_id) != 0 ||
             memcmp(status->volume_id, request->disks[i].volume_id, sizeof status->volume_id) != 0 ||
             status->size_bytes != request->disks[i].size_bytes)) {
                f = finding_add(
                        findings, FINDING_OTHER_FILE, ERROR_CONFLICT,
                        "%s is another file for %s than for %s (their FileId, VolumeId or size differ); check "
                        "that both resolve the file server's name to the same machine",
                        disk->unc, findings->host, request->source);
                finding_because(f, NULL, "size %llu here, %llu there", (unsigned long long)status->size_bytes,
                                (unsigned long long)request->disks[i].size_bytes);
                finding_about(f, disk->unc);
        }
}

typedef struct Opening {
        const DiskName *disk;
        pthread_t thread;
        bool threaded;
        int result;
        DiskStatus status;
        Error why;
} Opening;

/* ---- for a move: the disk processes ----------------------------------------------------------------- */

/* Each waits for the file server on a thread of its own. */

static void *opening_run(void *userdata) {
        Opening *o = userdata;
        o->result = disk_start(o->disk, &o->status, &o->why);
        return NULL;
}

static void open_all(Opening *openings, unsigned count) {
        for (unsigned i = 0; i < count; i++)
                openings[i].threaded = pthread_create(&openings[i].thread, NULL, opening_run, &openings[i]) == 0;
        for (unsigned i = 0; i < count; i++)
                if (openings[i].threaded)
                        (void)pthread_join(openings[i].thread, NULL);
                else
                        (void)opening_run(&openings[i]);
}

/* ---- for Compare-VM: only looking ------------------------------------------------------------------ */

static bool is_open_here(const DiskName *disk, Error *why) {
        Error gone = { 0 };

        if (disk_status(disk, NULL, &gone) < 0 && gone.kind == ERROR_NOT_FOUND)
                return false;
        (void)error_set(why, ERROR_CONFLICT, 0, "the disk '%.300s' is open on this host already", disk->unc);
        return true;
}

static void take_glance(const GlanceFile *seen, Opening *o) {
        if (seen->why.kind != ERROR_NONE) {
                o->result = -1;
                o->why = seen->why;
                (void)error_wrap(&o->why, "cannot open the disk '%.200s'", o->disk->unc);
                return;
        }
        o->status = (DiskStatus){ .state = DISK_READER, .size_bytes = seen->size_bytes, .sealed = seen->sealed,
                                  .maximal_access = seen->maximal_access, .dialect = seen->dialect,
                                  .cipher = seen->cipher };
        (void)memcpy(o->status.file_id, seen->file_id, sizeof o->status.file_id);
        (void)memcpy(o->status.volume_id, seen->volume_id, sizeof o->status.volume_id);
}

static int look_at_all(Opening *openings, unsigned count, Error *err) {
        auto_free GlanceFile *seen = calloc(VM_FILES_MAX, sizeof *seen);

        if (!seen)
                return error_oom(err);
        for (unsigned i = 0; i < count; i++)
                seen[i].unc = openings[i].disk->unc;
        if (glance(seen, count, err) < 0)
                return -1;
        for (unsigned i = 0; i < count; i++)
                if (is_open_here(openings[i].disk, &openings[i].why))
                        openings[i].result = -1;
                else
                        take_glance(&seen[i], &openings[i]);
        return 0;
}

/* ---- what was found ----------------------------------------------------------------------------------- */

/* A server that is silent says the same of every disk: one finding tells it. */
static bool is_silence(const Error *why) { return why->kind == ERROR_UNREACHABLE || why->kind == ERROR_TIMEOUT; }

static int report(const Opening *o, bool *silent, Findings *findings, Error *err) {
        const Error *why = &o->why;

        if (why->kind == ERROR_INTERNAL || why->kind == ERROR_CONFLICT) {
                *err = *why;
                return error_wrap(err, "%s cannot start the disk process of %s", findings->host, o->disk->unc);
        }
        if (is_silence(why) && *silent)
                return 0;
        *silent |= is_silence(why);
        Finding *f = finding_add(findings, why->kind == ERROR_DENIED ? FINDING_SHARE_ACCESS : FINDING_DISK, why->kind,
                                 "%s cannot use %s: %s", findings->host, o->disk->unc, why->text);
        finding_because(f, NULL, "%s", error_kind_name(why->kind));
        finding_about(f, o->disk->unc);
        return 0;
}

int compare_disks(const CompareRequest *request, const DiskName *disks, unsigned count, unsigned *ret_started,
                  Findings *findings, Error *err) {
        auto_free Opening *openings = calloc(VM_FILES_MAX, sizeof *openings);
        unsigned started = 0;
        bool silent = false;
        Error ignored;
        int r = 0;

        *ret_started = 0;
        if (!openings)
                return error_oom(err);
        for (unsigned i = 0; i < count; i++)
                openings[i].disk = &disks[i];
        if (request->keep)
                open_all(openings, count);
        else if (look_at_all(openings, count, err) < 0)
                return -1;
        while (request->keep && started < count && openings[started].result == 0)
                started++;
        *ret_started = started;
        for (unsigned i = 0; i < count; i++) {
                /* a medium is only read, and that it can be was shown by opening it */
                if (openings[i].result == 0 && i < request->definition.disk_count)
                        check_disk(request, i, &disks[i], &openings[i].status, findings);
                else if (openings[i].result < 0 && r == 0)
                        r = report(&openings[i], &silent, findings, err);
                /* behind one that failed they were only looked at: there will be no move */
                if (request->keep && i > started && openings[i].result == 0)
                        (void)!disk_stop(&disks[i], &ignored);
        }
        return r;
}
