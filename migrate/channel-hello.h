/* channel-hello.h — two nodes prove to each other who they are, inside a fresh TLS connection
 *
 *      connecting side                              listening side
 *      TOKEN(s)                 ◀── GSSAPI, bound to the TLS exporter ──▶        TOKEN(s)
 *      PROOF: MIC("initiator" + exporter)  ──▶  ◀──  PROOF: MIC("acceptor" + exporter)
 *      is HV2$ in the fabric group?                 is HV1$ in the fabric group?
 *      WELCOME or REFUSED       ──▶  ◀──            WELCOME or REFUSED
 *
 * A token replayed on another connection fails twice: its channel binding is another, and nobody
 * can make the proof.  Until both WELCOMEs are there nothing else is read or served.
 */
#pragma once

#include "migrate/channel.h"
#include "migrate/channel-tls.h"

enum { HELLO_ROUNDS_MAX = 8, HELLO_TIMEOUT_US = 10 * 1000000 };

/* @host  full name of the host to reach, on the connecting side (already checked against the
 *        directory by hello_lookup()); NULL on the listening side.
 * Blocks until @deadline_us (monotonic).  On failure the other side has been told why. */
int hello_run(Tls *tls, const Machine *machine, Directory *directory, const char *host, uint64_t deadline_us,
              ChannelPeer *ret, Error *err) FAILS;

/* The computer an administrator means by @host, which must be an enabled member of the fabric group. */
int hello_lookup(const Machine *machine, Directory *directory, const char *host, DirectoryComputer *ret,
                 Error *err) FAILS;
