/* salt.h — what a domain mixes into the keys of a computer account
 */
#pragma once

#include <krb5.h>
#include <stddef.h>

#include "auth/machine.h"

/* As the KDC says; for a KDC that says none, as domains make it ([MS-KILE] 3.1.1.2).  Blocks on the KDC. */
void salt_learn(krb5_context context, krb5_principal principal, const Machine *machine, char *to, size_t size);
