#include "appliance/psrp/request.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/command/quoted.h"
#include "appliance/psrp/credential.h"
#include "appliance/psrp/using.h"

typedef struct Making {
        Request *request;
        const SessionKey *key;
        ErrorRecord *record;
        FILE *to;
        unsigned values; /* variables given names so far */
        unsigned commands;
} Making;

void request_clear(Request *request) {
        free(request->text);
        (void)sd_json_variant_unref(request->variables);
        (void)sd_json_variant_unref(request->passwords);
        *request = (Request){ 0 };
}

static int no_memory(ErrorRecord *record) {
        return record_syntax(record, "OutOfMemory", "There is not enough memory for the command.");
}

static int malformed(ErrorRecord *record, const char *what) {
        return record_syntax(record, "InvalidPipeline", "The pipeline the client sent cannot be read: %s.", what);
}

static sd_json_variant *list(sd_json_variant *object, const char *name) {
        sd_json_variant *value = sd_json_variant_is_object(object) ? sd_json_variant_by_key(object, name) : NULL;
        return value && sd_json_variant_is_array(value) ? value : NULL;
}

static bool truth(sd_json_variant *object, const char *name) {
        sd_json_variant *value = sd_json_variant_is_object(object) ? sd_json_variant_by_key(object, name) : NULL;
        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static bool is_null(sd_json_variant *value) {
        return !value || sd_json_variant_is_null(value);
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* A credential's user is written in the text; its password waits for the node to ask for it. */
static int put_credential(Making *m, sd_json_variant *value) {
        auto_(sd_json_variant_unrefp) sd_json_variant *password = NULL;
        const char *user = NULL;
        Error err = { 0 };

        if (credential_read(value, m->key, &user, &password, &err) < 0)
                return record_syntax(m->record, "InvalidCredential", "The credential cannot be used: %s", err.text);
        if (sd_json_variant_set_field(&m->request->passwords, user, password) < 0)
                return no_memory(m->record);
        sd_json_variant_sensitive(m->request->passwords);
        quoted_write(m->to, user);
        return 0;
}

static int put_variable(Making *m, sd_json_variant *value) {
        char name[32];
        (void)snprintf(name, sizeof name, "__%u", ++m->values);
        if (sd_json_variant_set_field(&m->request->variables, name, value) < 0)
                return no_memory(m->record);
        (void)fprintf(m->to, "$%s", name);
        return 0;
}

static int put_value(Making *m, sd_json_variant *value) {
        auto_free char *number = NULL;
        const char *type = object_type(value);

        if (is_null(value)) {
                (void)fputs("$null", m->to);
        } else if (sd_json_variant_is_boolean(value)) {
                (void)fputs(sd_json_variant_boolean(value) ? "$true" : "$false", m->to);
        } else if (sd_json_variant_is_string(value)) {
                quoted_write(m->to, sd_json_variant_string(value));
        } else if (sd_json_variant_is_number(value)) {
                if (sd_json_variant_format(value, 0, &number) < 0)
                        return no_memory(m->record);
                (void)fputs(number, m->to);
        } else if (strcmp(type, "SwitchParameter") == 0) {
                (void)fputs(truth(value, "IsPresent") ? "$true" : "$false", m->to);
        } else if (strcmp(type, "PSCredential") == 0) {
                return put_credential(m, value);
        } else if (strcmp(type, "SecureString") == 0) {
                return record_syntax(m->record, "NotSupported",
                                     "A SecureString is not taken here by itself; give a PSCredential.");
        } else {
                return put_variable(m, value);
        }
        return 0;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static bool is_word(const char *text, size_t size, const char *also) {
        for (size_t i = 0; i < size; i++)
                if (!isalnum((unsigned char)text[i]) && !(text[i] && strchr(also, text[i])))
                        return false;
        return size > 0;
}

/* One argument in one of the three dialects.  *later: a switch of the API dialect, written behind the others so that it
 * takes no value. */
static int put_argument(Making *m, sd_json_variant *argument, const char **later, size_t *later_count) {
        sd_json_variant *n = sd_json_variant_is_object(argument) ? sd_json_variant_by_key(argument, "N") : NULL;
        sd_json_variant *value =
                n || sd_json_variant_is_object(argument) ? sd_json_variant_by_key(argument, "V") : NULL;
        const char *name = n && sd_json_variant_is_string(n) ? sd_json_variant_string(n) : "";
        bool dash = *name == '-';

        if (!*name) {
                (void)fputc(' ', m->to);
                return put_value(m, value);
        }
        name += dash;
        size_t size = strlen(name);
        while (size > 0 && (name[size - 1] == ' ' || name[size - 1] == ':'))
                size--;
        bool attached = name[size] != '\0' && dash;
        if (!is_word(name, size, "_?"))
                return malformed(m->record, "a parameter's name is none");
        if (is_null(value) && !attached && !dash) {
                later[(*later_count)++] = name;
                return 0;
        }
        (void)fprintf(m->to, " -%.*s", (int)size, name);
        if (is_null(value) && !attached)
                return 0;
        (void)fputc(':', m->to);
        return put_value(m, value);
}

static int put_command(Making *m, sd_json_variant *command, const char *name) {
        sd_json_variant *arguments = list(command, "Args");
        const char *later[REQUEST_ARGUMENTS_MAX];
        size_t later_count = 0, count = arguments ? sd_json_variant_elements(arguments) : 0;

        if (!is_word(name, strlen(name), "-_.?"))
                return record_not_a_command(m->record, name);
        if (count > REQUEST_ARGUMENTS_MAX)
                return malformed(m->record, "a command has too many arguments");
        (void)fputs(name, m->to);
        for (size_t i = 0; i < count; i++)
                if (put_argument(m, sd_json_variant_by_index(arguments, i), later, &later_count) < 0)
                        return -1;
        for (size_t i = 0; i < later_count; i++)
                (void)fprintf(m->to, " -%s", later[i]);
        return 0;
}

/* -ArgumentList becomes $args, $using: its own variables. */
static int take_script_arguments(Making *m, sd_json_variant *command) {
        sd_json_variant *arguments = list(command, "Args");
        auto_(sd_json_variant_unrefp) sd_json_variant *positional = NULL;

        for (size_t i = 0; arguments && i < sd_json_variant_elements(arguments); i++) {
                sd_json_variant *argument = sd_json_variant_by_index(arguments, i);
                const char *name = object_string(argument, "N");
                sd_json_variant *value = object_property(argument, "V");
                if (name && strcmp(name, "--%") == 0) {
                        if (using_variables(value, &m->request->variables) < 0)
                                return malformed(m->record, "the values of $using: are not as clients send them");
                        continue;
                }
                name = name && *name == '-' ? name + 1 : name;
                if (name && *name) {    /* of param(…) */
                        char lower[RECORD_NAME_MAX];
                        size_t size = 0;
                        for (; name[size] && name[size] != ':' && size + 1 < sizeof lower; size++)
                                lower[size] = (char)tolower((unsigned char)name[size]);
                        lower[size] = '\0';
                        if (!is_word(lower, size, "_") || (value && sd_json_variant_set_field(&m->request->variables, lower, value) < 0))
                                return malformed(m->record, "an argument's name is none");
                        continue;
                }
                if (value && sd_json_variant_append_array(&positional, value) < 0)
                        return no_memory(m->record);
        }
        if (positional && sd_json_variant_set_field(&m->request->variables, "args", positional) < 0)
                return no_memory(m->record);
        return 0;
}

/* The text behind Invoke-Expression [-Command]. */
static const char *expression_text(sd_json_variant *command) {
        sd_json_variant *arguments = list(command, "Args");
        for (size_t i = 0; arguments && i < sd_json_variant_elements(arguments); i++) {
                const char *text = object_string(sd_json_variant_by_index(arguments, i), "V");
                if (text)
                        return text;
        }
        return NULL;
}

/* Without a module in front: "Microsoft.PowerShell.Core\Out-Default". */
static const char *command_name(sd_json_variant *command) {
        const char *name = object_string(command, "Cmd"), *slash;
        if (!name)
                return "";
        slash = truth(command, "IsScript") ? NULL : strrchr(name, '\\');
        return slash ? slash + 1 : name;
}

static sd_json_variant *argument(sd_json_variant *command, const char *wanted, bool *ret_given) {
        sd_json_variant *arguments = list(command, "Args");
        *ret_given = false;
        for (size_t i = 0; arguments && i < sd_json_variant_elements(arguments); i++) {
                sd_json_variant *a = sd_json_variant_by_index(arguments, i);
                const char *name = object_string(a, "N");
                name = name && *name == '-' ? name + 1 : name;
                if (!name || !text_starts_nocase(name, wanted))
                        continue;
                *ret_given = true;
                sd_json_variant *value = object_property(a, "V");
                if (is_null(value) && i + 1 < sd_json_variant_elements(arguments)) {
                        sd_json_variant *next = sd_json_variant_by_index(arguments, i + 1);
                        if (!object_string(next, "N"))
                                value = object_property(next, "V");
                }
                return value;
        }
        return NULL;
}

/* What stands at the end of a pipeline for the console, and not for the node. */
static bool take_output(Making *m, sd_json_variant *command) {
        const char *name = command_name(command);
        Request *r = m->request;
        bool given;

        if (truth(command, "IsScript"))
                return false;
        if (text_equal_nocase(name, "Out-Default") || text_equal_nocase(name, "Out-Host") ||
            text_equal_nocase(name, "oh"))
                r->output = REQUEST_CONSOLE;
        else if (text_equal_nocase(name, "Out-Null"))
                r->output = REQUEST_NOTHING;
        else if (text_equal_nocase(name, "Out-String")) {
                sd_json_variant *stream = argument(command, "Stream", &given);
                bool off = stream && sd_json_variant_is_boolean(stream) && !sd_json_variant_boolean(stream);
                r->output = given && !off ? REQUEST_LINES : REQUEST_STRING;
                sd_json_variant *width = argument(command, "Width", &given);
                if (width && sd_json_variant_is_unsigned(width))
                        r->width = (unsigned)(sd_json_variant_unsigned(width) > 1000
                                                      ? 1000
                                                      : sd_json_variant_unsigned(width));
        } else
                return false;
        return true;
}

static bool merges(sd_json_variant *command, const char *name) {
        const char *text = object_string(command, name);
        return text && (strstr(text, "Error") || strstr(text, "All"));
}

static int put_statement(Making *m, sd_json_variant *commands) {
        size_t count = sd_json_variant_elements(commands);

        m->commands += (unsigned)count;
        if (count == 0 || m->commands > REQUEST_COMMANDS_MAX)
                return malformed(m->record, "it has no commands, or too many");
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *c = sd_json_variant_by_index(commands, i);
                const char *to = object_string(c, "MergeError");
                if (merges(c, "MergeMyResult") || merges(c, "MergePreviousResults") ||
                    (to && strcmp(to, "Output") == 0))
                        m->request->errors_to_output = true;
        }
        if (take_output(m, sd_json_variant_by_index(commands, count - 1)) && --count == 0) {
                m->request->kind = REQUEST_SHOW;
                return 0;
        }
        const char *only = count == 1 ? command_name(sd_json_variant_by_index(commands, 0)) : "";
        if (text_equal_nocase(only, "Exit-PSSession") || text_equal_nocase(only, "exsn")) {
                m->request->kind = REQUEST_LEAVE;
                return 0;
        }
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *c = sd_json_variant_by_index(commands, i);
                const char *name = command_name(c);
                bool script = truth(c, "IsScript");
                const char *text = script                                         ? name
                                   : text_equal_nocase(name, "Invoke-Expression") ? expression_text(c)
                                                                                  : NULL;

                (void)fputs(i > 0 ? " | " : "", m->to);
                if (!text) {
                        if (put_command(m, c, name) < 0)
                                return -1;
                        continue;
                }
                if (i > 0)
                        return record_syntax(
                                m->record, "ExpressionNotSupported",
                                "A script behind a pipe is not supported here; use commands joined by |.");
                m->request->ignores_input = script && !strstr(text, "$input") && !strstr(text, "$Input");
                if (script && take_script_arguments(m, c) < 0)
                        return -1;
                (void)fprintf(m->to, count > 1 ? "& {\n%s\n}" : "%s", text);
        }
        return 0;
}

/* Columns of the client's console: _hostDefaultData, 5 is the buffer's size ([MS-PSRP] 2.2.3.14). */
static unsigned console_width(sd_json_variant *host) {
        sd_json_variant *value = object_property(host, "_hostDefaultData");
        value = value ? object_property(value, "data") : NULL;
        value = value ? object_property(value, "5") : NULL;
        value = value ? object_property(value, "V") : NULL;
        uint64_t width = value ? object_unsigned(value, "width", 0) : 0;
        return width >= 20 && width <= 1000 ? (unsigned)width : 0;
}

HostInfo request_host(sd_json_variant *message) {
        sd_json_variant *host = object_property(message, "HostInfo");
        if (!host)
                return (HostInfo){ .absent = true };
        return (HostInfo){ .absent = truth(host, "_isHostNull"),
                           .of_pool = truth(host, "_useRunspaceHost"),
                           .width = console_width(host) };
}

static bool is_prompt(sd_json_variant *statement) {
        const char *name = sd_json_variant_elements(statement) >= 1
                                   ? command_name(sd_json_variant_by_index(statement, 0))
                                   : "";
        size_t size = strlen(name);
        while (size > 0 && isspace((unsigned char)name[size - 1]))
                size--;
        return size == 6 && text_starts_nocase(name, "prompt");
}

static int put_statements(Making *m, sd_json_variant *shell) {
        /* ExtraCmds, when there are any, are all statements; Cmds then only repeats the first. */
        sd_json_variant *extra = list(shell, "ExtraCmds"), *commands = list(shell, "Cmds");

        if (!extra || sd_json_variant_elements(extra) == 0) {
                if (!commands)
                        return malformed(m->record, "it has no commands");
                if (is_prompt(commands)) {
                        m->request->kind = REQUEST_PROMPT;
                        return 0;
                }
                return put_statement(m, commands);
        }
        for (size_t i = 0; i < sd_json_variant_elements(extra); i++) {
                sd_json_variant *statement = list(sd_json_variant_by_index(extra, i), "Cmds");
                if (!statement)
                        return malformed(m->record, "a statement has no commands");
                (void)fputs(i > 0 ? "\n" : "", m->to);
                if (put_statement(m, statement) < 0)
                        return -1;
        }
        return 0;
}

int request_create(sd_json_variant *message, const SessionKey *key, Request *ret, ErrorRecord *record) {
        auto_(request_clear) Request request = { 0 };
        Making m = { .request = &request, .key = key, .record = record };
        sd_json_variant *shell = object_property(message, "PowerShell");
        size_t size;

        if (!shell || !sd_json_variant_is_object(shell))
                return malformed(record, "it has no commands");
        request.has_input = !truth(message, "NoInput");
        request.host = request_host(message);
        m.to = open_memstream(&request.text, &size);
        if (!m.to)
                return no_memory(record);
        int r = put_statements(&m, shell);
        if (fclose(m.to) != 0 && r == 0)
                r = no_memory(record);
        if (r < 0)
                return -1;
        *ret = request;
        request = (Request){ 0 };
        return 0;
}

int request_metadata(sd_json_variant *message, Request *ret, ErrorRecord *record) {
        auto_(request_clear) Request request = { .kind = REQUEST_METADATA };
        sd_json_variant *names = list(message, "Name");
        size_t size, count = names ? sd_json_variant_elements(names) : 0;

        FILE *to = open_memstream(&request.text, &size);
        if (!to)
                return no_memory(record);
        (void)fputs("Get-Command -ShowCommandInfo -ErrorAction SilentlyContinue", to);
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *name = sd_json_variant_by_index(names, i);
                (void)fputs(i > 0 ? "," : " -Name ", to);
                quoted_write(to, sd_json_variant_is_string(name) ? sd_json_variant_string(name) : "");
        }
        if (fclose(to) != 0)
                return no_memory(record);
        *ret = request;
        request = (Request){ 0 };
        return 0;
}
