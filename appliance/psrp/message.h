/* message.h — the messages of [MS-PSRP] 2.2.2 that go to a client, as CLIXML in an Outbox
 *
 * A body is written between message_begin() and message_send(); what cannot be sent because memory is gone breaks the
 * pool (message_send() says so by itself, in pool->broken).
 */
#pragma once

#include "appliance/psrp/clixml-write.h"
#include "appliance/psrp/fragment.h"

typedef enum MessageType {
        MESSAGE_SESSION_CAPABILITY = 0x00010002,
        MESSAGE_INIT_RUNSPACEPOOL = 0x00010004,
        MESSAGE_PUBLIC_KEY = 0x00010005,
        MESSAGE_ENCRYPTED_SESSION_KEY = 0x00010006,
        MESSAGE_CONNECT_RUNSPACEPOOL = 0x00010008,
        MESSAGE_RUNSPACEPOOL_INIT_DATA = 0x0002100B,
        MESSAGE_RESET_RUNSPACE_STATE = 0x0002100C,
        MESSAGE_SET_MAX_RUNSPACES = 0x00021002,
        MESSAGE_SET_MIN_RUNSPACES = 0x00021003,
        MESSAGE_RUNSPACE_AVAILABILITY = 0x00021004,
        MESSAGE_RUNSPACEPOOL_STATE = 0x00021005,
        MESSAGE_CREATE_PIPELINE = 0x00021006,
        MESSAGE_GET_AVAILABLE_RUNSPACES = 0x00021007,
        MESSAGE_APPLICATION_PRIVATE_DATA = 0x00021009,
        MESSAGE_GET_COMMAND_METADATA = 0x0002100A,
        MESSAGE_RUNSPACEPOOL_HOST_CALL = 0x00021100,
        MESSAGE_RUNSPACEPOOL_HOST_RESPONSE = 0x00021101,
        MESSAGE_PIPELINE_INPUT = 0x00041002,
        MESSAGE_END_OF_PIPELINE_INPUT = 0x00041003,
        MESSAGE_PIPELINE_OUTPUT = 0x00041004,
        MESSAGE_ERROR_RECORD = 0x00041005,
        MESSAGE_PIPELINE_STATE = 0x00041006,
        MESSAGE_DEBUG_RECORD = 0x00041007,
        MESSAGE_VERBOSE_RECORD = 0x00041008,
        MESSAGE_WARNING_RECORD = 0x00041009,
        MESSAGE_PROGRESS_RECORD = 0x00041010,
        MESSAGE_INFORMATION_RECORD = 0x00041011,
        MESSAGE_PIPELINE_HOST_CALL = 0x00041100,
        MESSAGE_PIPELINE_HOST_RESPONSE = 0x00041101,
} MessageType;

typedef enum PipelineState { PIPELINE_STOPPED = 3, PIPELINE_COMPLETED = 4, PIPELINE_FAILED = 5 } PipelineState;

typedef struct Sender {                 /* where messages of a pool or of one of its pipelines go */
        Outbox outbox;
        PsrpGuid pool, pipeline;        /* pipeline: zero for the pool's own */
        uint64_t *next_object;          /* of the pool */
        bool *broken;                   /* set when a message could not be made */
} Sender;

void message_session_capability(Sender *s);
void message_private_data(Sender *s);
void message_pool_state(Sender *s, int32_t state);
void message_init_data(Sender *s, int32_t min, int32_t max);
/* Answers to the call @ci. */
void message_availability_set(Sender *s, int64_t ci, bool done);
void message_availability_count(Sender *s, int64_t ci, int32_t count);
void message_session_key(Sender *s, const char *base64);

void message_output(Sender *s, sd_json_variant *value);
/* @record as record_json() makes it.  @as_output: 2>&1. */
void message_error(Sender *s, sd_json_variant *record, bool as_output);
void message_text(Sender *s, MessageType type, const char *text);       /* WARNING, VERBOSE, DEBUG */
/* @shown: the client's host was called with it already, so that it does not show it twice. */
void message_information(Sender *s, const char *text, const char *computer, bool shown);
void message_progress(Sender *s, sd_json_variant *record);
void message_put_progress(Clixml *c, sd_json_variant *record); /* its object alone */
/* @record: why it failed or was stopped; NULL for COMPLETED. */
void message_pipeline_state(Sender *s, PipelineState state, sd_json_variant *record);

/* Any other body. */
int message_begin(Sender *s, Clixml *c);
void message_send(Sender *s, MessageType type, Clixml *c);
