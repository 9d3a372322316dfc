#include "appliance/command/elsewhere.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/call-text.h"
#include "appliance/command/object.h"

enum { NOT_FLAGGED = -1 };

typedef struct Place {
        const char *host;               /* borrowed from a bound value; NULL: objects that name none */
        sd_json_variant *objects;       /* those for this host, or NULL: everything is for it */
        CallText call;
} Place;

typedef struct Places {
        Invocation *invocation;
        int computers, placed;          /* indexes of the flagged parameters that are bound, or NOT_FLAGGED */
        Place list[ELSEWHERE_HOSTS_MAX];
        size_t count;
        BatchCall calls[ELSEWHERE_HOSTS_MAX];
        size_t place_of[ELSEWHERE_HOSTS_MAX]; /* by call */
        size_t call_count;
        BatchCalls all;
        size_t here;                    /* the place that is this host, or SIZE_MAX */
        int result;                     /* of what ran here */
        bool failed;                    /* what came from elsewhere could not go on; *err says why */
        Error *err;
} Places;

static void places_free(Places **at) {
        Places *p = *at;
        for (size_t i = 0; p && i < p->count; i++) {
                (void)sd_json_variant_unref(p->list[i].objects);
                call_text_clear(&p->list[i].call);
        }
        free(p);
}

static int flagged(const Binding *b, unsigned flag, bool only_bound) {
        for (unsigned i = 0; i < b->parameters; i++)
                if ((binding_parameter(b, i)->flags & flag) && (!only_bound || b->bound[i].value))
                        return (int)i;
        return NOT_FLAGGED;
}

bool elsewhere_can(const Command *command) {
        for (const Parameter *p = command->parameters; p->name; p++)
                if (p->flags & PARAMETER_COMPUTERS)
                        return true;
        return false;
}

int elsewhere_refuse(const Command *command, ErrorRecord *record) {
        Error err = { 0 };
        (void)error_set(&err, ERROR_DENIED, 0, "%s cannot be run from another host; run it on the host itself",
                        command->name);
        return record_error(record, command, &err, NULL, NULL);
}

/* ---- which hosts ------------------------------------------------------------------------------------ */

static bool is_here(const Places *p, const char *host) {
        const BatchRun *run = p->invocation->execution->run;
        return !host || run->elsewhere->is_here(run->sink, host);
}

static bool same(const Places *p, const char *a, const char *b) {
        return (is_here(p, a) && is_here(p, b)) || (a && b && text_equal_nocase(a, b));
}

static int place_for(Places *p, const char *host, Place **ret, Error *err) {
        for (size_t i = 0; i < p->count; i++)
                if (same(p, p->list[i].host, host)) {
                        *ret = &p->list[i];
                        return 0;
                }
        if (p->count == ELSEWHERE_HOSTS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a command runs on at most %d hosts at once; name fewer",
                                 ELSEWHERE_HOSTS_MAX);
        if (is_here(p, host))
                p->here = p->count;
        p->list[p->count] = (Place){ .host = host };
        *ret = &p->list[p->count++];
        return 0;
}

static int add_names(Places *p, Error *err) {
        sd_json_variant *names = p->invocation->binding.bound[p->computers].value;
        Place *place;

        for (size_t i = 0; i < sd_json_variant_elements(names); i++) {
                sd_json_variant *name = sd_json_variant_by_index(names, i);
                if (!sd_json_variant_is_string(name) || !*sd_json_variant_string(name))
                        return error_set(err, ERROR_INVALID, 0, "-ComputerName wants names of hosts");
                if (place_for(p, sd_json_variant_string(name), &place, err) < 0)
                        return -1;
        }
        return 0;
}

/* A report of Compare-VM is where its machine is. */
static const char *host_of(sd_json_variant *object) {
        sd_json_variant *vm = object_property(object, "VM");
        const char *host = object_string(vm && sd_json_variant_is_object(vm) ? vm : object, "ComputerName");
        return host && *host ? host : NULL;
}

static int add_objects(Places *p, Error *err) {
        sd_json_variant *objects = p->invocation->binding.bound[p->placed].value;
        bool list = sd_json_variant_is_array(objects);
        size_t count = list ? sd_json_variant_elements(objects) : 1;
        Place *place;

        for (size_t i = 0; i < count; i++) {
                sd_json_variant *object = list ? sd_json_variant_by_index(objects, i) : objects;
                if (place_for(p, host_of(object), &place, err) < 0)
                        return -1;
                if (!list)
                        place->objects = sd_json_variant_ref(object);
                else if (sd_json_variant_append_array(&place->objects, object) < 0)
                        return error_oom(err);
        }
        return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------- */

static int write_calls(Places *p, Error *err) {
        for (size_t i = 0; i < p->count; i++) {
                if (i == p->here)
                        continue;
                const CallValues values = { .without = p->computers, .placed = p->placed,
                                            .objects = p->list[i].objects };
                if (call_text(p->invocation, &values, &p->list[i].call, err) < 0)
                        return -1;
                p->place_of[p->call_count] = i;
                p->calls[p->call_count++] = (BatchCall){ .host = p->list[i].host,
                                                         .text = p->list[i].call.text,
                                                         .variables = p->list[i].call.variables };
        }
        return 0;
}

/* ---- running ------------------------------------------------------------------------------------------ */

/* With its own part of the objects. */
static void run_here(void *userdata) {
        Places *p = userdata;
        Invocation *invocation = p->invocation;
        Place *place = &p->list[p->here];
        Bound *bound = place->objects ? &invocation->binding.bound[p->placed] : NULL;
        sd_json_variant *all = bound ? bound->value : NULL;

        if (bound)
                bound->value = place->objects;
        p->result = invocation->command->run(invocation, p->err);
        if (bound)
                bound->value = all;
}

sd_json_variant *elsewhere_object(sd_json_variant *object, const char *host) {
        auto_(sd_json_variant_unrefp) sd_json_variant *copy = sd_json_variant_ref(object);
        char name[RECORD_NAME_MAX];

        if (!sd_json_variant_is_object(object) || !*object_type(object) || object_property(object, "ComputerName"))
                return take_ptr(copy);
        (void)snprintf(name, sizeof name, "%.90s", host);
        name[strcspn(name, ".")] = '\0';
        for (char *c = name; *c; c++)
                if (*c >= 'a' && *c <= 'z')
                        *c = (char)(*c - 'a' + 'A');    /* as Hyper-V writes it: the NetBIOS name */
        return sd_json_variant_set_field_string(&copy, "ComputerName", name) < 0 ? NULL : take_ptr(copy);
}

/* The caller is here, so he is asked here; what it is about is said there. */
static void take_prompt(Places *p, size_t i, sd_json_variant *record) {
        const BatchRun *run = p->invocation->execution->run;
        const char *id = object_string(record, "Id"), *message = object_string(record, "Message");
        char text[RECORD_MESSAGE_MAX];

        if (!id || !message)
                return;
        (void)snprintf(text, sizeof text, "%s", message);
        text_mend(text);
        run->elsewhere->answer(run->sink, &p->all, i, id, confirm_for_host(p->invocation, text));
}

static int take_record(void *userdata, size_t i, RecordStream stream, sd_json_variant *record) {
        Places *p = userdata;
        Invocation *invocation = p->invocation;
        Error ignored = { 0 };

        if (invocation->execution->stopped || p->failed)
                return -1;
        if (stream == STREAM_OUTPUT) {
                p->failed = invocation_emit(invocation, elsewhere_object(record, p->calls[i].host), p->err) < 0;
                return p->failed ? -1 : 0;
        }
        if (stream == STREAM_PROMPT && sd_json_variant_is_object(record))
                take_prompt(p, i, record);
        else if (invocation_replay(invocation, stream, record, &ignored) < 0)
                return -1;
        return invocation->execution->stopped ? -1 : 0;
}

static void take_end(void *userdata, size_t i, const Error *why) {
        Places *p = userdata;
        Error told = *why;

        if (why->kind == ERROR_NONE || invocation_cancelled(p->invocation))
                return;
        (void)error_wrap(&told, "The operation on computer '%.100s' failed", p->calls[i].host);
        invocation_error(p->invocation, &told, p->calls[i].host, NULL);
}

static int run_all(Places *p, Error *err) {
        const BatchRun *run = p->invocation->execution->run;

        if (write_calls(p, err) < 0)
                return -1;
        p->all = (BatchCalls){ .list = p->calls, .count = p->call_count, .here = p->here < p->count ? run_here : NULL,
                               .record = take_record, .ended = take_end, .userdata = p };
        run->elsewhere->run(run->sink, &p->all);
        if (p->result < 0 || p->failed)
                return -1;
        return invocation_cancelled(p->invocation)
                       ? error_set(err, ERROR_CANCELLED, 0, "the pipeline has been stopped")
                       : 0;
}

int elsewhere_run(Invocation *invocation, Error *err) {
        const Command *command = invocation->command;
        int computers = flagged(&invocation->binding, PARAMETER_COMPUTERS, true);
        int placed = flagged(&invocation->binding, PARAMETER_PLACED, true);

        if (command->as_job && invocation_switch(invocation, "AsJob") && !invocation_switch(invocation, "WhatIf"))
                return invocation_start_job(invocation, err);
        if (computers >= 0 && !invocation->execution->run->elsewhere)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "a command that came from another host goes on to no third one");
        if ((computers < 0 && placed < 0) || !invocation->execution->run->elsewhere)
                return command->run(invocation, err);

        auto_(places_free) Places *p = calloc(1, sizeof *p);
        if (!p)
                return error_oom(err);
        *p = (Places){ .invocation = invocation, .computers = computers, .placed = placed, .here = SIZE_MAX, .err = err };
        if ((computers >= 0 ? add_names(p, err) : add_objects(p, err)) < 0)
                return -1;
        if (p->here == 0 && p->count == 1)
                return command->run(invocation, err);
        return run_all(p, err);
}
