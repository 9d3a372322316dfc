/* switch-host.h — what the kernel and the network manager of this host say of bridges and network cards
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/node/switch-file.h"
#include "migrate/host.h"

/* A whole text file, NUL-terminated, at most SWITCH_FILE_MAX; *ret NULL when there is none.  The caller frees. */
int switch_host_file(const char *path, char **ret, Error *err) FAILS;
/* Atomic, readable for the network manager. */
int switch_host_write(const char *path, const char *text, Error *err) FAILS;

bool switch_host_has_address(const char *device);       /* other than link-local */
/* The addresses of @device as text, at most @max; how many. */
enum { SWITCH_ADDRESS_SIZE = 64 };
size_t switch_host_addresses(const char *device, char (*ret)[SWITCH_ADDRESS_SIZE], size_t max);
/* The text of the .network file by which the network manager configured @device; *ret NULL when it did not. */
int switch_host_card_file(const char *device, char **ret, Error *err) FAILS;
/* A UUID from this machine's and the name. */
int switch_host_id(const char *name, char ret[static UUID_TEXT_SIZE], Error *err) FAILS;
