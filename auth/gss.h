/* gss.h — one end of a Kerberos conversation between machine accounts, bound to a TLS connection
 *
 * Krb5 only (no SPNEGO, so nothing weaker can be negotiated), no delegation; mutual authentication,
 * integrity and replay detection are demanded on both ends.  Both ends put the same 32 bytes of
 * the TLS exporter (RFC 9266) into the context's channel bindings; an acceptor refuses an initiator
 * that did not.  Tokens are moved by the caller; it alternates steps until both ends are done:
 *
 *      initiator                                       acceptor
 *      gss_peer_initiate()                             gss_peer_accept()
 *      gss_peer_step(NULL, 0) ── token ──▶             gss_peer_step(token) → done
 *      gss_peer_step(token) → done  ◀── token ──
 *
 * A host that has joined anew has a new key, and tickets for it that are kept here are refused there:
 * when the other end answers ERROR_DENIED, machine_refresh() (which drops kept tickets) and one more try
 * are in order.  An object is used by one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"
#include "auth/machine.h"

enum {
        GSS_TOKEN_MAX = 64 * 1024,      /* a longer token is ERROR_LIMIT; Windows' own bound is 65535 */
        GSS_BINDING_SIZE = 32,          /* RFC 9266 4.2: bytes of "EXPORTER-Channel-Binding" */
};

typedef struct GssPeer GssPeer;

/* As the machine account of @machine towards host/@host (a full name: it is the Kerberos principal).
 * Uses the tickets of machine->ccache and refreshes them from the keytab when they are gone or
 * expired; so it may block on the KDC, as may the first step. */
int gss_peer_initiate(const Machine *machine, const char *host,
                      const uint8_t binding[static GSS_BINDING_SIZE], GssPeer **ret, Error *err) FAILS;

/* With any key of machine->keytab: SPNs differ in case and form between directories.  Does not block. */
int gss_peer_accept(const Machine *machine, const uint8_t binding[static GSS_BINDING_SIZE],
                    GssPeer **ret, Error *err) FAILS;

void gss_peer_free(GssPeer *peer);      /* accepts NULL */
DEFINE_FREEP(GssPeer, gss_peer_free);

/* One step.  @token comes from the other side ({NULL, 0} for an initiator's first step).
 * @ret_token  to be sent, also when done; the caller frees; NULL when there is nothing to send.
 * @ret_done   the context stands and gss_peer_principal() is proven.
 * ERROR_DENIED: not who it should be, clock, wrong key, not bound to this connection.
 * ERROR_PROTOCOL: not a Kerberos token, or a step after the end.  After -1 only free is allowed. */
int gss_peer_step(GssPeer *peer, const void *token, size_t size,
                  uint8_t **ret_token, size_t *ret_size, bool *ret_done, Error *err) FAILS;

/* Who the other end is, proven: "HV1$@LAB.TEST" for an acceptor, "host/hv2.lab.test@LAB.TEST" for an
 * initiator.  NULL until done. */
const char *gss_peer_principal(const GssPeer *peer);

/* A MIC over @data by our side of the context; the caller frees *ret_mic. */
int gss_peer_sign(GssPeer *peer, const void *data, size_t size,
                  uint8_t **ret_mic, size_t *ret_size, Error *err) FAILS;
/* ERROR_DENIED when @mic is not the other side's over exactly @data, or is a repetition. */
int gss_peer_verify(GssPeer *peer, const void *data, size_t size,
                    const void *mic, size_t mic_size, Error *err) FAILS;

/* "HV1$@LAB.TEST" → "HV1$".  ERROR_DENIED unless it is a computer account (NAME$) of @machine's realm:
 * users, services and foreign realms are no peers. */
int gss_peer_account(const Machine *machine, const char *principal,
                     char ret[static MACHINE_NAME_MAX], Error *err) FAILS;
