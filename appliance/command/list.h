/* list.h — the comma lists of the command rows: "Name,DestinationHost"
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { LIST_NAME_MAX = 80 };

/* The next name, without blanks around it, into @to; moves *list.  false at the end; a NULL list is empty. */
bool list_next(const char **list, char to[static LIST_NAME_MAX]);
/* Position of @name without case, or -1. */
int list_find(const char *list, const char *name);
static inline bool list_has(const char *list, const char *name) { return list_find(list, name) >= 0; }
/* The i-th name; false when there are fewer. */
bool list_at(const char *list, size_t i, char to[static LIST_NAME_MAX]);
