/* vhd.h — virtual hard disk files: made on the share, and copied between this host and the share
 *
 * On the share a disk is raw (.raw, sparse).  Local images may be raw, qcow2, vpc (.vhd) or vhdx; what one is comes
 * from its extension and is never probed, and an image that refers to another file (backing or data file) is
 * refused: what a guest could have written must not choose which host files we read.
 *
 * Data goes through a disk process of the file, owned exclusively as a running machine would: a disk in use
 * anywhere is refused by the file server itself.  All calls block: pool threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "migrate/host.h"

enum { VHD_PATH_MAX = DISK_UNC_MAX };
#define VHD_SIZE_MIN 1048576ULL                 /* bytes */
#define VHD_SIZE_MAX (64ULL << 40)              /* as VHDX */

typedef enum VhdFormat { VHD_RAW, VHD_QCOW2, VHD_VPC, VHD_VHDX } VhdFormat;
const char *vhd_format_name(VhdFormat format);  /* "RAW", "QCOW2", "VHD", "VHDX" */

typedef struct VhdInfo {
        char path[VHD_PATH_MAX];
        VhdFormat format;
        bool on_share, attached;                /* attached: held by a disk process of this node */
        bool has_file_size;
        uint64_t size_bytes, file_size_bytes;   /* the guest's; allocated */
        char disk_id[DISK_ID_SIZE];             /* of a disk on a share */
} VhdInfo;

/* By extension, without case.  ERROR_UNSUPPORTED names the extensions. */
int vhd_format_of(const char *path, VhdFormat *ret, Error *err) FAILS;
bool vhd_is_unc(const char *path);

/* A new sparse file of zeros; its folder is made.  ERROR_CONFLICT when it exists. */
int vhd_create(const char *unc, uint64_t size_bytes, Error *err) FAILS;
/* Larger only: a raw disk has no end that could be given up safely.  ERROR_CONFLICT when somebody uses it. */
int vhd_grow(VmHost *host, const char *unc, uint64_t size_bytes, Error *err) FAILS;
int vhd_info(VmHost *host, const char *path, VhdInfo *ret, Error *err) FAILS;

typedef struct VhdConvert {
        const char *from, *to;                  /* at least one on a share; a local path is absolute */
        void (*progress)(void *userdata, int percent);  /* or NULL */
        VmWait wait;
        void *userdata;
} VhdConvert;
/* Copies the content; the target must not exist and does not afterwards when the copy failed or was cancelled. */
int vhd_convert(VmHost *host, const VhdConvert *convert, Error *err) FAILS;
/* The same for two paths on shares; on one share the file server copies by itself, where it can. */
int vhd_copy(VmHost *host, const VhdConvert *convert, Error *err) FAILS;
