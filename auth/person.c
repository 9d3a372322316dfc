#include "auth/person.h"

#include <string.h>

#include "appliance/base/text.h"

/* What no account name has ([MS-SAMR] 3.1.1.6), and control characters. */
static bool is_account(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || strchr("\"/\\[]:;|=,+*?<>@", text[i]))
                        return false;
        /* $ ends the names of computers: those are no people */
        return size > 0 && size < PERSON_ACCOUNT_MAX && text[0] != ' ' && text[0] != '-' && text[size - 1] != ' ' &&
               text[size - 1] != '.' && text[size - 1] != '$' && text_is_utf8(text, size);
}

static bool is_domain(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++) {
                bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                             (text[i] >= '0' && text[i] <= '9') || strchr("-._", text[i]);
                if (!plain)
                        return false;
        }
        return size > 0 && size < PERSON_DOMAIN_MAX;
}

bool person_parse(const char *text, PersonName *ret) {
        const char *slash = strchr(text, '\\'), *at = strchr(text, '@'), *cut = slash ? slash : at;
        PersonName name = { 0 };

        if (!cut)
                return false;
        size_t before = (size_t)(cut - text), after = strlen(cut + 1);
        const char *account = slash ? cut + 1 : text, *domain = slash ? text : cut + 1;
        size_t account_size = slash ? after : before, domain_size = slash ? before : after;
        if (!is_account(account, account_size) || !is_domain(domain, domain_size))
                return false;
        memcpy(name.account, account, account_size);
        memcpy(name.domain, domain, domain_size);
        *ret = name;
        return true;
}

bool person_uid(const Sid *sid, uint32_t *ret) {
        Sid domain;
        uint32_t rid;

        if (!sid_split(sid, &domain, &rid) || rid == 0 || rid > PERSON_RID_MAX)
                return false;
        *ret = PERSON_UID_BASE + rid;
        return true;
}

bool person_rid(uint32_t uid, uint32_t *ret) {
        if (uid <= PERSON_UID_BASE || uid - PERSON_UID_BASE > PERSON_RID_MAX)
                return false;
        *ret = uid - PERSON_UID_BASE;
        return true;
}
