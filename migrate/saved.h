/* saved.h — the memory of a saved machine: the file <folder>\<id>.vmrs, and what may stand in it
 *
 * The file is libvirt's save image as libvirt writes and reads it: a head (92 bytes, the domain XML, a cookie, zeros) and
 * QEMU's stream.  Whether it counts says the ledger alone: a file without that word is a leftover.
 *
 * The share may have been tampered with, and libvirt would run what the head describes with its own rights.  So the
 * head is judged as a definition is (definition.h): it may describe the machine with its own disks and nothing that
 * reaches into the host.  Pure: no file is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"
#include "migrate/definition.h"

enum {
        SAVED_FIRST = 92,               /* bytes that tell how long the head is */
        SAVED_HEAD_MAX = 900 * 1024,    /* libvirt's is 64 KiB and the XML; it must fit into a pipe */
};

/* <folder>\<id>.vmrs: it keeps its name when the machine gets another. */
int saved_path(const VmDefinition *definition, char ret[static DISK_UNC_MAX], Error *err) FAILS;

/* From the first SAVED_FIRST bytes: how many the head has.  ERROR_PROTOCOL when it is no complete save image of a kind
 * that we read. */
int saved_head_size(const void *first, size_t *ret, Error *err) FAILS;
/* libvirt marks an image as complete last of all; the first bytes of a complete one, from those of one in the making.
 * ERROR_PROTOCOL as above. */
int saved_complete(void *first, Error *err) FAILS;

/* @head: all of it.  @emulator, @emulated: of this host.  ERROR_PROTOCOL, ERROR_UNSUPPORTED or ERROR_CONFLICT with a
 * sentence when this machine must not be brought back from it here. */
int saved_check(const char *head, size_t size, const VmDefinition *definition, bool emulated, const char *emulator,
                Error *err) FAILS;
