#include "appliance/cli/quote.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/quoted.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD LETTERS "0123456789_.*?-"

static bool is_constant(const char *text) {
        return text_equal_nocase(text, "$true") || text_equal_nocase(text, "$false") ||
               text_equal_nocase(text, "$null");
}

/* a,b,c of words that mean the same with and without quotes */
static bool is_list(const char *text) {
        bool comma = false;
        for (;;) {
                size_t size = strspn(text, WORD);
                if (size == 0 || *text == '-')
                        return false;
                text += size;
                if (*text == '\0')
                        return comma;
                if (*text++ != ',')
                        return false;
                comma = true;
        }
}

static void put_value(FILE *to, const char *text) {
        if (is_constant(text) || is_list(text))
                (void)fputs(text, to);
        else
                quoted_write(to, text);
}

static void put_argument(FILE *to, const char *text) {
        size_t name = *text == '-' ? strspn(text + 1, LETTERS) : 0;
        if (name > 0 && text[1 + name] == '\0') {
                (void)fputs(text, to);
        } else if (name > 0 && text[1 + name] == ':') {
                (void)fprintf(to, "%.*s:", (int)(1 + name), text);
                put_value(to, text + 2 + name);
        } else {
                put_value(to, text);
        }
}

int quote_arguments(int argc, char *const argv[], char **ret, Error *err) {
        auto_free char *text = NULL;
        size_t size = 0;

        if (argc == 1) {
                if (!(*ret = strdup(argv[0])))
                        return error_oom(err);
                return 0;
        }
        if (strspn(argv[0], WORD) != strlen(argv[0]) || !*argv[0])
                return error_set(err, ERROR_INVALID, 0,
                                 "'%.100s' is no command; write holdfast COMMAND -PARAMETER VALUE …, or "
                                 "a whole pipeline in one pair of quotes",
                                 argv[0]);
        FILE *to = open_memstream(&text, &size);
        if (!to)
                return error_oom(err);
        (void)fputs(argv[0], to);
        for (int i = 1; i < argc; i++) {
                (void)fputc(' ', to);
                put_argument(to, argv[i]);
        }
        if (fclose(to) != 0)
                return error_oom(err);
        *ret = take_ptr(text);
        return 0;
}
