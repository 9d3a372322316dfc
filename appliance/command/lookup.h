/* lookup.h — a parameter's name as typed → the parameter (used by bind.c)
 */
#pragma once

#include "appliance/command/bind.h"

/* By name, alias or unique prefix of either; *ret_index counts as binding_parameter() does. */
int parameter_lookup(const Command *command, const char *name, unsigned *ret_index, ErrorRecord *record) FAILS;
