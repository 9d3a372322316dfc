/* saved-stream.h — memory on its way between libvirt and a file on the share, through no disk of this host
 *
 * libvirt saves to a path and restores from a path, and the share has none here.  So the path is a FIFO in
 * /run/holdfast/save/<id>, and this end of it reads or writes the file on the share.  All calls block and may be made
 * from several threads, for different machines.
 *
 * The one moment that counts: libvirt ends the machine as soon as it could mark its file as complete.  That write waits in
 * a FIFO that is full until the memory is flushed on the file server; when it cannot be, or this process ends, the write
 * fails, and libvirt lets the machine run on.
 */
#pragma once

#include "migrate/host.h"

/* What libvirt does at the other end, on a thread of its own: @path is the FIFO. */
typedef int (*SavedCall)(void *userdata, const char *path, Error *err);

/* libvirt saves machine @id into the new file @unc; one that is there is replaced.  When this fails nothing is left.
 * @expected_bytes: for the progress. */
int saved_store(const char *id, const char *unc, uint64_t expected_bytes, SavedCall call, void *userdata,
                const VmWait *wait, Error *err) FAILS;

/* libvirt restores the machine of @definition from @unc, after saved_check().  The file stays. */
int saved_fetch(const VmDefinition *definition, const char *unc, bool emulated, const char *emulator, SavedCall call,
                void *userdata, const VmWait *wait, Error *err) FAILS;

/* FIFOs that a former process left: whoever waits in one is let go. */
void saved_sweep(void);
