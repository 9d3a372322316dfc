/* vhd-program.h — running qemu-img and qemu-io: with progress, and until its caller is gone
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/error.h"

typedef struct VhdProgram {
        void (*progress)(void *userdata, int percent);  /* or NULL */
        bool (*cancelled)(void *userdata);              /* or NULL; asked about four times a second */
        void *progress_userdata, *cancelled_userdata;
} VhdProgram;

/* @argv ends with NULL; argv[0] is an absolute path.  No shell, a short fixed environment, no descriptors but the
 * standard ones, no core dumps.  ERROR_CANCELLED: killed, and gone.  An exit code other than 0 is ERROR_INTERNAL
 * with the last line the program wrote to stderr. */
int vhd_program_run(const char *const argv[], const VhdProgram *watch, Error *err) FAILS;
