#include "appliance/node/compare-directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

/* The same for samba-tool; NULL for what is no command for the directory, and when memory is gone (*ret_oom). */
static char *translate(const char *line, bool *ret_oom) {
        char a[256], b[256], *command = NULL;

        *ret_oom = true;
        if (sscanf(line, "setspn -D \"%255[^\"]\" %255s", a, b) == 2)
                command = text_format("samba-tool spn delete '%s' '%s'", a, b);
        else if (sscanf(line, "setspn -S \"%255[^\"]\" %255s", a, b) == 2)
                command = text_format("samba-tool spn add '%s' '%s'", a, b);
        else if (sscanf(line, "Add-ADGroupMember '%255[^']' '%255[^']'", a, b) == 2)
                command = text_format("samba-tool group addmembers '%s' '%s'", a, b);
        else if (sscanf(line, "New-ADGroup '%255[^']'", a) == 1)
                command = text_format("samba-tool group add '%s'", a);
        else if (sscanf(line, "Enable-ADAccount '%255[^']'", a) == 1)
                command = text_format("samba-tool user enable '%s'", a);
        else
                *ret_oom = false;
        return command;
}

int compare_directory_mend(Finding *finding, Mend *mend, Error *err) {
        auto_free char *remedy = strdup(finding->remedy);
        char *save = NULL;

        if (!remedy)
                return error_oom(err);
        for (char *line = strtok_r(remedy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                bool oom = false;
                auto_free char *samba = translate(line, &oom);
                if (!samba && !oom)
                        return 0;       /* all of a remedy is of one kind */
                if (mend->windows_count == MEND_COMMANDS_MAX || mend->samba_count == MEND_COMMANDS_MAX)
                        return 0;
                auto_free char *windows = strdup(line);
                if (!samba || !windows)
                        return error_oom(err);
                mend->windows[mend->windows_count++] = take_ptr(windows);
                mend->samba[mend->samba_count++] = take_ptr(samba);
                finding->remedy[0] = '\0';
        }
        return 0;
}
