/* enums.h — Hyper-V's enumerations as numbers, for faces that send the number beside the name (CLIXML)
 */
#pragma once

#include <stdint.h>

/* The number of @value of the enumeration @type ("VMState", or in full).  -1: we do not know it; send the name. */
int64_t enum_number(const char *type, const char *value);
