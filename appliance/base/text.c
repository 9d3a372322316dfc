#include "appliance/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Next code point of well-formed UTF-8; size 0 says it is not. */
static uint32_t next_character(const uint8_t *p, size_t left, size_t *size) {
        static const struct { uint8_t mask, lead; uint32_t least; } shape[] = {
                { 0x80, 0x00, 0 }, { 0xE0, 0xC0, 0x80 }, { 0xF0, 0xE0, 0x800 }, { 0xF8, 0xF0, 0x10000 },
        };
        *size = 0;
        for (size_t n = 0; left > 0 && n < 4; n++) {
                if ((p[0] & shape[n].mask) != shape[n].lead)
                        continue;
                if (n + 1 > left)
                        return 0;
                uint32_t c = p[0] & (uint8_t)~shape[n].mask;
                for (size_t i = 1; i <= n; i++) {
                        if ((p[i] & 0xC0) != 0x80)
                                return 0;
                        c = c << 6 | (p[i] & 0x3F);
                }
                if (c < shape[n].least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                        return 0;
                *size = n + 1;
                return c;
        }
        return 0;
}

bool text_is_utf8(const char *text, size_t size) {
        for (size_t at = 0, n; at < size; at += n) {
                (void)next_character((const uint8_t *)text + at, size - at, &n);
                if (n == 0)
                        return false;
        }
        return true;
}

void text_mend(char *text) {
        size_t size = strlen(text);
        for (size_t at = 0, n; at < size; at += n > 0 ? n : 1) {
                (void)next_character((const uint8_t *)text + at, size - at, &n);
                if (n == 0)
                        text[at] = '?';
        }
}

int text_to_utf16(const char *text, uint8_t *to, size_t size, size_t *ret_size, Error *err) {
        size_t length = strlen(text), out = 0;

        for (size_t at = 0, n; at < length; at += n) {
                uint32_t c = next_character((const uint8_t *)text + at, length - at, &n);
                if (n == 0)
                        return error_set(err, ERROR_INVALID, 0, "the text is not valid UTF-8");
                uint16_t unit[2] = { (uint16_t)c, 0 };
                size_t units = 1;
                if (c >= 0x10000) {
                        unit[0] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
                        unit[1] = (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF));
                        units = 2;
                }
                if (2 * units > size - out)
                        return error_set(err, ERROR_LIMIT, 0, "the text is longer than %zu bytes", size);
                for (size_t i = 0; i < units; i++) {
                        to[out++] = (uint8_t)unit[i];
                        to[out++] = (uint8_t)(unit[i] >> 8);
                }
        }
        *ret_size = out;
        return 0;
}

static size_t put_utf8(uint32_t c, uint8_t out[static 4]) {
        if (c < 0x80) {
                out[0] = (uint8_t)c;
                return 1;
        }
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                out[i] = (uint8_t)(0x80 | (c & 0x3F));
        out[0] = (uint8_t)(lead[n] | c);
        return n;
}

int text_from_utf16_mended(const uint8_t *from, size_t from_size, char *to, size_t size, bool *ret_mended, Error *err) {
        bool mended = false;
        size_t out = 0;

        if (from_size % 2)
                return error_set(err, ERROR_INVALID, 0, "UTF-16 text with half a character");
        for (size_t at = 0; at < from_size; at += 2) {
                uint32_t c = from[at] | (uint32_t)from[at + 1] << 8;
                if (c >= 0xD800 && c <= 0xDBFF && from_size - at >= 4) {
                        uint32_t low = from[at + 2] | (uint32_t)from[at + 3] << 8;
                        if (low >= 0xDC00 && low <= 0xDFFF) {
                                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                                at += 2;
                        }
                }
                if (c == 0)
                        return error_set(err, ERROR_INVALID, 0, "UTF-16 text with a character that is not one");
                if (c >= 0xD800 && c <= 0xDFFF) {
                        mended = true;
                        c = 0xFFFD;
                }
                uint8_t utf8[4];
                size_t n = put_utf8(c, utf8);
                if (n + 1 > size - out)
                        return error_set(err, ERROR_LIMIT, 0, "the text is longer than %zu bytes", size);
                memcpy(to + out, utf8, n);
                out += n;
        }
        if (size == 0)
                return error_set(err, ERROR_LIMIT, 0, "no room for the text");
        to[out] = '\0';
        *ret_mended = mended;
        return 0;
}

int text_from_utf16(const uint8_t *from, size_t from_size, char *to, size_t size, Error *err) {
        bool mended = false;

        if (text_from_utf16_mended(from, from_size, to, size, &mended, err) < 0)
                return -1;
        return mended ? error_set(err, ERROR_INVALID, 0, "UTF-16 text with a character that is not one") : 0;
}

static unsigned char lower(char c) {
        return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool text_equal_nocase(const char *a, const char *b) {
        for (; *a && lower(*a) == lower(*b); a++, b++)
                ;
        return *a == '\0' && *b == '\0';
}

bool text_starts_nocase(const char *text, const char *prefix) {
        for (; *prefix && lower(*text) == lower(*prefix); text++, prefix++)
                ;
        return *prefix == '\0';
}

bool text_has_wildcard(const char *text) {
        return strpbrk(text, "*?[") != NULL;
}

/* One pattern element other than '*' against one character; *ret_next is behind the element. */
static bool element_matches(const char *pattern, char c, const char **ret_next) {
        *ret_next = pattern + 1;
        if (*pattern == '?')
                return true;
        const char *end = *pattern == '[' ? strchr(pattern + 1, ']') : NULL;
        if (!end)
                return lower(*pattern) == lower(c);
        *ret_next = end + 1;
        for (const char *p = pattern + 1; p < end; p++) {
                if (p + 2 < end && p[1] == '-') {
                        if (lower(c) >= lower(p[0]) && lower(c) <= lower(p[2]))
                                return true;
                        p += 2;
                } else if (lower(*p) == lower(c)) {
                        return true;
                }
        }
        return false;
}

bool text_matches_wildcard(const char *text, const char *pattern) {
        const char *star = NULL, *retry = NULL;

        while (*text) {
                const char *next;
                if (*pattern == '*') {
                        star = ++pattern;
                        retry = text;
                } else if (*pattern && element_matches(pattern, *text, &next)) {
                        pattern = next;
                        text++;
                } else if (star) {
                        pattern = star;
                        text = ++retry;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

void text_hex(const uint8_t *data, size_t size, char *to) {
        static const char digit[] = "0123456789abcdef";
        for (size_t i = 0; i < size; i++) {
                *to++ = digit[data[i] >> 4];
                *to++ = digit[data[i] & 15];
        }
        *to = '\0';
}

char *text_format(const char *fmt, ...) {
        char *s = NULL;
        va_list ap;
        va_start(ap, fmt);
        int n = vasprintf(&s, fmt, ap);
        va_end(ap);
        return n < 0 ? NULL : s;
}

int text_uuid(char to[static UUID_TEXT_SIZE], Error *err) {
        uint8_t b[16];
        if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
                return error_set(err, ERROR_INTERNAL, 0, "the system's random source failed");
        b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
        char hex[33];
        text_hex(b, sizeof b, hex);
        (void)snprintf(to, UUID_TEXT_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
        return 0;
}
