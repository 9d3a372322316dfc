#include "appliance/command/view.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/cell.h"
#include "appliance/command/list.h"
#include "appliance/command/object.h"
#include "appliance/command/types.h"

enum {
        VIEW_OBJECTS_MAX = 100000, /* of one table; more are written as a second one */
        VIEW_SMALL = 4,            /* properties: up to here a type without a view is a table, as in PowerShell */
        VIEW_GAP = 1,
};

struct View {
        FILE *to;
        unsigned width;
        ViewShape shape;
        char *properties;
        sd_json_variant **objects;
        size_t count;
};

DEFINE_FREEP(View, view_free);

int view_new(FILE *to, unsigned width, ViewShape shape, const char *properties, View **ret, Error *err) {
        auto_(view_freep) View *view = calloc(1, sizeof *view);
        if (!view || (properties && !(view->properties = strdup(properties))))
                return error_oom(err);
        view->to = to;
        view->width = width;
        view->shape = shape;
        *ret = take_ptr(view);
        return 0;
}

static void forget(View *view) {
        for (size_t i = 0; i < view->count; i++)
                (void)sd_json_variant_unref(view->objects[i]);
        view->count = 0;
}

void view_free(View *view) {
        if (!view)
                return;
        forget(view);
        free(view->objects);
        free(view->properties);
        free(view);
}

static bool same_type(sd_json_variant *a, sd_json_variant *b) {
        sd_json_variant *x = sd_json_variant_by_key(a, "$type"), *y = sd_json_variant_by_key(b, "$type");
        if (!x || !y)
                return !x && !y;
        return sd_json_variant_equal(x, y);
}

/* A string keeps its line breaks. */
static int write_lines(const View *view, sd_json_variant *value, Error *err) {
        const char *p = sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
        do {
                auto_(cell_clear) Cell cell = { 0 };
                size_t size = p ? strcspn(p, "\n") : 0;
                auto_free char *line = p ? strndup(p, size) : NULL;
                if (p && !line)
                        return error_oom(err);
                if ((line ? cell_text(line, &cell, err) : cell_of(value, NULL, &cell, err)) < 0)
                        return -1;
                (void)fprintf(view->to, "%s\n", cell.text);
                p = p && p[size] ? p + size + 1 : NULL;
        } while (p);
        return 0;
}

int view_add(View *view, sd_json_variant *object, Error *err) {
        if (view->count > 0 && (view->count >= VIEW_OBJECTS_MAX || !same_type(view->objects[0], object)) &&
            view_flush(view, err) < 0)
                return -1;
        if (!sd_json_variant_is_object(object))
                return write_lines(view, object, err);
        if ((view->count & (view->count - 1)) == 0) {
                void *more = reallocarray(view->objects, view->count ? 2 * view->count : 1, sizeof(void *));
                if (!more)
                        return error_oom(err);
                view->objects = more;
        }
        view->objects[view->count++] = sd_json_variant_ref(object);
        return 0;
}

/* ---- which columns ------------------------------------------------------------------------------ */

typedef struct Layout {
        char labels[CELL_COLUMNS_MAX][LIST_NAME_MAX], names[CELL_COLUMNS_MAX][LIST_NAME_MAX];
        const char *units[CELL_COLUMNS_MAX];
        bool right[CELL_COLUMNS_MAX];
        size_t count;
        bool table;
} Layout;

static void layout_add(Layout *layout, const char *label, const char *name, const char *unit) {
        for (size_t i = 0; i < layout->count; i++)
                if (text_equal_nocase(layout->names[i], name))
                        return;
        if (layout->count >= CELL_COLUMNS_MAX)
                return;
        (void)snprintf(layout->labels[layout->count], LIST_NAME_MAX, "%s", label);
        (void)snprintf(layout->names[layout->count], LIST_NAME_MAX, "%s", name);
        layout->units[layout->count++] = unit;
}

/* Properties asked for by name or wildcard; a name the object lacks is an empty column, as in PowerShell. */
static void layout_wanted(Layout *layout, const char *wanted, sd_json_variant *object) {
        char pattern[LIST_NAME_MAX];
        while (list_next(&wanted, pattern)) {
                bool wild = text_has_wildcard(pattern), found = false;
                for (size_t i = 0; i + 1 < sd_json_variant_elements(object); i += 2) {
                        const char *name = sd_json_variant_string(sd_json_variant_by_index(object, i));
                        if (*name == '$' || !text_matches_wildcard(name, pattern))
                                continue;
                        layout_add(layout, name, name, NULL);
                        found = true;
                }
                if (!found && !wild)
                        layout_add(layout, pattern, pattern, NULL);
        }
}

static void layout_choose(const View *view, sd_json_variant *object, Layout *layout) {
        sd_json_variant *tag = sd_json_variant_by_key(object, "$type");
        const char *full = tag && sd_json_variant_is_string(tag) ? sd_json_variant_string(tag) : "";
        /* Select-Object's results have the type's properties and not its view. */
        const Type *type = text_starts_nocase(full, "Selected.") ? NULL : type_find(full);

        layout->table = view->shape != VIEW_LIST;
        if (view->properties) {
                layout->table = view->shape == VIEW_TABLE;
                layout_wanted(layout, view->properties, object);
        } else if (type && type->table && layout->table) {
                for (const Column *c = type->table; c->property; c++)
                        layout_add(layout, c->label ? c->label : c->property, c->property, c->unit);
        } else if (type && type->list) {
                layout->table = view->shape == VIEW_TABLE;
                layout_wanted(layout, type->list, object);
        } else {
                layout_wanted(layout, "*", object);
                if (view->shape == VIEW_DEFAULT)
                        layout->table = layout->count <= VIEW_SMALL;
        }
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void pad(FILE *to, const Cell *cell, size_t width, bool right, bool last) {
        size_t blanks = cell->columns < width ? width - cell->columns : 0;
        (void)fprintf(to, "%*s%s%*s", right ? (int)blanks : 0, "", cell->text, right || last ? 0 : (int)blanks, "");
}

/* How many columns fit, and how wide; the last that fits is cut with "...". */
static size_t fit(const View *view, const Layout *layout, size_t widths[]) {
        size_t used = 0, n = 0;
        for (; n < layout->count; n++) {
                size_t gap = n > 0 ? VIEW_GAP : 0;
                if (view->width > 0 && used + gap + widths[n] > view->width) {
                        size_t left = view->width > used + gap ? view->width - used - gap : 0;
                        if (left >= strlen(layout->labels[n]) || n == 0) {
                                widths[n] = left > 0 ? left : 1;
                                n++;
                        }
                        break;
                }
                used += gap + widths[n];
        }
        return n;
}

static void write_line(const View *view, const Layout *layout, Cell *cells, const size_t widths[], size_t columns) {
        for (size_t c = 0; c < columns; c++) {
                if (c > 0)
                        (void)fputs(" ", view->to);
                cell_cut(&cells[c], widths[c]);
                pad(view->to, &cells[c], widths[c], layout->right[c], c + 1 == columns);
        }
        (void)fputs("\n", view->to);
}

static int write_header(const View *view, const Layout *layout, const size_t widths[], size_t columns, Error *err) {
        for (int dashes = 0; dashes <= 1; dashes++) {
                auto_(cells_clear) Cells line = { 0 };
                for (size_t c = 0; c < columns; c++) {
                        if (cell_text(layout->labels[c], &line.cells[c], err) < 0)
                                return -1;
                        if (dashes)
                                memset(line.cells[c].text, '-', line.cells[c].columns);
                }
                write_line(view, layout, line.cells, widths, columns);
        }
        return 0;
}

static int read_row(const Layout *layout, sd_json_variant *object, Cells *row, Error *err) {
        for (size_t c = 0; c < layout->count; c++)
                if (cell_of(object_property(object, layout->names[c]), layout->units[c], &row->cells[c], err) < 0)
                        return -1;
        return 0;
}

static int write_table(const View *view, Layout *layout, Error *err) {
        size_t widths[CELL_COLUMNS_MAX];

        for (size_t c = 0; c < layout->count; c++) {
                sd_json_variant *first = object_property(view->objects[0], layout->names[c]);
                /* Columns of a view are on the left, others as their first value: PowerShell again. */
                layout->right[c] = view->properties && first && sd_json_variant_is_number(first);
                widths[c] = strlen(layout->labels[c]);
        }
        for (size_t i = 0; i < view->count; i++) {
                auto_(cells_clear) Cells row = { 0 };
                if (read_row(layout, view->objects[i], &row, err) < 0)
                        return -1;
                for (size_t c = 0; c < layout->count; c++)
                        if (row.cells[c].columns > widths[c])
                                widths[c] = row.cells[c].columns;
        }
        size_t columns = fit(view, layout, widths);
        (void)fputs("\n", view->to);
        if (write_header(view, layout, widths, columns, err) < 0)
                return -1;
        for (size_t i = 0; i < view->count; i++) {
                auto_(cells_clear) Cells row = { 0 };
                if (read_row(layout, view->objects[i], &row, err) < 0)
                        return -1;
                write_line(view, layout, row.cells, widths, columns);
        }
        (void)fputs("\n", view->to);
        return 0;
}

/* "Label : value", a long value wrapped under its start. */
static void write_property(const View *view, const char *label, size_t label_width, const Cell *cell) {
        size_t indent = label_width + 3, left = strlen(cell->text);
        size_t room = view->width > indent + 8 ? view->width - indent : 0;
        const char *p = cell->text;

        (void)fprintf(view->to, "%-*s : ", (int)label_width, label);
        do {
                size_t take = room > 0 ? cell_prefix(p, room) : left;
                (void)fprintf(view->to, "%.*s\n", (int)take, p);
                p += take;
                left -= take;
                if (left > 0)
                        (void)fprintf(view->to, "%*s", (int)indent, "");
        } while (left > 0);
}

static int write_lists(View *view, Error *err) {
        for (size_t i = 0; i < view->count; i++) {
                Layout layout = { 0 };
                auto_(cells_clear) Cells row = { 0 };
                size_t width = 0;
                layout_choose(view, view->objects[i], &layout);
                if (read_row(&layout, view->objects[i], &row, err) < 0)
                        return -1;
                for (size_t c = 0; c < layout.count; c++)
                        width = strlen(layout.labels[c]) > width ? strlen(layout.labels[c]) : width;
                (void)fputs("\n", view->to);
                for (size_t c = 0; c < layout.count; c++)
                        write_property(view, layout.labels[c], width, &row.cells[c]);
        }
        (void)fputs("\n", view->to);
        return 0;
}

int view_flush(View *view, Error *err) {
        Layout layout = { 0 };
        int r = 0;

        if (view->count == 0)
                return 0;
        layout_choose(view, view->objects[0], &layout);
        if (layout.count > 0)
                r = layout.table ? write_table(view, &layout, err) : write_lists(view, err);
        forget(view);
        if (r == 0 && ferror(view->to))
                return error_set(err, ERROR_INTERNAL, errno, "cannot write the result");
        return r;
}
