/* sentence.h — error sentences kept in tables, with the names filled in where they fail
 *
 * "{account} is disabled" with { "account", "HV1$" } gives "HV1$ is disabled".
 */
#pragma once

#include <stddef.h>

typedef struct SentenceWord {
        const char *name;       /* without braces; a NULL name ends the list */
        const char *value;      /* NULL reads as "?" */
} SentenceWord;

/* Fills @to, cut at @size.  A {name} that is not among @words stays as it is written. */
void sentence_fill(char *to, size_t size, const char *pattern, const SentenceWord *words);
