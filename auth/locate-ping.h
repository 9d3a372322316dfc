/* locate-ping.h — the LDAP ping, [MS-ADTS] 6.3.3: one datagram that asks a controller whether it serves, and where we are
 *
 * Pure.  The answer is not signed: it may order the controllers, and proves nothing of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"
#include "auth/locate.h"

enum { PING_QUESTION_MAX = 512, PING_ANSWER_MAX = 4096 };

typedef struct PingAnswer {
        bool near;                      /* it is of the site that our address is in, or covers it */
        char site[LOCATE_SITE_MAX];     /* that site, as DNS writes names; "": our address is in none */
} PingAnswer;

/* The question about @domain; its size. */
size_t ping_question(const char *domain, uint8_t to[static PING_QUESTION_MAX]);
/* ERROR_PROTOCOL: it is no such answer, or one of a controller that does not serve now. */
int ping_decode(const uint8_t *answer, size_t size, PingAnswer *ret, Error *err) FAILS;
