/* compare.h — may this machine run on that host?  Each host answers for itself, by looking
 *
 * The destination proves that it may use every file by opening it as itself, which changes nothing on the share.  For
 * a move its disk processes do that, in READER, and stay; for Compare-VM this process opens, hears the same answers of
 * the file server (smb/share/glance.h) and closes again.
 */
#pragma once

#include <stdbool.h>

#include "migrate/compare-findings.h"
#include "migrate/definition.h"
#include "migrate/fabric.h"
#include "migrate/host.h"

#define COMPARE_CLOCK_MAX_US (5ULL * 60 * 1000000)      /* Kerberos' own bound, RFC 4120 */
#define COMPARE_MEMORY_EXTRA (64ULL << 20)              /* of QEMU itself, beside the guest's memory */

typedef struct CompareRequest {         /* what the source tells of the machine */
        char token[UUID_TEXT_SIZE];
        bool keep;                      /* a move follows: the disk processes stay */
        bool running;                   /* else it only changes hosts on paper */
        bool emulated;                  /* it runs without hardware virtualization */
        uint64_t realtime_us;           /* the source's clock */
        uint64_t next_epoch;
        char source[MACHINE_NAME_MAX];
        Processor processor;            /* the running machine's; empty: not told, by an older version */
        Processor host_processor;       /* what the source's host can give; empty: not told */
        Fabrics fabrics;                /* on which the running machine has LUNs */
        VmDefinition definition;
        struct {
                uint8_t file_id[8], volume_id[8];
                uint64_t size_bytes;
        } disks[VM_DISKS_MAX];
} CompareRequest;

int compare_request_json(const CompareRequest *request, sd_json_variant **ret, Error *err) FAILS;
int compare_request_parse(sd_json_variant *v, CompareRequest *ret, Error *err) FAILS;

/* On the source: whether the machine is what its own share needs.  Asks the DNS; no answer is no finding. */
void compare_domain(const VmDefinition *definition, const char *domain, Findings *findings);
/* On the source: state, disks, devices.  Fills request->disks and the processors. */
int compare_source(VmHost *host, const VmInfo *vm, CompareRequest *request, Findings *findings, Error *err) FAILS;

/* On the destination, but for the disks: clock, emulator, processor, memory, names, switches. */
int compare_destination(VmHost *host, const CompareRequest *request, Findings *findings, Error *err) FAILS;
/* Opens @files (the disks, then the media of DVD drives), all at once.  With request->keep by disk processes: the first
 * @ret_started of them run afterwards, also on failure; no other does. */
int compare_disks(const CompareRequest *request, const DiskName *files, unsigned file_count, unsigned *ret_started,
                  Findings *findings, Error *err) FAILS;
