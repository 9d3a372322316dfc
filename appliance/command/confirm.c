/* -WhatIf, -Confirm, $ConfirmPreference: may it be done? */
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/invocation.h"
#include "appliance/command/object.h"

enum { PROCESS, CONTINUE };             /* who asks; "to all" counts for one of them only, as in PowerShell */

Impact confirm_preference(sd_json_variant *variables) {
        static const struct { const char *name; Impact impact; } names[] = { { "None", IMPACT_BEYOND },
                                                                             { "Low", IMPACT_LOW },
                                                                             { "Medium", IMPACT_MEDIUM },
                                                                             { "High", IMPACT_HIGH } };
        const char *text = variables ? object_string(variables, "ConfirmPreference") : NULL;
        for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
                if (text_equal_nocase(names[i].name, text))
                        return names[i].impact;
        return IMPACT_HIGH;
}

static bool cannot_ask(Invocation *invocation, const char *target, const char *question, const char *instead) {
        ErrorRecord record;
        Error err = { 0 };

        if (invocation_cancelled(invocation))
                return false;
        (void)error_set(&err, ERROR_UNSUPPORTED, 0, "the user cannot be asked");
        (void)record_error(&record, invocation->command, &err, target, "HostFunctionNotImplemented");
        record.exception = "System.Management.Automation.Host.HostException";
        (void)snprintf(record.message, sizeof record.message,
                       "A command that prompts the user failed because the host program or the command type does not "
                       "support user interaction. The host was attempting to request confirmation with the following "
                       "message: %.500s Run the command again with %s",
                       question, instead);
        invocation_report(invocation, &record, true);
        return false;
}

static BatchAnswer ask(Invocation *invocation, int who, const char *message) {
        const BatchRun *run = invocation->execution->run;
        BatchAnswer *to_all = &invocation->to_all[who];

        if (*to_all != ANSWER_NOBODY)
                return *to_all;
        if (invocation_cancelled(invocation))
                return ANSWER_NOBODY;
        BatchAnswer answer = run->ask ? run->ask(run->sink, message) : ANSWER_NOBODY;
        if (answer == ANSWER_YES_TO_ALL || answer == ANSWER_NO_TO_ALL)
                *to_all = answer;
        return answer;
}

static bool may(Invocation *invocation, int who, const char *target, const char *question, const char *instead) {
        BatchAnswer answer = ask(invocation, who, question);
        if (answer == ANSWER_NOBODY)
                return cannot_ask(invocation, target, question, instead);
        return answer == ANSWER_YES || answer == ANSWER_YES_TO_ALL;
}

BatchAnswer confirm_for_host(Invocation *invocation, const char *message) {
        return ask(invocation, CONTINUE, message);
}

/* -Confirm, or a preference that is stricter than what our commands are: Medium. */
static bool is_asked(const Invocation *invocation) {
        return invocation_has(invocation, "Confirm") ? invocation_switch(invocation, "Confirm")
                                                     : invocation->confirms <= IMPACT_MEDIUM;
}

bool invocation_should_process(Invocation *invocation, const char *target, const char *operation) {
        char text[RECORD_MESSAGE_MAX];
        if (invocation_switch(invocation, "WhatIf")) {
                (void)snprintf(text, sizeof text, "What if: Performing the operation \"%s\" on target \"%s\".",
                               operation, target);
                invocation_say(invocation, STREAM_INFORMATION, text);
                return false;
        }
        if (!is_asked(invocation))
                return true;
        (void)snprintf(text, sizeof text,
                       "Are you sure you want to perform this action?\nPerforming the operation \"%.100s\" on target "
                       "\"%.200s\".",
                       operation, target);
        return may(invocation, PROCESS, target, text, "-Confirm:$false, or without -Confirm.");
}

bool invocation_should_continue(Invocation *invocation, const char *target, const char *question) {
        bool never = invocation_has(invocation, "Confirm") ? !invocation_switch(invocation, "Confirm")
                                                           : invocation->confirms == IMPACT_BEYOND;
        /* who has just said yes to the same thing is not asked again */
        if (invocation_switch(invocation, "Force") || never || is_asked(invocation))
                return true;
        return may(invocation, CONTINUE, target, question, "-Force or -Confirm:$false.");
}
