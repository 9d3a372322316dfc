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
        VM_DVDS_MAX = 4,    /* as many as there are IDE locations */
        VM_FILES_MAX = VM_DISKS_MAX + VM_DVDS_MAX,
        VM_ADAPTERS_MAX = 8,
        VM_ADAPTER_NAME_SIZE = 128,
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

/* A bridge that every host has and that leads nowhere: adapters that are connected to no switch have to be plugged
 * in somewhere, with their link down (QEMU cannot turn one kind of plug into another while the machine runs). */
#define VM_SWITCH_NONE "hf-none"
#define VM_ADAPTER_NAME "Network Adapter"       /* Hyper-V's default */

/* Where a drive is, in Hyper-V's words.  An IDE location of a hard disk is a virtio block device to the guest, fixed
 * while it runs; a SCSI location is a target of a virtio SCSI controller and may come and go.  A DVD drive is ATAPI
 * at its IDE location: any guest can start from it. */
typedef enum VmBus { VM_IDE, VM_SCSI } VmBus;
enum { VM_IDE_CONTROLLERS = 2, VM_IDE_LOCATIONS = 2, VM_SCSI_CONTROLLERS = 1, VM_SCSI_LOCATIONS = 64 };
typedef struct VmSlot {
        VmBus bus;
        unsigned controller, location;
} VmSlot;

typedef struct VmDvd {
        VmSlot slot;                            /* IDE */
        char path[DISK_UNC_MAX];                /* an ISO file on a share; "" when the drive is empty */
} VmDvd;

typedef struct VmAdapter {
        char switch_name[VM_SWITCH_SIZE];       /* a bridge of the host, the same name on every host; "": none */
        char mac[VM_MAC_SIZE];                  /* 52:54:00:… */
        char name[VM_ADAPTER_NAME_SIZE];
        unsigned slot;                          /* 0 to VM_ADAPTERS_MAX - 1: its place, whatever others come and go */
        bool static_mac;                        /* somebody chose the address */
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
        /* In order: the id of a disk (disk_name()), the place of a DVD drive (vm_slot_text()), the MAC of an adapter.  None
         * that is there: the first disk, then the first DVD drive. */
        unsigned boot_count;
        char boot[VM_BOOT_MAX][DISK_ID_SIZE];
        unsigned disk_count, dvd_count, adapter_count;
        char disks[VM_DISKS_MAX][DISK_UNC_MAX]; /* in the guest's order: vda, vdb … */
        VmSlot disk_slots[VM_DISKS_MAX];
        VmDvd dvds[VM_DVDS_MAX];
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

/* The named CPU model every host of a fabric can give. */
const char *definition_cpu(bool emulated);

/* The disks as disk processes know them; @ret has room for VM_DISKS_MAX. */
int definition_disks(const VmDefinition *definition, DiskName *ret, Error *err) FAILS;
/* The medium in a drive that has one, as this machine's own disk process knows it: others may read the same file. */
int definition_medium(const VmDefinition *definition, const VmDvd *dvd, DiskName *ret, Error *err) FAILS;
/* The disks, then the media: every file that a disk process of the machine has open.  @ret has room for
 * VM_FILES_MAX. */
int definition_files(const VmDefinition *definition, DiskName *ret, unsigned *ret_count, Error *err) FAILS;

/* ---- drives: definition-drive.c ---- */
const char *vm_bus_name(VmBus bus);             /* "IDE", "SCSI" */
bool vm_slot_exists(VmSlot slot);
bool vm_slot_equal(VmSlot a, VmSlot b);
/* What is there: index of the disk or the DVD drive, or -1. */
int definition_disk_at(const VmDefinition *definition, VmSlot slot);
int definition_dvd_at(const VmDefinition *definition, VmSlot slot);
/* The first free location on @bus, on @controller only when it is not negative; false when there is none. */
bool definition_free_slot(const VmDefinition *definition, VmBus bus, int controller, VmSlot *ret);
/* Puts a disk at a free @slot, in the order of slots; the caller has checked that there is room. */
void definition_put_disk(VmDefinition *definition, const char *unc, VmSlot slot);
void definition_take_disk(VmDefinition *definition, unsigned index);
void definition_take_dvd(VmDefinition *definition, unsigned index);
void definition_take_adapter(VmDefinition *definition, unsigned index);
/* "ide:0:1", as the metadata has it. */
enum { VM_SLOT_TEXT_SIZE = 24 };
void vm_slot_text(VmSlot slot, char ret[static VM_SLOT_TEXT_SIZE]);
bool vm_slot_parse(const char *text, VmSlot *ret);

/* What libvirt is told of one device of a machine, to attach, change or detach it while the machine runs. */
int definition_write_disk(const VmDefinition *definition, unsigned index, char **ret_xml, Error *err) FAILS;
int definition_write_dvd(const VmDefinition *definition, unsigned index, char **ret_xml, Error *err) FAILS;
int definition_write_adapter(const VmDefinition *definition, unsigned index, char **ret_xml, Error *err) FAILS;
/* The metadata element, as virDomainSetMetadata() wants it: libvirt adds the namespace. */
int definition_write_metadata(const VmDefinition *definition, char **ret_xml, Error *err) FAILS;

/* ---- booting: definition-boot.c ---- */
/* When the device of that @entry is tried: from 1; 0 when it is not.  Entries whose device is gone do not count. */
unsigned definition_boot_rank(const VmDefinition *definition, const char *entry);
/* Whether any entry names a device that is there. */
bool definition_has_boot(const VmDefinition *definition);
/* For definition_check(). */
int definition_check_boot(const VmDefinition *definition, Error *err) FAILS;

/* <folder>\<name>.vm and <folder>\owner.json; ERROR_LIMIT when longer than @size. */
int definition_path(const VmDefinition *definition, char *ret, size_t size, Error *err) FAILS;
