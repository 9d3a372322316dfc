/* channel-message.h — what calls and refusals look like inside their frames; pure
 */
#pragma once

#include <systemd/sd-json.h>

#include "appliance/base/bytes.h"
#include "appliance/base/error.h"

/* The caller frees *ret.  ERROR_LIMIT when it would not fit into a frame. */
int message_call(const char *method, sd_json_variant *parameters, char **ret, Error *err) FAILS;
int message_call_parse(Span payload, char **ret_method, sd_json_variant **ret_parameters, Error *err) FAILS;

/* @value NULL stands for {}. */
int message_value(sd_json_variant *value, char **ret, Error *err) FAILS;
int message_value_parse(Span payload, sd_json_variant **ret, Error *err) FAILS;

/* {"Kind", "Text"}; NULL when memory is gone. */
char *message_error(const Error *error);
/* What the peer said, as an error of ours.  Always fills @ret, if only with "said something we do not
 * understand". */
void message_error_parse(Span payload, Error *ret);

/* The same before anybody is proven: with the error's cause, and with the name of @host that says it (may be NULL). */
char *message_refusal(const Error *error, const char *host);
/* @wanted: whom we asked, or NULL; when another one says that it is there instead, the cause is
 * CHANNEL_CAUSE_OTHER_HOST.  None of this is proven: it explains a failure and decides nothing. */
void message_refusal_parse(Span payload, const char *wanted, Error *ret);
