/* vhd-internal.h — between vhd.c and vhd-convert.c */
#pragma once

#include "migrate/vhd.h"

const char *vhd_format_qemu(VhdFormat format);          /* "raw", "qcow2", "vpc", "vhdx" */
/* ERROR_UNSUPPORTED with Convert-VHD as the way out unless @unc ends in a raw extension. */
int vhd_check_on_share(const char *unc, Error *err) FAILS;
