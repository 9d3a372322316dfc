#include "appliance/cli/ssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define BLANKS " \t\r\n"

/* Past @word and the blanks behind it; NULL when it is not the first. */
static const char *after(const char *text, const char *word) {
        size_t size = strlen(word);
        if (strncmp(text, word, size) != 0 || (text[size] && !strchr(BLANKS, text[size])))
                return NULL;
        return text + size + strspn(text + size, BLANKS);
}

/* One pair of quotes around it all is for a shell that is not here. */
static char *unquoted(const char *text) {
        size_t size = strlen(text);
        while (size > 0 && strchr(BLANKS, text[size - 1]))
                size--;
        if (size >= 2 && (*text == '\'' || *text == '"') && memchr(text + 1, *text, size - 1) == text + size - 1)
                return strndup(text + 1, size - 2);
        return strndup(text, size);
}

int ssh_wish(const char *command, SshWish *ret, Error *err) {
        const char *text = command ? command + strspn(command, BLANKS) : "", *more;
        SshWish wish = { .kind = SSH_COMMANDS };

        more = after(text, "holdfast");
        if (!more)
                more = after(text, "/usr/bin/holdfast");
        bool named = more != NULL;
        text = named ? more : text;
        while (named && (more = after(text, "--json"))) {
                wish.json = true;
                text = more;
        }
        const char *help = named ? after(text, "help") : NULL, *psrp = named ? after(text, "psrp") : NULL;
        if (!*text) {
                wish.kind = SSH_SHELL;
        } else if (psrp && !*psrp) {
                wish.kind = SSH_POWERSHELL;
        } else {
                wish.text = help ? text_format("Get-Help %s", help) : named ? unquoted(text) : strdup(text);
                if (!wish.text)
                        return error_oom(err);
        }
        *ret = wish;
        return 0;
}

void ssh_origin(const char *connection, char ret[static SSH_ORIGIN_SIZE]) {
        size_t size = connection ? strcspn(connection, " %") : 0;       /* %: the interface of a link's own address */
        (void)snprintf(ret, SSH_ORIGIN_SIZE, "%.*s", size < SSH_ORIGIN_SIZE ? (int)size : 0, connection ? connection : "");
}
