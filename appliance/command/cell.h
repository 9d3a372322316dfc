/* cell.h — one value of a table or list as one line of text that is safe for a terminal (used by view.c)
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum { CELL_COLUMNS_MAX = 64, CELL_TEXT_MAX = 4096 };

typedef struct Cell {
        char *text;                     /* one line; control characters are escaped */
        size_t columns;                 /* characters, not bytes */
} Cell;

typedef struct Cells {
        Cell cells[CELL_COLUMNS_MAX];
} Cells;

/* @unit as Column.unit in types.h.  @value may be NULL: empty. */
int cell_of(sd_json_variant *value, const char *unit, Cell *ret, Error *err) FAILS;
int cell_text(const char *text, Cell *ret, Error *err) FAILS;
/* Cuts to @columns, with "..." where there is room for it. */
void cell_cut(Cell *cell, size_t columns);
/* Bytes of the first @columns characters. */
size_t cell_prefix(const char *text, size_t columns);
void cell_clear(Cell *cell);
void cells_clear(Cells *cells);
