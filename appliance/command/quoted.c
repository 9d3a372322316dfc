#include "appliance/command/quoted.h"

#include <string.h>

/* Inside single quotes only quotes are special, the typographic ones too. */
void quoted_write(FILE *to, const char *text) {
        (void)fputc('\'', to);
        for (const char *p = text; *p; p++) {
                if (*p == '\'') {
                        (void)fputs("''", to);
                } else if (strncmp(p, "\xE2\x80", 2) == 0 && (unsigned char)p[2] >= 0x98 &&
                           (unsigned char)p[2] <= 0x9B) {
                        /* ‘ ’ ‚ ‛ would end the string; doubled they give the straight one, so leave the quotes */
                        (void)fprintf(to, "'\"%.3s\"'", p);
                        p += 2;
                } else {
                        (void)fputc(*p, to);
                }
        }
        (void)fputc('\'', to);
}
