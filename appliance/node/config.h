/* config.h — /etc/holdfast/node.json ⇄ NodeConfig
 */
#pragma once

#include "appliance/node/node.h"

#define NODE_CONFIG_PATH "/etc/holdfast/node.json"

/* A missing file gives the defaults; an unknown key, a wrong type or a value out of range is ERROR_INVALID and
 * names file, key and what is allowed. */
int config_load(const char *path, NodeConfig *ret, Error *err) FAILS;
/* Writes what commands may change (virtual_machine_path, moves) into the file and leaves its other settings as they
 * are.  Atomic: after a crash the file is the old or the new one.  Blocks on the disk. */
int config_store(const char *path, const NodeConfig *config, Error *err) FAILS;
