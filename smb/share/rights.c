#include "smb/share/rights.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"

/* The words of .NET's FileSystemRights, which Get-Acl prints. */
static const struct { uint32_t bit; const char *file, *folder; } names[] = {
        { RIGHT_READ_DATA, "ReadData", "ListDirectory" },
        { RIGHT_WRITE_DATA, "WriteData", "CreateFiles" },
        { RIGHT_APPEND_DATA, "AppendData", "CreateDirectories" },
        { RIGHT_READ_EA, "ReadExtendedAttributes", NULL },
        { RIGHT_WRITE_EA, "WriteExtendedAttributes", NULL },
        { RIGHT_EXECUTE, "ExecuteFile", "Traverse" },
        { RIGHT_DELETE_CHILD, "DeleteSubdirectoriesAndFiles", NULL },
        { RIGHT_READ_ATTRIBUTES, "ReadAttributes", NULL },
        { RIGHT_WRITE_ATTRIBUTES, "WriteAttributes", NULL },
        { RIGHT_DELETE, "Delete", NULL },
        { RIGHT_READ_CONTROL, "ReadPermissions", NULL },
        { RIGHT_WRITE_DAC, "ChangePermissions", NULL },
        { RIGHT_WRITE_OWNER, "TakeOwnership", NULL },
        { RIGHT_SYNCHRONIZE, "Synchronize", NULL },
};

static const struct { uint32_t mask; const char *name; } bundles[] = {
        { RIGHTS_FULL, "FullControl" },
        { RIGHTS_CHANGE, "Modify" },
        { RIGHTS_READ, "ReadAndExecute" },
};

static const struct { uint32_t generic, mask; } mapping[] = {
        { RIGHT_GENERIC_READ, 0x120089 },
        { RIGHT_GENERIC_WRITE, 0x120116 },
        { RIGHT_GENERIC_EXECUTE, 0x1200A0 },
        { RIGHT_GENERIC_ALL, RIGHTS_FULL },
};

uint32_t rights_map_generic(uint32_t mask) {
        for (size_t i = 0; i < ARRAY_SIZE(mapping); i++)
                if (mask & mapping[i].generic)
                        mask = (mask & ~mapping[i].generic) | mapping[i].mask;
        return mask;
}

const char *rights_name(uint32_t bit, bool folder) {
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i].bit == bit)
                        return folder && names[i].folder ? names[i].folder : names[i].file;
        return NULL;
}

void rights_text(uint32_t mask, bool folder, char to[static RIGHTS_TEXT_MAX]) {
        size_t at = 0;
        uint32_t rest = mask;

        to[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(bundles); i++)
                if (mask == bundles[i].mask) {
                        (void)snprintf(to, RIGHTS_TEXT_MAX, "%s", bundles[i].name);
                        return;
                }
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!(mask & names[i].bit))
                        continue;
                rest &= ~names[i].bit;
                at += (size_t)snprintf(to + at, RIGHTS_TEXT_MAX - at, "%s%s", at ? ", " : "",
                                       folder && names[i].folder ? names[i].folder : names[i].file);
        }
        if (rest)
                (void)snprintf(to + at, RIGHTS_TEXT_MAX - at, "%s0x%X", at ? ", " : "", rest);
}
