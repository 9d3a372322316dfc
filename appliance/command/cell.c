#include "appliance/command/cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

static bool continues(char ch) { return ((unsigned char)ch & 0xC0) == 0x80; }

size_t cell_prefix(const char *text, size_t columns) {
        size_t at = 0;
        for (; text[at]; at++)
                if (!continues(text[at]) && columns-- == 0)
                        break;
        return at;
}

void cell_clear(Cell *cell) {
        free(cell->text);
        *cell = (Cell){ 0 };
}

void cells_clear(Cells *cells) {
        for (size_t i = 0; i < CELL_COLUMNS_MAX; i++)
                cell_clear(&cells->cells[i]);
}

int cell_text(const char *text, Cell *ret, Error *err) {
        size_t size = strlen(text), at = 0;
        char *to = malloc(4 * size + 1);
        if (!to)
                return error_oom(err);
        size_t columns = 0;
        for (size_t i = 0; i < size; i++) {
                unsigned char ch = (unsigned char)text[i];
                /* C0, DEL, and C1 in UTF-8: what could move the cursor or end the line */
                bool c1 = ch == 0xC2 && (unsigned char)text[i + 1] < 0xA0;
                if (ch == '\n' || ch == '\t' || ch == '\r') {
                        to[at++] = ' ';
                        columns++;
                } else if (ch < 0x20 || ch == 0x7F || c1) {
                        at += (size_t)sprintf(to + at, "\\x%02x", c1 ? (unsigned char)text[++i] : ch);
                        columns += 4;
                } else {
                        to[at++] = (char)ch;
                        columns += !continues((char)ch);
                }
        }
        to[at] = '\0';
        *ret = (Cell){ .text = to, .columns = columns };
        return 0;
}

/* "2026-04-25T10:11:12.1234560Z" and "00:00:01.1647500" without the digits nobody reads in a table. */
static int time_text(const char *text, bool milliseconds, Cell *ret, Error *err) {
        char shown[CELL_TEXT_MAX];
        int n = snprintf(shown, sizeof shown, "%s", text);
        if (n < 0 || n >= (int)sizeof shown)
                return cell_text(text, ret, err);
        char *t = strchr(shown, 'T'), *colon = strrchr(shown, ':');
        char *point = colon ? strchr(colon, '.') : NULL;
        if (t)
                *t = ' ';
        if (point && milliseconds && strlen(point) > 4)
                point[4] = '\0';
        else if (point && !milliseconds)
                *point = '\0';
        return cell_text(shown, ret, err);
}

int cell_of(sd_json_variant *value, const char *unit, Cell *ret, Error *err) {
        char text[CELL_TEXT_MAX];
        if (value && unit && strcmp(unit, "MB") == 0 && sd_json_variant_is_unsigned(value))
                (void)snprintf(text, sizeof text, "%" PRIu64, sd_json_variant_unsigned(value) >> 20);
        else if (value && unit && strcmp(unit, "MB") != 0 && sd_json_variant_is_string(value))
                return time_text(sd_json_variant_string(value), strcmp(unit, "ms") == 0, ret, err);
        else if (value && sd_json_variant_is_string(value))
                return cell_text(sd_json_variant_string(value), ret, err);
        else
                object_display(value, text, sizeof text);
        return cell_text(text, ret, err);
}

void cell_cut(Cell *cell, size_t columns) {
        static const char dots[] = "...";
        if (cell->columns <= columns)
                return;
        size_t keep = columns > strlen(dots) ? columns - strlen(dots) : columns;
        size_t at = cell_prefix(cell->text, keep);
        if (keep < columns) {           /* what is cut off is at least as long as the dots */
                memcpy(cell->text + at, dots, sizeof dots);
        } else {
                cell->text[at] = '\0';
        }
        cell->columns = columns;
}
