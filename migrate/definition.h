/* definition.h — what a virtual machine is: a plain value, and its libvirt domain XML
 *
 * The file <folder>\<name>.vm on the share and the domain that libvirt knows are the same XML.  Reading keeps only
 * what a VmDefinition holds; everything else is dropped and written anew.  So a file somebody tampered with can
 * name disks and sizes, but can never bring a host device, an emulator or a command line of its own.
 *
 * Pure: no file is read, no daemon asked.  Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "appliance/base/text.h"
#include "smb/disk/client.h"

/* Our metadata element in the domain: version, generation, folder, disks. */
#define DEFINITION_NAMESPACE "urn:holdfast:vm:1"
/* Set on the running domain only, and so travels with it: when the machine was switched on. */
#define DEFINITION_RUN_NAMESPACE "urn:holdfast:run:1"
/* Pinned, so that both hosts of a move build the same machine whatever their QEMU's default is. */
#define DEFINITION_MACHINE "pc-i440fx-10.0"
#define DEFINITION_VERSION "1.0"        /* Hyper-V's "configuration version" */

enum {
        VM_NAME_CHARACTERS_MAX = 100,
        VM_NAME_SIZE = 201, /* bytes with NUL: libvirt and Linux use the name in file names of 255 bytes */
        VM_NOTES_SIZE = 2048,
        VM_DISKS_MAX = 16,
        VM_ADAPTERS_MAX = 8,
        VM_SWITCH_SIZE = 16, /* IFNAMSIZ */
        VM_MAC_SIZE = 18,
        VM_BOOT_MAX = 32,
        VM_WEIGHT_DEFAULT = 100,        /* of 1 … 10000: Hyper-V's RelativeWeight, and the kernel's cpu.weight */
        VM_PROCESSORS_MAX = 240,
        VM_DEFINITION_MAX = 256 * 1024, /* bytes of XML we are willing to read */
};
#define VM_MEMORY_MIN (32ULL << 20)     /* bytes, as Hyper-V */
#define VM_MEMORY_MAX (12ULL << 40)
#define VM_QUOTA_PERIOD_US 100000ULL    /* in which a machine may use its processor_maximum */

typedef struct VmAdapter {
        char switch_name[VM_SWITCH_SIZE];       /* a bridge of the host, the same name on every host */
        char mac[VM_MAC_SIZE];                  /* 52:54:00:… */
} VmAdapter;

typedef struct VmDefinition {
        char name[VM_NAME_SIZE];
        char id[UUID_TEXT_SIZE];
        char notes[VM_NOTES_SIZE];
        char folder[DISK_UNC_MAX];              /* \\fs1.lab.test\vms\web01 */
        unsigned generation;                    /* 1 (BIOS) */
        uint64_t memory_bytes;                  /* a multiple of 2 MiB */
        unsigned processor_count;
        unsigned threads_per_core;              /* 0: 1 */
        unsigned processor_weight;              /* against other machines; 0: VM_WEIGHT_DEFAULT */
        unsigned processor_maximum; /* percent of a processor of the host that each of its own may use; 0: 100 */
        /* Its memory waits on the share (saved.h), as this host last saw it.  The ledger says so for all hosts; the
         * file on the share never does. */
        bool saved;
        unsigned boot_count;                    /* 0: the first disk */
        char boot[VM_BOOT_MAX][DISK_ID_SIZE];   /* in order: ids of disks (disk_name()), MACs of adapters */
        unsigned disk_count, adapter_count;
        char disks[VM_DISKS_MAX][DISK_UNC_MAX]; /* in the guest's order: vda, vdb … */
        VmAdapter adapters[VM_ADAPTERS_MAX];
} VmDefinition;

/* ≤ 100 characters, none of / \ : * ? " < > | or control, no space or dot at an end, not a DOS device: the name
 * is a folder and a file on the share.  ERROR_INVALID names the rule. */
int definition_check_name(const char *name, Error *err) FAILS;
/* Every value in its bounds, every path canonical.  definition_read() and definition_write() call it. */
int definition_check(const VmDefinition *definition, Error *err) FAILS;

/* @xml need not end with NUL.  ERROR_PROTOCOL when it is not ours, not well-formed, too deep or too large, has a
 * document type or an entity; *ret is untouched then. */
int definition_read(const char *xml, size_t size, VmDefinition *ret, Error *err) FAILS;

/* @emulated: without hardware virtualization (domain type qemu).  The caller frees *ret_xml (NUL-terminated). */
int definition_write(const VmDefinition *definition, bool emulated, char **ret_xml, Error *err) FAILS;

/* Our own element of it alone, as libvirt takes it for a running domain. */
int definition_write_metadata(const VmDefinition *definition, char **ret_xml, Error *err) FAILS;

/* The named CPU model every host of a fabric can give. */
const char *definition_cpu(bool emulated);

/* The disks as disk processes know them; @ret has room for VM_DISKS_MAX. */
int definition_disks(const VmDefinition *definition, DiskName *ret, Error *err) FAILS;

/* Where in the order of booting the disk of @id or the adapter of that MAC stands: from 1; 0 when it is not booted from.
 * An entry whose device is gone counts as not there. */
unsigned definition_boot_rank(const VmDefinition *definition, const char *id);

/* <folder>\<name>.vm and <folder>\owner.json; ERROR_LIMIT when longer than @size. */
int definition_path(const VmDefinition *definition, char *ret, size_t size, Error *err) FAILS;
