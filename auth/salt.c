#include "auth/salt.h"

#include <stdio.h>
#include <string.h>

void salt_learn(krb5_context context, krb5_principal principal, const Machine *machine, char *to, size_t size) {
        krb5_enctype type = 0;
        krb5_data salt = { 0 }, parameters = { 0 };

        if (krb5_get_etype_info(context, principal, NULL, &type, &salt, &parameters) == 0 && salt.length > 0 &&
            salt.length < size) {
                memcpy(to, salt.data, salt.length);
                to[salt.length] = '\0';
        } else {
                char name[MACHINE_NAME_MAX];
                (void)snprintf(name, sizeof name, "%s", machine->account);
                name[strcspn(name, "$")] = '\0';
                for (char *p = name; *p; p++)
                        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
                (void)snprintf(to, size, "%.200shost%.20s.%.200s", machine->realm, name, machine->domain);
        }
        krb5_free_data_contents(context, &salt);
        krb5_free_data_contents(context, &parameters);
}
