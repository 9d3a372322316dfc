/* hex.h — published bytes as text */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns the number of bytes; asserts that they fit. */
static inline size_t hex(const char *text, uint8_t *to, size_t size) {
        size_t n = strlen(text) / 2;
        assert(n <= size);
        for (size_t i = 0; i < n; i++) {
                unsigned v = 0;
                int got = sscanf(text + 2 * i, "%2x", &v);
                assert(got == 1);
                to[i] = (uint8_t)v;
        }
        return n;
}
