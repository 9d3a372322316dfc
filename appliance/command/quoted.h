/* quoted.h — any text as one string of the command language
 */
#pragma once

#include <stdio.h>

/* 'it''s': whatever @text holds stays one value and is never code. */
void quoted_write(FILE *to, const char *text);
