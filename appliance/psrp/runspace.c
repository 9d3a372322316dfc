#include "appliance/psrp/runspace.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/psrp/clixml-read.h"

enum { STATE_OPENED = 2, TO_SERVER = 2 };

void pool_ready(PsrpPool *pool, const PsrpGuid *pipeline) {
        if (pool->transport.ready)
                pool->transport.ready(pool->transport.userdata, pipeline);
}

int psrp_pool_new(const PsrpTransport *transport, const PsrpRunner *runner, PsrpPool **ret, Error *err) {
        PsrpPool *pool = calloc(1, sizeof *pool);
        if (!pool)
                return error_oom(err);
        pool->transport = *transport;
        pool->runner = *runner;
        pool->min = pool->max = 1;
        pool->sender.next_object = &pool->next_object;
        pool->sender.broken = &pool->broken;
        *ret = pool;
        return 0;
}

void psrp_pool_free(PsrpPool *pool) {
        if (!pool)
                return;
        while (pool->pipelines)
                pipeline_free(pool->pipelines);
        for (size_t i = 0; i < ARRAY_SIZE(pool->readers); i++)
                fragment_reader_clear(&pool->readers[i]);
        outbox_clear(&pool->sender.outbox);
        session_key_clear(&pool->key);
        (void)sd_json_variant_unref(pool->variables);
        free(pool);
}

bool psrp_pool_is_open(const PsrpPool *pool) {
        return pool->open;
}

/* ---- messages of the pool --------------------------------------------------------------------------- */

static int on_capability(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        const char *version = object_string(value, "protocolversion");
        char *end;
        long major = version ? strtol(version, &end, 10) : 0,
             minor = version && *end == '.' ? strtol(end + 1, NULL, 10) : 0;

        if (pool->negotiated)
                return error_set(err, ERROR_PROTOCOL, 0, "the client negotiates a second time");
        if (major != 2)
                return error_set(err, ERROR_PROTOCOL, 0, "the client speaks PSRP %.20s; this host speaks 2.x",
                                 version ? version : "without a version");
        pool->negotiated = true;
        pool->takes_information = minor >= 3;
        pool->sender.pool = m->pool;
        message_session_capability(&pool->sender);
        return 0;
}

static int on_init(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        if (!pool->negotiated || pool->open)
                return error_set(err, ERROR_PROTOCOL, 0, "the client opens the runspace pool out of turn");
        pool->min = (int32_t)object_unsigned(value, "MinRunspaces", 1);
        pool->max = (int32_t)object_unsigned(value, "MaxRunspaces", 1);
        pool->host = request_host(value);
        pool->open = true;
        message_private_data(&pool->sender);
        message_pool_state(&pool->sender, STATE_OPENED);
        return 0;
}

static int on_set(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        bool is_max = m->type == MESSAGE_SET_MAX_RUNSPACES;
        uint64_t count = object_unsigned(value, is_max ? "MaxRunspaces" : "MinRunspaces", 0);
        bool ok = count > 0 && count <= INT32_MAX &&
                  (is_max ? count >= (uint64_t)pool->min : count <= (uint64_t)pool->max);

        if (ok && is_max)
                pool->max = (int32_t)count;
        else if (ok)
                pool->min = (int32_t)count;
        message_availability_set(&pool->sender, (int64_t)object_unsigned(value, "CI", 0), ok);
        return 0;
}

static int on_reset(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        pool->variables = sd_json_variant_unref(pool->variables);
        pool->variables_bytes = 0;
        message_availability_set(&pool->sender, (int64_t)object_unsigned(value, "ci", 0), true);
        return 0;
}

static int on_available(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        int32_t busy = 0;
        for (Pipeline *p = pool->pipelines; p; p = p->next)
                busy += p->phase == PHASE_RUNNING;
        message_availability_count(&pool->sender, (int64_t)object_unsigned(value, "ci", 0),
                                   busy < pool->max ? pool->max - busy : 0);
        return 0;
}

static int on_public_key(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        const char *key = object_string(value, "PublicKey");
        auto_free char *encrypted = NULL;

        if (!key)
                return error_set(err, ERROR_PROTOCOL, 0, "the client's key message has no key");
        if (session_key_make(key, &pool->key, &encrypted, err) < 0)
                return -1;
        message_session_key(&pool->sender, encrypted);
        return 0;
}

static int on_host_response(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err) {
        return 0; /* the pool itself asks nothing */
}

static const struct {
        MessageType type;
        bool only_open;
        int (*take)(PsrpPool *pool, const Message *m, sd_json_variant *value, Error *err);
} messages[] = {
        { MESSAGE_SESSION_CAPABILITY, false, on_capability },
        { MESSAGE_INIT_RUNSPACEPOOL, false, on_init },
        { MESSAGE_PUBLIC_KEY, true, on_public_key },
        { MESSAGE_SET_MAX_RUNSPACES, true, on_set },
        { MESSAGE_SET_MIN_RUNSPACES, true, on_set },
        { MESSAGE_GET_AVAILABLE_RUNSPACES, true, on_available },
        { MESSAGE_RESET_RUNSPACE_STATE, true, on_reset },
        { MESSAGE_RUNSPACEPOOL_HOST_RESPONSE, true, on_host_response },
};

/* Some clients answer a pipeline's host call over the pool's stream: the message says whose it is. */
static Pipeline *addressee(PsrpPool *pool, const Message *m) {
        return m->type == MESSAGE_PIPELINE_HOST_RESPONSE ? pipeline_find(pool, &m->pipeline) : NULL;
}

static int pool_message(PsrpPool *pool, const Message *m, Error *err) {
        Pipeline *pipeline = addressee(pool, m);

        if (pipeline)
                return pipeline_message(pipeline, m, err);
        if (m->type == MESSAGE_PIPELINE_HOST_RESPONSE)
                return 0; /* it has ended meanwhile */
        for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                if (messages[i].type != m->type)
                        continue;
                if (messages[i].only_open && !pool->open)
                        return error_set(err, ERROR_PROTOCOL, 0, "message %08x came before the pool was open",
                                         m->type);
                if (clixml_read(m->data, m->size, &value, err) < 0)
                        return error_wrap(err, "message %08x", m->type);
                return messages[i].take(pool, m, value, err);
        }
        return error_set(err, ERROR_PROTOCOL, 0, "message %08x is none a client may send to a runspace pool",
                         m->type);
}

/* ---- bytes in, bytes out ------------------------------------------------------------------------------ */

static int broken(const PsrpPool *pool, Error *err) {
        return pool->broken ? error_oom(err) : 0;
}

int psrp_receive(PsrpPool *pool, const PsrpGuid *id, PsrpStream stream, const void *data, size_t size, Error *err) {
        Pipeline *pipeline = id ? pipeline_find(pool, id) : NULL;
        Span bytes = { data, size };
        Message m;
        int r;

        if (id && !pipeline)
                return error_set(err, ERROR_NOT_FOUND, 0, "there is no such pipeline");
        if (broken(pool, err) < 0)
                return -1;
        FragmentReader *reader = pipeline ? &pipeline->readers[stream] : &pool->readers[stream];
        while ((r = fragment_read(reader, &bytes, &m, err)) > 0) {
                if (m.destination != TO_SERVER)
                        return error_set(err, ERROR_PROTOCOL, 0, "a message to a client came from one");
                if ((pipeline ? pipeline_message(pipeline, &m, err) : pool_message(pool, &m, err)) < 0)
                        return -1;
        }
        if (r < 0 || broken(pool, err) < 0)
                return -1;
        if (pool->sender.outbox.bytes > PSRP_QUEUE_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the client asks and does not read the answers");
        if (!pipeline && pool->sender.outbox.first)
                pool_ready(pool, NULL);
        return 0;
}

int psrp_connect(PsrpPool *pool, const void *data, size_t size, uint8_t **ret, size_t *ret_size, Error *err) {
        auto_(fragment_reader_clear) FragmentReader reader = { 0 };
        Sender answer = { .pool = pool->sender.pool, .next_object = &pool->next_object, .broken = &pool->broken };
        Span bytes = { data, size };
        bool asked = false;
        Message m;
        int r;

        if (!pool->open)
                return error_set(err, ERROR_CONFLICT, 0, "the runspace pool is not open");
        while ((r = fragment_read(&reader, &bytes, &m, err)) > 0) {
                if (m.type != MESSAGE_SESSION_CAPABILITY && m.type != MESSAGE_CONNECT_RUNSPACEPOOL)
                        return error_set(err, ERROR_PROTOCOL, 0, "message %08x does not belong into a connect",
                                         m.type);
                asked = asked || m.type == MESSAGE_CONNECT_RUNSPACEPOOL;
        }
        if (r < 0)
                return -1;
        if (!asked)
                return error_set(err, ERROR_PROTOCOL, 0, "the client does not ask to connect");
        message_session_capability(&answer);
        message_init_data(&answer, pool->min, pool->max);
        size_t room = answer.outbox.bytes + 16 * PSRP_FRAGMENT_HEAD, at = 0;
        auto_free uint8_t *out = malloc(room);
        while (out && answer.outbox.first)
                at += outbox_take(&answer.outbox, out + at, room - at);
        outbox_clear(&answer.outbox);
        if (!out || pool->broken)
                return error_oom(err);
        for (size_t i = 0; i < ARRAY_SIZE(pool->readers); i++)
                fragment_reader_clear(&pool->readers[i]); /* the other client's half message */
        message_private_data(&pool->sender);
        pool_ready(pool, NULL);
        *ret = take_ptr(out);
        *ret_size = at;
        return 0;
}

size_t psrp_take(PsrpPool *pool, const PsrpGuid *id, void *to, size_t size) {
        Pipeline *pipeline = id ? pipeline_find(pool, id) : NULL;
        if (id && !pipeline)
                return 0;
        size_t taken = outbox_take(pipeline ? &pipeline->sender.outbox : &pool->sender.outbox, to, size);
        if (pipeline)
                pipeline_breathe(pipeline);
        return taken;
}

int psrp_pipeline_open(PsrpPool *pool, const PsrpGuid *id, Error *err) {
        if (!pool->open)
                return error_set(err, ERROR_CONFLICT, 0, "the runspace pool is not open");
        if (pipeline_find(pool, id))
                return error_set(err, ERROR_CONFLICT, 0, "there is a pipeline with this id already");
        if (pool->pipeline_count >= PSRP_PIPELINES_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "a session has at most %d pipelines at a time; end others first",
                                 PSRP_PIPELINES_MAX);
        return pipeline_new(pool, id, err);
}

void psrp_pipeline_stop(PsrpPool *pool, const PsrpGuid *id) {
        Pipeline *pipeline = pipeline_find(pool, id);
        if (pipeline)
                pipeline_stop(pipeline);
}

void psrp_pipeline_close(PsrpPool *pool, const PsrpGuid *id) {
        pipeline_free(pipeline_find(pool, id));
}

PsrpState psrp_pipeline_state(PsrpPool *pool, const PsrpGuid *id) {
        const Pipeline *pipeline = pipeline_find(pool, id);
        if (!pipeline)
                return PSRP_NONE;
        if (pipeline->phase != PHASE_ENDED)
                return PSRP_RUNNING;
        return pipeline->sender.outbox.first ? PSRP_ENDING : PSRP_DONE;
}

bool psrp_pipeline_at(PsrpPool *pool, size_t i, PsrpGuid *ret) {
        const Pipeline *p = pool->pipelines;
        while (p && i-- > 0)
                p = p->next;
        if (p)
                *ret = p->id;
        return p != NULL;
}
