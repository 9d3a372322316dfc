/* credential.h — a PSCredential that a client sent, taken apart ([MS-PSRP] 2.2.5.1.24, 2.2.5.1.25) */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/psrp/session-key.h"

/* *ret_user is borrowed from @credential, without the backslash by which PowerShell marks a user of no domain;
 * *ret_password is a sensitive string and the caller's.  ERROR_INVALID with what is wrong with it, without its secrets. */
int credential_read(sd_json_variant *credential, const SessionKey *key, const char **ret_user,
                    sd_json_variant **ret_password, Error *err) FAILS;
