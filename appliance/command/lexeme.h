/* lexeme.h — words, strings and numbers of the command language (used by syntax.c)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/command/syntax.h"

typedef struct Cursor {
        const char *at;                 /* NUL-terminated */
        sd_json_variant *variables;     /* object, or NULL */
        ErrorRecord *record;
} Cursor;

/* Blanks, comments, backtick-newline; with @newlines also newlines. */
int skip_blanks(Cursor *c, bool newlines) FAILS;
/* Bytes of a dash (-, en, em, horizontal bar: what word processors make of it) at @p, or 0. */
size_t dash_size(const char *p);
/* The character ends a bare word: blank, newline, one of | ; , ( ) { } & < > or the end. */
bool ends_word(char ch);

/* A word: bare text and quoted pieces up to a word end; a piece in quotes makes it a string in any
 * case, otherwise it may be a number or $true, $false, $null.  @stop_at_equals for hashtable keys. */
int read_word(Cursor *c, bool stop_at_equals, Literal *ret) FAILS;
/* A number as PowerShell writes it; NULL when @text is none. */
sd_json_variant *number_parse(const char *text);
