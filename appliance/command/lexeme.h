/* lexeme.h — words, strings, numbers and variables of the command language (used by syntax.c, literal.c, condition.c)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/command/syntax.h"

typedef struct Cursor {
        const char *start, *at;         /* NUL-terminated */
        sd_json_variant *variables;     /* object, or NULL */
        Script *script;                 /* the pipelines so far; the variables they assign may be named */
        bool again;                     /* syntax_again() */
        bool deferred;                  /* what was read names a variable without a value yet */
        unsigned parentheses, blocks;   /* around the cursor */
        size_t expanded;                /* bytes that variables put into strings */
        ErrorRecord *record;
} Cursor;

enum { SYNTAX_NESTING_MAX = 8 };        /* ( inside ( */

/* Blanks, comments, backtick-newline; with @newlines also newlines. */
int skip_blanks(Cursor *c, bool newlines) FAILS;
/* Bytes of a dash (-, en, em, horizontal bar: what word processors make of it) at @p, or 0. */
size_t dash_size(const char *p);
/* The character ends a bare word: blank, newline, one of | ; , ( ) { } & < > or the end. */
bool ends_word(char ch);
/* A $ that starts a variable or an expression stands at @p. */
bool is_variable(const char *p);

/* A word: bare text and quoted pieces up to a word end; a piece in quotes makes it a string in any
 * case, otherwise it may be a number or $true, $false, $null.  @stop_at_equals for hashtable keys. */
int read_word(Cursor *c, bool stop_at_equals, Literal *ret) FAILS;
/* A number as PowerShell writes it; NULL when @text is none. */
sd_json_variant *number_parse(const char *text);
int no_memory(Cursor *c);

/* ---- variable.c ---- */

/* $name, ${name}, $using:name: moves behind it.  *ret is a new reference; NULL: null, or not known yet.  An unknown
 * name is refused. */
int read_variable_name(Cursor *c, sd_json_variant **ret) FAILS;
/* What follows a value: .Property and [index].  Replaces *value, a reference. */
int read_members(Cursor *c, sd_json_variant **value) FAILS;
int no_variables(Cursor *c, const char *at);

/* ---- literal.c ---- */

/* A value or a list of them.  @in_hashtable: no hashtables or arrays inside. */
int parse_list(Cursor *c, bool in_hashtable, Literal *ret) FAILS;
int unexpected(Cursor *c);
int refuse_expression(Cursor *c);
/* Room for one more of @size bytes in an array that doubles; the new one is zeroed. */
int grow(Cursor *c, void *array, size_t count, size_t size, size_t max, const char *what) FAILS;

/* ---- syntax.c ---- */

/* (pipeline), the cursor on the parenthesis: its value when it is known, else it is put in front of what is parsed. */
int parse_parenthesis(Cursor *c, Literal *ret) FAILS;

/* ---- condition.c ---- */

/* { … }, the cursor on the brace. */
int parse_block(Cursor *c, Literal *ret) FAILS;
