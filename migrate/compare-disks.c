/* compare-disks.c — this host opens every file as itself, all at once; see compare.h */
#include "migrate/compare-internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

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
        }
        if (i == 0 && !status->sealed) {        /* we encrypt wherever the server can; once is enough */
                f = finding_add(findings, FINDING_SEALED, ERROR_UNSUPPORTED,
                                "the file server of %s cannot encrypt: what \"%s\" reads and writes is signed, but can be "
                                "read on the storage network", disk->unc, request->definition.name);
                finding_because(f, NULL, "dialect 0x%04x, not encrypted",
                                status->dialect);
                finding_advise(f);
        }
        if ((status->maximal_access & needed) != needed) {
                f = finding_add(
                        findings, FINDING_SHARE_ACCESS, ERROR_DENIED,
                        "%s may not write %s; give the group \"Holdfast Hosts\" the right to change it, on the "
                        "file and on the share",
                        findings->host, disk->unc);
                finding_because(f, "Grant-SmbShareAccess, icacls", "MaximalAccess 0x%08x", status->maximal_access);
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
        }
}

/* One disk process on its way up: each waits for the file server on a thread of its own. */
typedef struct Opening {
        const DiskName *disk;
        pthread_t thread;
        bool threaded;
        int result;
        DiskStatus status;
        Error why;
} Opening;

static void *opening_run(void *userdata) {
        Opening *o = userdata;
        o->result = disk_start(o->disk, &o->status, &o->why);
        return NULL;
}

static void open_all(Opening *openings, const DiskName *disks, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                openings[i].disk = &disks[i];
                openings[i].threaded = pthread_create(&openings[i].thread, NULL, opening_run, &openings[i]) == 0;
        }
        for (unsigned i = 0; i < count; i++)
                if (openings[i].threaded)
                        (void)pthread_join(openings[i].thread, NULL);
                else
                        (void)opening_run(&openings[i]);
}

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
        finding_because(f, why->kind == ERROR_DENIED ? "Grant-SmbShareAccess, icacls" : NULL, "%s",
                        error_kind_name(why->kind));
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
        open_all(openings, disks, count);
        while (started < count && openings[started].result == 0)
                started++;
        *ret_started = started;
        for (unsigned i = 0; i < count; i++) {
                /* a medium is only read, and that it can be was shown by opening it */
                if (openings[i].result == 0 && i < request->definition.disk_count)
                        check_disk(request, i, &disks[i], &openings[i].status, findings);
                else if (openings[i].result < 0 && r == 0)
                        r = report(&openings[i], &silent, findings, err);
                /* behind one that failed they were only looked at: there will be no move */
                if (i > started && openings[i].result == 0)
                        (void)!disk_stop(&disks[i], &ignored);
        }
        return r;
}
