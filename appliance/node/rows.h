/* rows.h — every command of the product; the rows stand beside their handlers
 */
#pragma once

#include "appliance/node/node.h"

extern const Command get_vmhost;                /* host-commands.c */
