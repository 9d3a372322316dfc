/* commandline.h — what a WinRS client asks to run → the pipeline text it means
 *
 * There is no cmd.exe and no powershell.exe here: the line is either commands in PowerShell's grammar, or a call of
 * powershell with -EncodedCommand or -Command, whose text is taken.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/base/error.h"

enum { COMMANDLINE_TEXT_MAX = 256 * 1024 };

typedef struct CommandLine {
        char *text;      /* the pipeline; the caller frees */
        bool powershell; /* a call of powershell: errors go back as CLIXML, as it writes them */
} CommandLine;

/* @line: Command and its Arguments, joined by spaces.  ERROR_INVALID or ERROR_UNSUPPORTED name what is not understood. */
int commandline_parse(const char *line, CommandLine *ret, Error *err) FAILS;
