/* request.h — CREATE_PIPELINE and GET_COMMAND_METADATA → a text for the node ([MS-PSRP] 2.2.2.10, 2.2.2.14)
 *
 * Clients send commands as objects, not as text; they become a text in our own language, their scalar arguments as
 * quoted literals and everything else as variables of that text, so that no value is ever parsed as code.  What
 * belongs to the client's console is taken out: Out-Default, Out-String, Out-Null and Out-Host at the end, and prompt.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "appliance/command/record.h"
#include "appliance/psrp/session-key.h"

enum { REQUEST_COMMANDS_MAX = 64, REQUEST_ARGUMENTS_MAX = 256 };        /* in one pipeline; of one command */

typedef enum RequestKind {
        REQUEST_RUN,
        REQUEST_PROMPT,                 /* what the console shows in front of a line */
        REQUEST_METADATA,
        REQUEST_SHOW,                   /* the input, by the client's console */
        REQUEST_LEAVE,                  /* Exit-PSSession */
} RequestKind;

typedef enum RequestOutput {
        REQUEST_OBJECTS,
        REQUEST_CONSOLE,                /* formatted, by host calls */
        REQUEST_STRING,                 /* formatted, one string */
        REQUEST_LINES,                  /* formatted, a string a line */
        REQUEST_NOTHING,
} RequestOutput;

typedef struct HostInfo {               /* [MS-PSRP] 2.2.3.14 */
        bool absent;                    /* nothing can be shown */
        bool of_pool;                   /* as INIT_RUNSPACEPOOL told */
        unsigned width;                 /* columns of the client's console; 0: not told */
} HostInfo;

typedef struct Request {
        RequestKind kind;
        RequestOutput output;
        char *text;
        sd_json_variant *variables;     /* object, or NULL */
        sd_json_variant *passwords;     /* object: user name → password, sensitive; or NULL */
        bool has_input;                 /* objects follow */
        bool ignores_input;             /* a script that does not name $input */
        bool errors_to_output;          /* 2>&1 */
        HostInfo host;
        unsigned width;                 /* what Out-String wants; 0: not told */
} Request;

/* @message: the value of the message.  -1 with the record that the pipeline fails with. */
int request_create(sd_json_variant *message, const SessionKey *key, Request *ret, ErrorRecord *record) FAILS;
int request_metadata(sd_json_variant *message, Request *ret, ErrorRecord *record) FAILS;
void request_clear(Request *request);
/* The HostInfo of @message. */
HostInfo request_host(sd_json_variant *message);
