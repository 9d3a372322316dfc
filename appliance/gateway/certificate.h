/* certificate.h — the gateway's TLS certificate: made at the first start, replaceable, and what it is bound by
 *
 * The folder holds tls.crt (PEM, the chain after it) and tls.key (PEM).  Where they are missing a self-signed pair is
 * made; an administrator replaces both files and restarts the gateway.
 */
#pragma once

#include <stddef.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"

typedef struct Certificate {
        char *chain, *key; /* PEM; the key is erased by certificate_free() */
        char binding[160]; /* base64 of "tls-server-end-point:" and the hash (RFC 5929 4.1) */
} Certificate;

/* @host: the name a self-signed certificate is for. */
int certificate_load(const char *folder, const char *host, Certificate **ret, Error *err) FAILS;
void certificate_free(Certificate *certificate); /* accepts NULL */
DEFINE_FREEP(Certificate, certificate_free);
