/* host.h — calls of the client's console ([MS-PSRP] 2.2.3.17, 2.2.6)
 *
 * A client shows warnings, words and progress of an Invoke-Command only when its host is called, besides the records.
 */
#pragma once

#include "appliance/psrp/message.h"

typedef enum HostMethod {
        HOST_SET_SHOULD_EXIT = 6,
        HOST_WRITE_LINE = 16,
        HOST_WRITE_ERROR_LINE = 18,
        HOST_WRITE_DEBUG_LINE = 19,
        HOST_WRITE_PROGRESS = 20,
        HOST_WRITE_VERBOSE_LINE = 21,
        HOST_WRITE_WARNING_LINE = 22,
        HOST_PROMPT_FOR_CREDENTIAL = 24,
        HOST_PROMPT_FOR_CHOICE = 26,
        HOST_POP_RUNSPACE = 53,
} HostMethod;

void host_line(Sender *s, HostMethod method, const char *text);
/* @record as invocation_progress() makes it. */
void host_progress(Sender *s, sd_json_variant *record);
void host_should_exit(Sender *s, int32_t code);
void host_leave(Sender *s);             /* the interactive session ends */
/* Asks with the choices of BatchAnswer, yes being what Enter says. */
void host_confirm(Sender *s, int64_t call, const char *message);
/* Asks for the password of @user, for @command; answered under the number @call (> 0). */
void host_credential(Sender *s, int64_t call, const char *command, const char *user);
