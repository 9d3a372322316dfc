#include <stdlib.h>

#include "auth/pac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        PacLogon *logon = NULL;
        Error err = { 0 };
        char text[SID_TEXT_MAX];

        if (pac_logon_decode(data, size, &logon, &err) < 0)
                return 0;
        sid_text(&logon->sid, text);
        for (size_t i = 0; i < logon->group_count; i++)
                sid_text(&logon->groups[i], text);
        free(logon);
        return 0;
}
