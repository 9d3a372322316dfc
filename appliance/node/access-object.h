/* access-object.h — a cell of the access matrix as an object: the finding in words, and the commands that mend it
 */
#pragma once

#include "appliance/command/object.h"
#include "appliance/node/access-memory.h"
#include "appliance/node/access-survey.h"

/* Why @cell is not granted, as a clause, and the entry that is responsible ("" none). */
void access_reason(const Survey *survey, const SurveyHost *host, const SurveyCell *cell, char *reason, size_t size,
                   char *entry, size_t entry_size);

/* One row of Test-VMShare.  @memory: of the last proof, and takes a note of this one; NULL: none. */
int access_object(const Survey *survey, const SurveyHost *host, const SurveyCell *cell, AccessMemory *memory,
                  sd_json_variant **ret, Error *err) FAILS;
/* The row of the negative test: what a computer outside the group can reach; @worst SURVEY_SHARE: nothing. */
int access_stranger_object(const Survey *survey, const SurveyHost *stranger, size_t worst, sd_json_variant **ret,
                           Error *err) FAILS;
/* "take out (D;;FW;;;…) of LAB\Quarantine, grant Modify to LAB\Holdfast Hosts", for -WhatIf. */
void access_change_text(const Survey *survey, const SurveyCell *cell, char *to, size_t size);
