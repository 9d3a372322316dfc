/* serve.h — the one thread of a disk process that owns the disk
 *
 * Runs an sd_event loop with the drive and its control socket.  nbdkit's threads reach it through the queue only.
 */
#pragma once

#include "appliance/base/error.h"
#include "smb/disk/config.h"
#include "smb/disk/queue.h"

typedef struct Serve Serve;

/* Starts the thread; returns when the control socket listens (the reader may still be on its way).  Tells the
 * service manager that we are ready. */
int serve_start(const DiskConfig *config, Queue *queue, Serve **ret, Error *err) FAILS;

/* Any thread: flush and close what is held, answer every request, end.  Returns at once. */
void serve_request_stop(Serve *serve);

/* Requests a stop, waits for the thread (20 s at most for the file server) and frees.  Accepts NULL. */
void serve_free(Serve *serve);
