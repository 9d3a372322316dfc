#include "appliance/psrp/psrp.h"

#include <stdio.h>
#include <string.h>

/* The byte of the wire form for each pair of digits of the text. */
static const uint8_t places[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

static int digit(char ch) {
        const char *digits = "0123456789abcdef", *found;
        if (ch >= 'A' && ch <= 'F')
                ch = (char)(ch - 'A' + 'a');
        found = ch ? strchr(digits, ch) : NULL;
        return found ? (int)(found - digits) : -1;
}

int psrp_guid_parse(const char *text, PsrpGuid *ret, Error *err) {
        const char *p = text;
        bool brace = *p == '{';
        PsrpGuid guid;

        p += brace;
        for (size_t i = 0; i < sizeof places; i++) {
                if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
                        return error_set(err, ERROR_INVALID, 0, "'%.40s' is not a GUID", text);
                int high = digit(p[0]), low = high < 0 ? -1 : digit(p[1]);
                if (low < 0)
                        return error_set(err, ERROR_INVALID, 0, "'%.40s' is not a GUID", text);
                guid.bytes[places[i]] = (uint8_t)(high << 4 | low);
                p += 2;
        }
        if (strcmp(p, brace ? "}" : "") != 0)
                return error_set(err, ERROR_INVALID, 0, "'%.40s' is not a GUID", text);
        *ret = guid;
        return 0;
}

void psrp_guid_text(const PsrpGuid *guid, char to[static PSRP_GUID_TEXT]) {
        for (size_t i = 0; i < sizeof places; i++) {
                (void)snprintf(to, sizeof "-FF", "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               guid->bytes[places[i]]);
                to += strlen(to);
        }
}
