/* text.h — UTF-8 in, UTF-16LE out, and the few string shapes everybody needs
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/error.h"

/* UTF-8 → UTF-16LE without BOM and terminator, as SMB2 and PSRP send names.
 * @ret_size  bytes written, at most @size.  Returns 0, or -1 with ERROR_INVALID when @text is not
 *            UTF-8, ERROR_LIMIT when it does not fit; nothing is promised about @to then. */
int text_to_utf16(const char *text, uint8_t *to, size_t size, size_t *ret_size, Error *err) FAILS;

/* UTF-16LE of @size bytes → NUL-terminated UTF-8 in @to.  Lone surrogates, an odd size and U+0000
 * are ERROR_INVALID; too long is ERROR_LIMIT. */
int text_from_utf16(const uint8_t *from, size_t from_size, char *to, size_t size, Error *err) FAILS;
/* The same, for what may hold lone surrogates: each becomes U+FFFD, and *ret_mended says whether there was one. */
int text_from_utf16_mended(const uint8_t *from, size_t from_size, char *to, size_t size, bool *ret_mended,
                           Error *err) FAILS;

/* ASCII-only, locale-free comparison without case. */
bool text_equal_nocase(const char *a, const char *b);
bool text_starts_nocase(const char *text, const char *prefix);
/* PowerShell wildcards * ? [a-z], without case, in time linear in the product of the lengths and
 * without recursion.  A pattern with an unclosed [ matches only itself. */
bool text_matches_wildcard(const char *text, const char *pattern);
bool text_has_wildcard(const char *text);
bool text_is_utf8(const char *text, size_t size);
/* Puts ? for every byte that is no part of a character: what cutting UTF-8 at a byte leaves. */
void text_mend(char *text);

/* @to receives 2 * @size lower-case hex digits and a NUL. */
void text_hex(const uint8_t *data, size_t size, char *to);

/* A new formatted string; NULL when memory is gone.  The caller frees. */
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A version 4 UUID as 36 characters and a NUL, from the system's random source. */
enum { UUID_TEXT_SIZE = 37 };
int text_uuid(char to[static UUID_TEXT_SIZE], Error *err) FAILS;
