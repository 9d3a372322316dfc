/* rights.h — the names of what an access mask allows, for files, folders and shares ([MS-DTYP] 2.4.3, [MS-SMB2]
 * 2.2.13.1)
 *
 * Pure.  A share's list uses the numbers of files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        RIGHT_READ_DATA = 0x1, RIGHT_WRITE_DATA = 0x2, RIGHT_APPEND_DATA = 0x4, RIGHT_READ_EA = 0x8,
        RIGHT_WRITE_EA = 0x10, RIGHT_EXECUTE = 0x20, RIGHT_DELETE_CHILD = 0x40, RIGHT_READ_ATTRIBUTES = 0x80,
        RIGHT_WRITE_ATTRIBUTES = 0x100, RIGHT_DELETE = 0x10000, RIGHT_READ_CONTROL = 0x20000,
        RIGHT_WRITE_DAC = 0x40000, RIGHT_WRITE_OWNER = 0x80000, RIGHT_SYNCHRONIZE = 0x100000,

        /* as Windows' dialogs bundle them */
        RIGHTS_FULL = 0x1F01FF, RIGHTS_CHANGE = 0x1301BF, RIGHTS_READ = 0x1200A9,
};
#define RIGHT_GENERIC_ALL 0x10000000u
#define RIGHT_GENERIC_EXECUTE 0x20000000u
#define RIGHT_GENERIC_WRITE 0x40000000u
#define RIGHT_GENERIC_READ 0x80000000u

enum { RIGHTS_TEXT_MAX = 400 };

/* Generic bits replaced by what they mean for files ([MS-DTYP] 2.4.3, winnt.h's file mapping). */
uint32_t rights_map_generic(uint32_t mask);

/* "ReadData, WriteData"; "FullControl", "Modify" and "ReadAndExecute" when the mask is exactly that, as icacls and
 * Get-Acl do.  @folder chooses the folder's words for the same bits (ListDirectory, CreateFiles …). */
void rights_text(uint32_t mask, bool folder, char to[static RIGHTS_TEXT_MAX]);

/* One bit's name; NULL for a bit that has none. */
const char *rights_name(uint32_t bit, bool folder);
