/* visitor.h — a person's ticket for one piece of work, e.g. an administrator who mends permissions
 *
 * It lies in this process's memory alone, under a random name, and is destroyed with it.  The password is not kept,
 * not even in the library's memory: it is used once and belongs to the caller, who erases it.
 */
#pragma once

#include "auth/machine.h"

enum { VISITOR_CACHE_MAX = 64 };

typedef struct Visitor {
        char ccache[VISITOR_CACHE_MAX]; /* "MEMORY:…", for smb's connections; "" none */
        char principal[MACHINE_NAME_MAX];
} Visitor;

/* @user "anna", "LAB\anna" or "anna@lab.test" of our realm.  Blocks on the KDC.  ERROR_DENIED: wrong password,
 * locked, expired; ERROR_INVALID: no such name; ERROR_UNREACHABLE. */
int visitor_sign_in(const Machine *machine, const char *user, const char *password, Visitor *ret, Error *err) FAILS;
void visitor_done(Visitor *visitor);    /* fine on a zeroed one */
