/* call-text.h — a bound command as text of our language again, its values as variables: so it goes to another host, or
 * into a job
 */
#pragma once

#include "appliance/command/invocation.h"

typedef struct CallText {
        char *text;
        sd_json_variant *variables;     /* object, or NULL: it needs none */
} CallText;

enum { CALL_NOTHING = -1 };

/* What differs from what is bound; by index of the parameters. */
typedef struct CallValues {
        int without;                    /* left out; or CALL_NOTHING */
        int placed;                     /* has @objects for its value; or CALL_NOTHING */
        sd_json_variant *objects;       /* or NULL: what is bound */
} CallValues;

/* With the preferences that are in force here, and without -AsJob.  Secrets are no values: they do not go along. */
int call_text(const Invocation *invocation, const CallValues *values, CallText *ret, Error *err) FAILS;
void call_text_clear(CallText *call);
/* For people: "Move-VM -Name web01 -DestinationHost hv2"; what does not fit ends in "…". */
void call_shown(const Invocation *invocation, char *to, size_t size);
