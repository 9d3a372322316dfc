#include "appliance/psrp/host.h"

#include "appliance/base/cleanup.h"
#include "appliance/command/batch.h"

enum { NO_REPLY = -100 };

static const char *method_name(HostMethod method) {
        switch (method) {
        case HOST_SET_SHOULD_EXIT:
                return "SetShouldExit";
        case HOST_WRITE_ERROR_LINE:
                return "WriteErrorLine";
        case HOST_WRITE_DEBUG_LINE:
                return "WriteDebugLine";
        case HOST_WRITE_PROGRESS:
                return "WriteProgress";
        case HOST_WRITE_VERBOSE_LINE:
                return "WriteVerboseLine";
        case HOST_WRITE_WARNING_LINE:
                return "WriteWarningLine";
        case HOST_PROMPT_FOR_CREDENTIAL:
                return "PromptForCredential1";
        case HOST_PROMPT_FOR_CHOICE:
                return "PromptForChoice";
        case HOST_POP_RUNSPACE:
                return "PopRunspace";
        case HOST_WRITE_LINE:
        default:
                return "WriteLine2";
        }
}

/* Up to the parameters, which stand in a list. */
static int begin_call(Sender *s, Clixml *c, HostMethod method, int64_t call) {
        if (message_begin(s, c) < 0)
                return -1;
        clixml_object(c, NULL, NULL);
        clixml_open(c, "MS");
        clixml_i64(c, "ci", call);
        clixml_enum(c, "mi", "System.Management.Automation.Remoting.RemoteHostMethodId", method_name(method),
                    (int32_t)method);
        clixml_object(c, "mp", "System.Collections.ArrayList,System.Object");
        clixml_open(c, "LST");
        return 0;
}

static void send_call(Sender *s, Clixml *c) {
        clixml_close(c, "LST");
        clixml_object_end(c);
        clixml_close(c, "MS");
        clixml_object_end(c);
        message_send(s, MESSAGE_PIPELINE_HOST_CALL, c);
}

void host_line(Sender *s, HostMethod method, const char *text) {
        Clixml c;
        if (begin_call(s, &c, method, NO_REPLY) < 0)
                return;
        clixml_string(&c, NULL, text);
        send_call(s, &c);
}

void host_should_exit(Sender *s, int32_t code) {
        Clixml c;
        if (begin_call(s, &c, HOST_SET_SHOULD_EXIT, NO_REPLY) < 0)
                return;
        clixml_i32(&c, NULL, code);
        send_call(s, &c);
}

void host_leave(Sender *s) {
        Clixml c;
        if (begin_call(s, &c, HOST_POP_RUNSPACE, NO_REPLY) == 0)
                send_call(s, &c);
}

/* PowerShell's own words; Suspend is left out: there is no nested prompt to go to. */
static const struct { const char *label, *help; } choices[] = {
        [ANSWER_YES] = { "&Yes", "Continue with only the next step of the operation." },
        [ANSWER_YES_TO_ALL] = { "Yes to &All", "Continue with all the steps of the operation." },
        [ANSWER_NO] = { "&No", "Skip this operation and proceed with the next operation." },
        [ANSWER_NO_TO_ALL] = { "No to A&ll", "Skip this operation and all subsequent operations." },
};

void host_confirm(Sender *s, int64_t call, const char *message) {
        Clixml c;
        if (begin_call(s, &c, HOST_PROMPT_FOR_CHOICE, call) < 0)
                return;
        clixml_string(&c, NULL, "Confirm");
        clixml_string(&c, NULL, message);
        clixml_object(&c, NULL, "System.Collections.ArrayList,System.Object");
        clixml_open(&c, "LST");
        for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
                clixml_object(&c, NULL, NULL);
                clixml_open(&c, "MS"); /* ChoiceDescription by its fields */
                clixml_string(&c, "label", choices[i].label);
                clixml_string(&c, "helpMessage", choices[i].help);
                clixml_close(&c, "MS");
                clixml_object_end(&c);
        }
        clixml_close(&c, "LST");
        clixml_object_end(&c);
        clixml_i32(&c, NULL, ANSWER_YES);
        send_call(s, &c);
}

void host_credential(Sender *s, int64_t call, const char *command, const char *user) {
        char message[256];
        Clixml c;
        if (begin_call(s, &c, HOST_PROMPT_FOR_CREDENTIAL, call) < 0)
                return;
        (void)snprintf(message, sizeof message, "%.60s needs the password of %.120s.", command, user);
        clixml_string(&c, NULL, "Credential request");
        clixml_string(&c, NULL, message);
        clixml_string(&c, NULL, user);
        clixml_string(&c, NULL, "");
        send_call(s, &c);
}

void host_progress(Sender *s, sd_json_variant *record) {
        Clixml c;
        if (begin_call(s, &c, HOST_WRITE_PROGRESS, NO_REPLY) < 0)
                return;
        clixml_i64(&c, NULL, 0); /* who: of no meaning to us */
        message_put_progress(&c, record);
        send_call(s, &c);
}
