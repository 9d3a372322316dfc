/* program.h — running one of the system's programs (adcli, nsupdate), with a deadline
 *
 * No shell.  Only standard descriptors are inherited; the environment is a short fixed one.
 */
#pragma once

#include <stdint.h>

#include "appliance/base/error.h"

enum { PROGRAM_OUTPUT_MAX = 16 * 1024 };

typedef struct ProgramResult {
        int status;                             /* exit code; 128 + signal when killed */
        char output[PROGRAM_OUTPUT_MAX];        /* the end of what it wrote to stderr and stdout; printable text */
} ProgramResult;

/* @argv   ends with NULL; argv[0] is an absolute path.  Never holds a secret.
 * @input  given on standard input (may be a secret), or NULL.
 * @environment  "NAME=value", or NULL: one variable beside PATH, LC_ALL=C and our own KRB5_CONFIG and RES_OPTIONS.
 * Returns 0 when the program ran to its end, whatever its status.  ERROR_NOT_FOUND: no such program.
 * ERROR_TIMEOUT: killed after @timeout_us. */
int program_run(const char *const argv[], const char *input, const char *environment, uint64_t timeout_us,
                ProgramResult *ret, Error *err) FAILS;

/* The last line of @output that is not empty, without leading " ! " and "adcli: "; points into it. */
const char *program_last_line(ProgramResult *result);
