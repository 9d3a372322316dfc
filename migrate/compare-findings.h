/* compare-findings.h — what keeps a machine from moving: a list of findings; pure
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum {
        FINDINGS_MAX = 64,
        FINDING_HOST_MAX = 256,
        FINDING_EXTRA_MAX = 256,
        FINDING_OBJECT_MAX = 1400,      /* a UNC path */
        FINDING_REMEDY_MAX = 1024,
};

/* Compare-VM's MessageId.  Hyper-V's own numbers where it has one. */
typedef enum FindingId {
        FINDING_SWITCH = 33012,         /* Could not find Ethernet switch */
        FINDING_DISK = 40010,           /* a virtual disk cannot be used */
        FINDING_SAME_HOST = 50001,
        FINDING_CLOCK = 50002,
        FINDING_VIRTUALIZATION = 50003,
        FINDING_PROCESSOR = 50004,
        FINDING_MACHINE_TYPE = 50005,
        FINDING_MEMORY = 50006,
        FINDING_NAME_TAKEN = 50007,
        FINDING_RUNNING_THERE = 50008,
        FINDING_STATE = 50009,
        FINDING_HOST_DEVICE = 50010,
        FINDING_LOCAL_FILE = 50011,
        FINDING_SHARE_ACCESS = 50012,
        FINDING_DIALECT = 50013,
        FINDING_OTHER_FILE = 50014,
        FINDING_OWNER = 50015,
        FINDING_LIMIT = 50016,
        FINDING_HYPERVISOR = 50017,
        FINDING_DISABLED = 50018,       /* Disable-VMMigration */
        FINDING_NETWORK = 50019,        /* not over a migration network */
        FINDING_PROCESSOR_FEATURE = 50020,      /* by name */
        FINDING_PROCESSOR_VENDOR = 50021,
        FINDING_FIBRE_CHANNEL = 50022,
        FINDING_DISK_FORMAT = 50023,
        FINDING_LOCAL_STATE = 50024,    /* TPM, NVRAM */
        FINDING_CHECKPOINT = 50025,     /* of libvirt's own */
        FINDING_DURABLE = 50026,
        FINDING_SEALED = 50027,
        FINDING_CONTROLLER = 50028,     /* the only domain controller */
        FINDING_SPACE = 50029,
        FINDING_SERVICE = 50030,        /* the destination is there, and Holdfast does not run on it */
        FINDING_READ_ONLY = 50031,      /* a file has the attribute */
        /* of the host itself, in its domain: */
        FINDING_NAME = 50041,           /* its address in the DNS */
        FINDING_SPN = 50042,
        FINDING_KEY = 50043,            /* older than the domain's */
        FINDING_FABRIC = 50044,
        FINDING_ACCOUNT = 50045,        /* disabled */
        FINDING_DOMAIN = 50046,         /* does not answer */
} FindingId;

typedef struct Finding {
        unsigned id;
        bool advice;                    /* worth knowing; keeps nothing from moving */
        ErrorKind kind;                 /* what a move that meets it fails with */
        char host[FINDING_HOST_MAX];    /* on which host it is so */
        char message[ERROR_TEXT_MAX];   /* one sentence that names the object and the next step */
        char evidence[FINDING_EXTRA_MAX];       /* what was seen */
        char object[FINDING_OBJECT_MAX];        /* the share, file or switch it is about; "": the machine or a host */
        /* Commands that mend it, one a line, or "".  A Verb-Noun is one of ours, everything else is typed at a shell; both
         * by an administrator of @remedy_host, which is @host unless said otherwise. */
        char remedy[FINDING_REMEDY_MAX];
        char remedy_host[FINDING_HOST_MAX];
} Finding;

typedef struct Findings {
        char host[FINDING_HOST_MAX];    /* of the findings added from now on */
        size_t count;                   /* more than FINDINGS_MAX are dropped: they are more of the same */
        Finding list[FINDINGS_MAX];
} Findings;

/* The message of the finding added; evidence and remedy are filled by the caller with finding_because(). */
Finding *finding_add(Findings *findings, FindingId id, ErrorKind kind, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* @finding may be NULL (the list was full); @remedy may be NULL. */
void finding_because(Finding *finding, const char *remedy, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

void finding_about(Finding *finding, const char *object);       /* accepts NULL */
/* One more line of the remedy; one that does not fit whole is left out.  @host NULL: where it was found. */
void finding_remedy(Finding *finding, const char *host, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* @name inside '…' of one of our commands, and of a shell.  The caller frees; NULL when memory is gone. */
char *finding_quote(const char *name);
char *finding_quote_shell(const char *name);
void finding_advise(Finding *finding);  /* accepts NULL */
/* What is in @from, at the end of @findings. */
void findings_append(Findings *findings, const Findings *from);
/* Whether one of them keeps the machine from moving. */
bool findings_block(const Findings *findings);

int findings_json(const Findings *findings, sd_json_variant **ret, Error *err) FAILS;
/* Appends what another host found; ERROR_PROTOCOL when it is not such a list. */
int findings_append_json(Findings *findings, sd_json_variant *list, Error *err) FAILS;
/* The error of a move that met @findings (at least one that blocks): the first such one's sentence. */
int findings_error(const Findings *findings, Error *err);
