/* nbd.h — the NBD server of a disk process: QEMU's requests become Requests
 *
 * Fixed newstyle, no TLS (a local socket, guarded by its group), structured replies, base:allocation, FUA, trim, write
 * zeroes, several connections to one disk.  Lives on one sd_event loop with what answers the requests, so that a
 * request changes threads nowhere; requests that arrive together go on together, and so do their answers.
 *
 * A client is another user of this host and is not believed: its words are decoded by nbd-wire.h, what it can have
 * under way is bounded by the numbers below, and a wrong word ends its connection.  Refuses to know: SMB, ownership.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/base/error.h"
#include "smb/disk/request.h"

enum {
        NBD_CONNECTIONS_MAX = 16,               /* further ones wait in the socket's backlog */
        NBD_OPTIONS_MAX = 64,                   /* of one haggling */
        NBD_OPTION_BYTES_MAX = 16 * 1024,
        NBD_IN_FLIGHT_MAX = 64,                 /* requests of one connection; QEMU has 16, nbdcopy 64 */
        NBD_REQUEST_MAX = 32 * 1024 * 1024,     /* bytes of data in a request, as QEMU's */
        NBD_BYTES_MAX = 64 * 1024 * 1024,       /* of data of one connection's requests; one alone may always go */
};

typedef struct NbdBackend {
        /* As drive_submit() and drive_withdraw(). */
        void (*submit)(void *userdata, Request *request);
        void (*withdraw)(void *userdata, const void *client);
        /* A request failed, or a client was sent away: for the log. */
        void (*complain)(void *userdata, const Error *why);
} NbdBackend;

typedef struct Nbd Nbd;

/* A listening socket at @path, for us and our group; a socket that is left there is replaced.  -1 on failure. */
int nbd_listen(const char *path, Error *err) FAILS;
/* Takes the listening socket @consumed_fd over, also on failure; -1: none, see nbd_adopt(). */
int nbd_new(sd_event *event, int consumed_fd, const NbdBackend *backend, void *userdata, Nbd **ret, Error *err) FAILS;
/* Serves a connected socket, and takes it over also on failure. */
int nbd_adopt(Nbd *nbd, int consumed_fd, Error *err) FAILS;
/* Only when every request has been answered; sends what still can be sent.  Accepts NULL. */
void nbd_free(Nbd *nbd);
