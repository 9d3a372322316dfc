#include "auth/sentence.h"

#include <stdio.h>
#include <string.h>

static const char *find_word(const SentenceWord *words, const char *name, size_t length) {
        for (; words->name; words++)
                if (strlen(words->name) == length && memcmp(words->name, name, length) == 0)
                        return words->value ? words->value : "?";
        return NULL;
}

void sentence_fill(char *to, size_t size, const char *pattern, const SentenceWord *words) {
        size_t at = 0;

        while (*pattern && at + 1 < size) {
                const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
                const char *value = end ? find_word(words, pattern + 1, (size_t)(end - pattern - 1)) : NULL;
                if (!value) {
                        to[at++] = *pattern++;
                        continue;
                }
                size_t n = strlen(value);
                if (n > size - at - 1)
                        n = size - at - 1;
                memcpy(to + at, value, n);
                at += n;
                pattern = end + 1;
        }
        if (size > 0)
                to[at] = '\0';
}
