/* quote.h — shell arguments → PowerShell command text
 *
 * One argument is text as it stands: holdfast 'Get-VM | Move-VM -DestinationHost hv2'.  Of several, each is
 * one PowerShell argument: -Param and -Param:value stay parameters, $true, $false and $null stay what they
 * are, a,b of simple words is a list, and everything else is quoted, so that no value can become a command.
 */
#pragma once

#include "appliance/base/error.h"

/* *ret is allocated. */
int quote_arguments(int argc, char *const argv[], char **ret, Error *err) FAILS;
