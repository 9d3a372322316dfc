/* psrp.h — the PowerShell Remoting Protocol's server, without a transport ([MS-PSRP] 3.2)
 *
 * A PsrpPool is one runspace pool: one WS-Man shell, or one SSH channel.  Three things drive it, all on one
 * event loop: bytes from the client, records from the node, and the transport asking for bytes to send.  It never
 * blocks, does no I/O, and keeps within the limits below whatever the client sends.
 *
 *      client ─bytes─▶ psrp_receive() ─PsrpRunner.run()─▶ holdfastd
 *      client ◀──── psrp_take() ◀── queues ◀── psrp_record(), psrp_ended() ◀──┘
 *
 * The node decides who the caller is and what he may do; the pool holds no identity.  A transport keeps a
 * disconnected pool by simply not taking: the queues hold, and the runs pause when they are full.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "appliance/command/batch.h"

enum {
        PSRP_MESSAGE_MAX = 8 * 1024 * 1024,     /* bytes of one message from the client, reassembled */
        PSRP_INPUT_MAX = 8 * 1024 * 1024,       /* bytes of all objects piped into one pipeline … */
        PSRP_INPUT_EACH = 256,                  /* … each counted with so much more: what it becomes has a size, too */
        PSRP_VARIABLES_MAX = 4 * 1024 * 1024,   /* bytes of the variables a session keeps, as JSON */
        PSRP_QUEUE_MAX = 4 * 1024 * 1024,       /* bytes not yet taken before a run is paused */
        PSRP_PIPELINES_MAX = 32,                /* of a pool, running or not yet closed */
        PSRP_FRAGMENT_HEAD = 21,                /* [MS-PSRP] 2.2.4 */
        PSRP_FRAGMENT_MAX = 32 * 1024,          /* a good size for psrp_take() */
        PSRP_GUID_TEXT = 37,                    /* with the NUL */
};

typedef struct PsrpGuid { uint8_t bytes[16]; } PsrpGuid;        /* as on the wire: first three parts little-endian */

/* 8-4-4-4-12 hex digits in any case, also in braces; else ERROR_INVALID. */
int psrp_guid_parse(const char *text, PsrpGuid *ret, Error *err) FAILS;
void psrp_guid_text(const PsrpGuid *guid, char to[static PSRP_GUID_TEXT]);     /* upper case, no braces */

typedef struct PsrpPool PsrpPool;

/* What the node shall run, borrowed during run(). */
typedef struct PsrpWork {
        const char *text;               /* Run's Pipeline */
        sd_json_variant *variables;     /* object: values of $name and "using:name"; or NULL */
        sd_json_variant *input;         /* array, as Run's Input: a plain x as {"$value": x}; NULL: nothing is piped in */
        sd_json_variant *secrets;       /* object, sensitive; or NULL */
        unsigned width;                 /* columns of the client's console; 0: no limit */
        bool interactive;               /* the client's user can be asked */
} PsrpWork;

/* Who runs work; runner.h has the one that asks holdfastd. */
typedef struct PsrpRunner {
        /* Starts and returns at once; afterwards psrp_record()… and once psrp_ended() with the same @run come, never
         * from inside run().  -1 with *err when it cannot be started. */
        int (*run)(void *userdata, PsrpPool *pool, uint64_t run, const PsrpWork *work, Error *err);
        /* Nobody wants it any more: stop it, call nothing for it again.  Not called for a run that has ended. */
        void (*cancel)(void *userdata, PsrpPool *pool, uint64_t run);
        /* The client reads too slowly: hold records back, or go on. */
        void (*pause)(void *userdata, PsrpPool *pool, uint64_t run, bool paused);
        /* The user's answer to the STREAM_PROMPT record of that id. */
        void (*answer)(void *userdata, PsrpPool *pool, uint64_t run, const char *id, BatchAnswer answer);
        void *userdata;
} PsrpRunner;

typedef struct PsrpTransport {
        /* There is something to take for the pool (@pipeline NULL) or a pipeline, or a pipeline is done.  May be called
         * from inside any function here; psrp_take() may be called back, nothing else. */
        void (*ready)(void *userdata, const PsrpGuid *pipeline);
        void *userdata;
} PsrpTransport;

int psrp_pool_new(const PsrpTransport *transport, const PsrpRunner *runner, PsrpPool **ret, Error *err) FAILS;
void psrp_pool_free(PsrpPool *pool);    /* cancels every run; accepts NULL */

/* ---- from the client --------------------------------------------------------------------------- */

typedef enum PsrpStream {
        PSRP_STDIN,                     /* WS-Man "stdin", SSH "Default" */
        PSRP_PROMPT_RESPONSE,           /* WS-Man "pr", SSH "PromptResponse": answers to host calls overtake input */
} PsrpStream;

/* Bytes of fragments, cut anywhere, for the pool (@pipeline NULL) or an open pipeline.  -1 with ERROR_PROTOCOL,
 * ERROR_LIMIT or ERROR_INTERNAL: this client cannot be served, free the pool; with ERROR_NOT_FOUND: there is no such
 * pipeline (any more), the pool is well.  What is merely wrong in a command is answered inside the protocol. */
int psrp_receive(PsrpPool *pool, const PsrpGuid *pipeline, PsrpStream stream, const void *data, size_t size,
                 Error *err) FAILS;
/* WS-Man Command, SSH <Command>: before the pipeline's first bytes.  ERROR_CONFLICT: the id is taken, ERROR_LIMIT. */
int psrp_pipeline_open(PsrpPool *pool, const PsrpGuid *pipeline, Error *err) FAILS;
/* Ctrl+C: ends in PIPELINE_STATE Stopped.  One that does not exist or has ended is no error. */
void psrp_pipeline_stop(PsrpPool *pool, const PsrpGuid *pipeline);
/* Signal Terminate, SSH <Close>: stops it and forgets what was not taken. */
void psrp_pipeline_close(PsrpPool *pool, const PsrpGuid *pipeline);
/* WS-Man Connect with connectXml: another client (or the same one again) takes over.  @ret_size bytes in *ret, which
 * the caller frees, are connectResponseXml. */
int psrp_connect(PsrpPool *pool, const void *data, size_t size, uint8_t **ret, size_t *ret_size, Error *err) FAILS;

/* ---- to the client ------------------------------------------------------------------------------ */

/* Writes one fragment of at most @size (> PSRP_FRAGMENT_HEAD) bytes to @to; gives its size, or 0: nothing now. */
size_t psrp_take(PsrpPool *pool, const PsrpGuid *pipeline, void *to, size_t size);

typedef enum PsrpState {
        PSRP_NONE,                      /* no such pipeline */
        PSRP_RUNNING,
        PSRP_ENDING,                    /* its last message waits to be taken */
        PSRP_DONE,                      /* all is taken: WS-Man CommandState/Done */
} PsrpState;
PsrpState psrp_pipeline_state(PsrpPool *pool, const PsrpGuid *pipeline);
/* The i-th pipeline that is not closed; false when there are fewer. */
bool psrp_pipeline_at(PsrpPool *pool, size_t i, PsrpGuid *ret);
/* The client has negotiated and the pool is open. */
bool psrp_pool_is_open(const PsrpPool *pool);

/* ---- from the node: for PsrpRunner; calls for a run the pool does not know (any more) do nothing ----- */

void psrp_record(PsrpPool *pool, uint64_t run, RecordStream stream, sd_json_variant *record);
/* Nothing ran: run again with these passwords (io.holdfast.Node.SecretsNeeded).  Ends the run. */
void psrp_secrets_needed(PsrpPool *pool, uint64_t run, sd_json_variant *needs);
typedef struct PsrpEnd {
        bool refused;                   /* nothing ran: the text was not understood */
        Error failure;                  /* the node could not be asked, or went away; ERROR_NONE: it came to its end */
} PsrpEnd;
void psrp_ended(PsrpPool *pool, uint64_t run, const PsrpEnd *end);
