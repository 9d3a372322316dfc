/* compare-internal.h — what the compare*.c files share; nobody else includes it
 */
#pragma once

#include "migrate/compare.h"

/* compare-processor.c, on the destination.  An answer of libvirt's that it does not fit is a finding. */
int compare_processor(VmHost *host, const CompareRequest *request, const VmCapabilities *caps, Findings *findings,
                      Error *err) FAILS;
