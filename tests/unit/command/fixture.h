/* fixture.h — a small command table and a sink that writes records as lines
 */
#pragma once

#include <stdio.h>

#include "appliance/command/batch.h"

extern const CommandTable fixture_table;

/* Runs @text and returns every record as a line "stream: text"; a refused text as "refused: ID: message".
 * The caller frees. */
char *fixture_run(const char *text, Role role);
/* The same on a site of three: "hv1" is here, hv2 and hv3 have the same machines, everything else cannot be reached. */
char *fixture_run_on_site(const char *text);
/* The same, with a user who says this, in order: y yes, Y yes to all, n no, N no to all; a question is a line "prompt: text". */
char *fixture_run_asked(const char *text, const char *answers);
/* The same, cancelled when @after records were written. */
char *fixture_run_cancelled(const char *text, unsigned after);
