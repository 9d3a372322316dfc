/* access-mend.h — the commands that give hosts what they need, for the file servers there are
 *
 * Text only: nothing is run.  Names go into quotes of the shell they are for; what could end a quote is refused.
 */
#pragma once

#include "appliance/node/access-survey.h"

enum { MEND_COMMANDS_MAX = 24 };

typedef struct Mend {
        char *windows[MEND_COMMANDS_MAX], *samba[MEND_COMMANDS_MAX], *netapp[MEND_COMMANDS_MAX];
        size_t windows_count, samba_count, netapp_count;
} Mend;

void mend_done(Mend *mend);

int mend_write(const Survey *survey, const SurveyHost *host, const SurveyCell *cell, Mend *mend, Error *err) FAILS;
/* Takes away @through, an entry of @item that lets every computer in. */
int mend_write_stranger(const Survey *survey, size_t item, const Ace *through, const char *path, Mend *mend,
                        Error *err) FAILS;
