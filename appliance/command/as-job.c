/* -AsJob: the command is started as a job of the caller's session, and the job is what comes out. */
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/call-text.h"
#include "appliance/command/object.h"

enum { SHOWN_MAX = 512, LOCATION_MAX = 256 };

/* Where it will run: the hosts it names, or this one, by the word that PowerShell has for it. */
static void locate(const Invocation *invocation, char to[static LOCATION_MAX]) {
        size_t count = invocation_count(invocation, "ComputerName"), at = 0;

        (void)snprintf(to, LOCATION_MAX, "localhost");
        for (size_t i = 0; i < count && at < LOCATION_MAX; i++) {
                sd_json_variant *name = invocation_item(invocation, "ComputerName", i);
                at += (size_t)snprintf(to + at, LOCATION_MAX - at, "%s%s", i > 0 ? "," : "",
                                       sd_json_variant_is_string(name) ? sd_json_variant_string(name) : "");
        }
}

int invocation_start_job(Invocation *invocation, Error *err) {
        const BatchRun *run = invocation->execution->run;
        const CallValues all = { .without = CALL_NOTHING, .placed = CALL_NOTHING };
        auto_(call_text_clear) CallText call = { 0 };
        char shown[SHOWN_MAX], location[LOCATION_MAX];
        sd_json_variant *object = NULL;

        if (!run->start_job)
                return error_set(err, ERROR_UNSUPPORTED, 0, "a command that came from another host starts no job here; "
                                 "its job runs on the host where the caller is");
        if (call_text(invocation, &all, &call, err) < 0)
                return -1;
        call_shown(invocation, shown, sizeof shown);
        locate(invocation, location);
        const BatchJob job = { .text = call.text, .variables = call.variables, .shown = shown, .location = location };
        if (run->start_job(run->sink, &job, &object, err) < 0)
                return -1;
        invocation->started_job = true;
        return invocation_emit(invocation, object, err);
}
