#include "appliance/wsman/commandline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/wsman/xml.h"

enum { WORD_MAX = 512 };

static const char *skip_space(const char *at) {
        return at + strspn(at, " \t\r\n");
}

/* The next word, quotes taken off; false when it is too long. */
static bool next_word(const char **at, char *to, size_t size) {
        const char *p = skip_space(*at);
        size_t n = 0;
        bool quoted = false;

        for (; *p && (quoted || !strchr(" \t\r\n", *p)); p++) {
                if (*p == '"') {
                        quoted = !quoted;
                        continue;
                }
                if (n + 1 >= size)
                        return false;
                to[n++] = *p;
        }
        to[n] = '\0';
        *at = p;
        return true;
}

static bool is_program(const char *word, const char *name) {
        const char *base = strrchr(word, '\\');
        base = base ? base + 1 : word;
        size_t n = strlen(name);
        return text_starts_nocase(base, name) && (!base[n] || text_equal_nocase(base + n, ".exe"));
}

/* powershell.exe takes any unambiguous beginning of an option's name. */
typedef struct Option {
        const char *name;
        size_t least; /* letters that suffice */
        enum { OPTION_NOTHING, OPTION_VALUE, OPTION_COMMAND, OPTION_ENCODED } takes;
} Option;

static const Option *find_option(const char *word) {
        static const Option options[] = {
                { "EncodedCommand", 1, OPTION_ENCODED },
                { "ec", 2, OPTION_ENCODED },
                { "Command", 1, OPTION_COMMAND },
                { "NoProfile", 3, OPTION_NOTHING },
                { "NonInteractive", 4, OPTION_NOTHING },
                { "NoLogo", 3, OPTION_NOTHING },
                { "ExecutionPolicy", 2, OPTION_VALUE },
                { "ep", 2, OPTION_VALUE },
                { "InputFormat", 1, OPTION_VALUE },
                { "OutputFormat", 1, OPTION_VALUE },
                { "WindowStyle", 1, OPTION_VALUE },
                { "Mta", 1, OPTION_NOTHING },
                { "Sta", 1, OPTION_NOTHING },
        };
        if ((word[0] != '-' && word[0] != '/') || !word[1])
                return NULL;
        size_t n = strlen(word + 1);
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                if (n >= options[i].least && text_starts_nocase(options[i].name, word + 1))
                        return &options[i];
        return NULL;
}

static int decode(const char *at, char **ret, Error *err) {
        auto_free uint8_t *data = NULL;
        auto_free char *word = strdup(skip_space(at)), *text = NULL;
        size_t size = 0;

        if (!word)
                return error_oom(err);
        word[strcspn(word, " \t\r\n")] = '\0';
        if (xml_read_base64(word, &data, &size, err) < 0)
                return error_wrap(err, "-EncodedCommand");
        text = malloc(size * 2 + 1); /* three bytes for two at worst */
        if (!text)
                return error_oom(err);
        if (text_from_utf16(data, size, text, size * 2 + 1, err) < 0)
                return error_wrap(err, "-EncodedCommand");
        *ret = take_ptr(text);
        return 0;
}

/* -Command takes the rest of the line; quotes around the whole belong to the caller's shell. */
static int take_rest(const char *at, char **ret, Error *err) {
        at = skip_space(at);
        size_t n = strlen(at);
        while (n > 0 && strchr(" \t\r\n", at[n - 1]))
                n--;
        if (n >= 2 && at[0] == '"' && at[n - 1] == '"') {
                at++;
                n -= 2;
        }
        char *text = strndup(at, n);
        if (!text)
                return error_oom(err);
        size_t to = 0; /* \" is how a quotation mark is written inside */
        for (size_t from = 0; from < n; from++) {
                if (text[from] == '\\' && text[from + 1] == '"')
                        from++;
                text[to++] = text[from];
        }
        text[to] = '\0';
        *ret = text;
        return 0;
}

static int powershell(const char *at, char **ret, Error *err) {
        char word[WORD_MAX];

        while (*(at = skip_space(at))) {
                const char *before = at;
                if (!next_word(&at, word, sizeof word))
                        return take_rest(before, ret, err);
                const Option *option = find_option(word);
                if (!option && (word[0] == '-' || word[0] == '/'))
                        return error_set(
                                err, ERROR_UNSUPPORTED, 0,
                                "powershell's option '%.80s' is not supported; use -EncodedCommand or -Command",
                                word);
                if (!option)
                        return take_rest(before, ret, err);
                if (option->takes == OPTION_ENCODED)
                        return decode(at, ret, err);
                if (option->takes == OPTION_COMMAND)
                        return take_rest(at, ret, err);
                if (option->takes == OPTION_VALUE && !next_word(&at, word, sizeof word))
                        return error_set(err, ERROR_INVALID, 0, "an option of powershell has too long a value");
        }
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "an interactive powershell cannot be had here; use -EncodedCommand or -Command");
}

int commandline_parse(const char *line, CommandLine *ret, Error *err) {
        CommandLine found = { 0 };
        char word[WORD_MAX] = "";
        const char *at = line;

        if (strlen(line) > COMMANDLINE_TEXT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the command has more than %d bytes", COMMANDLINE_TEXT_MAX);
        if (!*skip_space(line))
                return error_set(err, ERROR_INVALID, 0, "there is no command");
        bool short_enough = next_word(&at, word, sizeof word);
        found.powershell = short_enough && (is_program(word, "powershell") || is_program(word, "pwsh"));
        if (found.powershell) {
                if (powershell(at, &found.text, err) < 0)
                        return -1;
        } else if (!(found.text = strdup(skip_space(short_enough && is_program(word, "holdfast") ? at : line)))) {
                return error_oom(err);
        }
        *ret = found;
        return 0;
}
