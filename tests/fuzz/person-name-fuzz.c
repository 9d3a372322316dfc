#include <stdlib.h>
#include <string.h>

#include "appliance/cli/ssh.h"
#include "auth/person.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a stranger tells sshd: a user's name, and a command. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = strndup((const char *)data, size), origin[SSH_ORIGIN_SIZE];
        PersonName name;
        SshWish wish = { 0 };
        Error err = { 0 };

        if (text && person_parse(text, &name) && (strchr(name.account, '@') || strchr(name.domain, '\\')))
                abort();
        if (text && ssh_wish(text, &wish, &err) == 0)
                free(wish.text);
        ssh_origin(text, origin);
        free(text);
        return 0;
}
