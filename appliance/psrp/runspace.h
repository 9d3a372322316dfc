/* runspace.h — the inside of a runspace pool (runspace.c, pipeline.c, console.c)
 */
#pragma once

#include "appliance/command/view.h"
#include "appliance/psrp/fragment.h"
#include "appliance/psrp/message.h"
#include "appliance/psrp/psrp.h"
#include "appliance/psrp/request.h"
#include "appliance/psrp/session-key.h"

typedef enum Phase {
        PHASE_NEW,                      /* opened by the transport, nothing came yet */
        PHASE_INPUT,                    /* the objects to be piped in are arriving */
        PHASE_RUNNING,
        PHASE_ASKING,                   /* the user is asked for a password */
        PHASE_ENDED,                    /* its state is in the outbox, or taken */
} Phase;

/* Output that is shown, not sent as objects. */
typedef struct Console {
        View *view;
        FILE *to;                       /* into text */
        char *text;
        size_t size;
} Console;

typedef struct Pipeline {
        struct Pipeline *next;
        PsrpPool *pool;
        PsrpGuid id;
        FragmentReader readers[2];      /* by PsrpStream */
        Sender sender;
        Phase phase;
        Request request;
        sd_json_variant *input;         /* array */
        size_t input_bytes, input_count;
        uint64_t run;                   /* its run's number, 0: none */
        bool paused;                    /* held back for a slow client */
        sd_json_variant *needs;         /* array: passwords the node asked for, or NULL */
        size_t answered;                /* so many of them are in secrets */
        sd_json_variant *secrets;       /* object, sensitive, or NULL */
        int64_t call;                   /* the host call whose answer is awaited */
        char *question;                 /* of the run, that it asks; or NULL */
        sd_json_variant *held;          /* an error record: the reason of a failure, should the run end with it */
        sd_json_variant **found;        /* REQUEST_METADATA: the commands, to be counted first */
        size_t found_count;
        Console console;
} Pipeline;

struct PsrpPool {
        PsrpTransport transport;
        PsrpRunner runner;
        FragmentReader readers[2];
        Sender sender;
        Pipeline *pipelines;
        size_t pipeline_count;
        bool negotiated, open, broken;
        bool takes_information;         /* the client's protocol is 2.3 or later */
        int32_t min, max;               /* runspaces: only remembered; each pipeline runs when it comes */
        HostInfo host;                  /* as INIT_RUNSPACEPOOL told */
        uint64_t next_object, next_run;
        int64_t next_call;
        sd_json_variant *variables;     /* object, or NULL: what earlier pipelines set */
        size_t variables_bytes;
        SessionKey key;
};

void pool_ready(PsrpPool *pool, const PsrpGuid *pipeline);

Pipeline *pipeline_find(PsrpPool *pool, const PsrpGuid *id);
int pipeline_new(PsrpPool *pool, const PsrpGuid *id, Error *err) FAILS;
void pipeline_free(Pipeline *pipeline);         /* takes it out of its pool */
int pipeline_message(Pipeline *pipeline, const Message *message, Error *err) FAILS;
void pipeline_stop(Pipeline *pipeline);
void pipeline_breathe(Pipeline *pipeline);      /* something was taken */
/* Words for the user: WARNING, VERBOSE, INFORMATION. */
void pipeline_say(Pipeline *pipeline, RecordStream stream, const char *text);

/* prompt.c.  1: p->secrets has all the node needs; 0: the user is asked, prompt_answer() goes on; -1: *record says why
 * not. */
int prompt_start(Pipeline *pipeline, sd_json_variant *needs, ErrorRecord *record) FAILS;
int prompt_next(Pipeline *pipeline, ErrorRecord *record) FAILS;
int prompt_answer(Pipeline *pipeline, sd_json_variant *value, ErrorRecord *record) FAILS;

/* The run asks whether it may go on; on_response() brings the answer to prompt_confirmed(). */
void prompt_confirm(Pipeline *pipeline, sd_json_variant *question);
void prompt_confirmed(Pipeline *pipeline, sd_json_variant *value);

/* console.c: REQUEST_CONSOLE, REQUEST_STRING, REQUEST_LINES.  Failures break the pool. */
void console_add(Pipeline *pipeline, RecordStream stream, sd_json_variant *record);
void console_show(Pipeline *pipeline, sd_json_variant *object);  /* of the pipeline's input */
void console_flush(Pipeline *pipeline); /* what is held back for a table */
void console_end(Pipeline *pipeline);
void console_clear(Console *console);
