/* ssh.h — holdfast as the shell of people of the domain (appliance/ssh): what of sshd's wishes it fulfils
 */
#pragma once

#include <stdbool.h>

#include "appliance/base/error.h"

enum { SSH_ORIGIN_SIZE = 46 };          /* INET6_ADDRSTRLEN */

typedef enum SshKind {
        SSH_SHELL,                      /* no command: that is refused */
        SSH_POWERSHELL,                 /* the subsystem */
        SSH_COMMANDS,
} SshKind;

typedef struct SshWish {
        SshKind kind;
        bool json;
        char *text;                     /* of SSH_COMMANDS; the caller frees */
} SshWish;

/* What came behind ssh USER@HOST: "holdfast Get-VM", "holdfast 'Get-VM | Move-VM hv2'", "Get-VM", or the subsystem's
 * "/usr/bin/holdfast psrp".  Everything but that is commands, never a program.  NULL: nothing came. */
int ssh_wish(const char *command, SshWish *ret, Error *err) FAILS;
/* The client's address of "10.0.0.1 51000 10.0.0.2 22", as sshd puts it into SSH_CONNECTION; "" when there is none. */
void ssh_origin(const char *connection, char ret[static SSH_ORIGIN_SIZE]);
