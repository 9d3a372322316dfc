/* password.h — a password from the terminal (without echo) or from standard input
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"

enum { PASSWORD_MAX = 1024 };

typedef struct Password {
        char text[PASSWORD_MAX];
} Password;

/* @from_stdin, or when there is no terminal: one line of standard input.  Else asks "Password for LAB\anna: "
 * on the terminal. */
int password_read(const char *user, bool from_stdin, Password *ret, Error *err) FAILS;
void password_erase(Password *password);
