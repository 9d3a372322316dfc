#include "appliance/command/command.h"

#include <string.h>

#include "appliance/base/text.h"
#include "appliance/command/list.h"

bool list_next(const char **list, char to[static LIST_NAME_MAX]) {
        const char *p = *list;
        if (!p)
                return false;
        p += strspn(p, ", ");
        size_t size = strcspn(p, ",");
        *list = p + size;
        while (size > 0 && p[size - 1] == ' ')
                size--;
        if (size == 0)
                return false;
        if (size >= LIST_NAME_MAX)
                size = LIST_NAME_MAX - 1;
        memcpy(to, p, size);
        to[size] = '\0';
        return true;
}

int list_find(const char *list, const char *name) {
        char item[LIST_NAME_MAX];
        for (int i = 0; list_next(&list, item); i++)
                if (text_equal_nocase(item, name))
                        return i;
        return -1;
}

bool list_at(const char *list, size_t i, char to[static LIST_NAME_MAX]) {
        while (list_next(&list, to))
                if (i-- == 0)
                        return true;
        return false;
}

const Command *command_find(const CommandTable *table, const char *name) {
        for (const Command *const *row = table->rows; *row; row++)
                if (text_equal_nocase((*row)->name, name) || list_has((*row)->aliases, name))
                        return *row;
        return NULL;
}
