/* The client's user is asked: for a password that a command needs and the client did not send, and whether it may go on. */
#include "appliance/psrp/runspace.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/object.h"
#include "appliance/psrp/credential.h"
#include "appliance/psrp/host.h"

static const char *text_of(sd_json_variant *object, const char *name, const char *otherwise) {
        const char *text = object_string(object, name);
        return text ? text : otherwise;
}

static int refuse(sd_json_variant *need, const char *why, ErrorRecord *record) {
        return record_syntax(record, "CredentialRequired", "%.60s needs the password of %.100s in -%.60s: %s",
                             text_of(need, "Command", "The command"), text_of(need, "UserName", "the account"),
                             text_of(need, "Parameter", "Credential"), why);
}

/* The password as a sensitive string under the key by which the node asks for it. */
static int keep(Pipeline *p, sd_json_variant *need, sd_json_variant *password, ErrorRecord *record) {
        if (sd_json_variant_set_field(&p->secrets, object_string(need, "Key"), password) < 0)
                return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
        sd_json_variant_sensitive(p->secrets);
        p->answered++;
        return 0;
}

int prompt_start(Pipeline *p, sd_json_variant *needs, ErrorRecord *record) {
        if (p->needs)
                return record_syntax(record, "CredentialRequired",
                                     "The command asks for the same passwords again.");
        p->needs = sd_json_variant_ref(needs);
        return prompt_next(p, record);
}

int prompt_next(Pipeline *p, ErrorRecord *record) {
        while (p->answered < sd_json_variant_elements(p->needs)) {
                sd_json_variant *need = sd_json_variant_by_index(p->needs, p->answered);
                const char *user = object_string(need, "UserName");
                sd_json_variant *password =
                        user && p->request.passwords ? sd_json_variant_by_key(p->request.passwords, user) : NULL;

                if (!object_string(need, "Key") || !user)
                        return refuse(need, "it names no user.", record);
                if (password) {
                        if (keep(p, need, password, record) < 0)
                                return -1;
                        continue;
                }
                if (p->request.host.absent)
                        return refuse(need, "give a PSCredential, as Get-Credential makes it.", record);
                /* No PUBLIC_KEY_REQUEST: PowerShell 7 exchanges keys by itself to encrypt its answer, and breaks off the session
                 * when it was told to. */
                p->call = ++p->pool->next_call;
                host_credential(&p->sender, p->call, text_of(need, "Command", ""), user);
                p->phase = PHASE_ASKING;
                pool_ready(p->pool, &p->id);
                return 0;
        }
        return 1;
}

int prompt_answer(Pipeline *p, sd_json_variant *value, ErrorRecord *record) {
        sd_json_variant *need = sd_json_variant_by_index(p->needs, p->answered);
        sd_json_variant *credential = object_property(value, "mr");
        auto_(sd_json_variant_unrefp) sd_json_variant *password = NULL;
        const char *user = NULL;
        Error err = { 0 };

        if (!credential || sd_json_variant_is_null(credential))
                return refuse(need, "nobody gave it.", record);
        if (credential_read(credential, &p->pool->key, &user, &password, &err) < 0)
                return refuse(need, err.text, record);
        if (strcmp(user, object_string(need, "UserName")) != 0)
                return refuse(need, "that of another user was given.", record);
        return keep(p, need, password, record) < 0 ? -1 : prompt_next(p, record);
}

/* ---- may it go on? ------------------------------------------------------------------------------------- */

void prompt_confirm(Pipeline *p, sd_json_variant *question) {
        const char *id = object_string(question, "Id"), *message = object_string(question, "Message");

        if (!id || !message)
                return;
        console_flush(p);               /* what came before the question stands before it */
        free(p->question);
        p->question = strdup(id);
        p->call = ++p->pool->next_call;
        if (p->question)
                host_confirm(&p->sender, p->call, message);
        else
                p->pool->broken = true;
}

/* A client whose host cannot ask sends an error instead. */
void prompt_confirmed(Pipeline *p, sd_json_variant *value) {
        sd_json_variant *choice = object_property(value, "mr");
        auto_free char *question = take_ptr(p->question);
        const PsrpRunner *runner = &p->pool->runner;
        BatchAnswer answer = ANSWER_NOBODY;

        if (choice && sd_json_variant_is_integer(choice) && sd_json_variant_integer(choice) >= ANSWER_YES &&
            sd_json_variant_integer(choice) <= ANSWER_NO_TO_ALL)
                answer = (BatchAnswer)sd_json_variant_integer(choice);
        if (p->run && runner->answer)
                runner->answer(runner->userdata, p->pool, p->run, question, answer);
}
