#include "smb/share/sddl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "smb/share/rights.h"

enum { GUID_TEXT_SIZE = 37, OBJECT_PRESENT = 1, INHERITED_OBJECT_PRESENT = 2, FIELDS = 6, FIELD_MAX = 256 };

typedef struct Word {
        const char *text;
        uint32_t value;
} Word;

/* [MS-DTYP] 2.5.1.1 */
static const Word ace_types[] = {
        { "A", ACE_ALLOW },         { "D", ACE_DENY },           { "AU", ACE_AUDIT },
        { "OA", ACE_ALLOW_OBJECT }, { "OD", ACE_DENY_OBJECT },   { "OU", ACE_AUDIT_OBJECT },
        { "ML", ACE_LABEL },        { "SP", ACE_SCOPED_POLICY }, { NULL, 0 },
};
static const Word ace_flags[] = {
        { "OI", ACE_OBJECT_INHERIT }, { "CI", ACE_CONTAINER_INHERIT },
        { "NP", ACE_NO_PROPAGATE },   { "IO", ACE_INHERIT_ONLY },
        { "ID", ACE_INHERITED },      { "SA", ACE_AUDIT_SUCCESS },
        { "FA", ACE_AUDIT_FAILURE },  { NULL, 0 },
};
/* whole masks first: they are written only when they are all there is */
static const Word masks[] = {
        { "FA", 0x1F01FF }, { "FR", 0x120089 }, { "FW", 0x120116 }, { "FX", 0x1200A0 }, { NULL, 0 },
};
static const Word registry_masks[] = {
        /* understood, never written: this is about files */
        { "KA", 0xF003F }, { "KR", 0x20019 }, { "KW", 0x20006 }, { "KX", 0x20019 }, { NULL, 0 },
};
static const Word bits[] = {
        { "GA", RIGHT_GENERIC_ALL },
        { "GR", RIGHT_GENERIC_READ },
        { "GW", RIGHT_GENERIC_WRITE },
        { "GX", RIGHT_GENERIC_EXECUTE },
        { "CC", 0x1 },
        { "DC", 0x2 },
        { "LC", 0x4 },
        { "SW", 0x8 },
        { "RP", 0x10 },
        { "WP", 0x20 },
        { "DT", 0x40 },
        { "LO", 0x80 },
        { "CR", 0x100 },
        { "SD", 0x10000 },
        { "RC", 0x20000 },
        { "WD", 0x40000 },
        { "WO", 0x80000 },
        { NULL, 0 },
};
static const Word list_flags[] = {
        /* of the DACL; the SACL's are one bit higher */
        { "P", DESCRIPTOR_DACL_PROTECTED },
        { "AR", DESCRIPTOR_DACL_INHERIT_ASKED },
        { "AI", DESCRIPTOR_DACL_INHERITED },
        { NULL, 0 },
};

/* ---- to text ----------------------------------------------------------------------------------------- */

typedef struct Text {
        char *data;
        size_t size, room;
        bool failed;
} Text;

static void text_done(Text *t) {
        free(t->data);
}

static void put(Text *t, const char *piece) {
        size_t n = strlen(piece);

        if (t->failed)
                return;
        if (t->size + n + 1 > t->room) {
                size_t room = 2 * (t->size + n + 1) + 256;
                char *bigger = room <= 2 * SDDL_TEXT_MAX ? realloc(t->data, room) : NULL;
                if (!bigger) {
                        t->failed = true;
                        return;
                }
                t->data = bigger;
                t->room = room;
        }
        memcpy(t->data + t->size, piece, n + 1);
        t->size += n;
}

static void sid_short(const Sid *sid, const Sid *domain, char to[static SID_TEXT_MAX]) {
        const char *letters = sid_letters(sid, domain);

        if (letters)
                (void)snprintf(to, SID_TEXT_MAX, "%s", letters);
        else
                sid_text(sid, to);
}

static const char *word_of(const Word *words, uint32_t value) {
        for (const Word *w = words; w->text; w++)
                if (w->value == value)
                        return w->text;
        return NULL;
}

static void words_of(const Word *words, uint32_t value, char *to, size_t size) {
        size_t at = 0;

        to[0] = '\0';
        for (const Word *w = words; w->text; w++)
                if (value & w->value && at + 3 <= size)
                        at += (size_t)snprintf(to + at, size - at, "%s", w->text);
}

/* Every bit of @value has a word. */
static bool all_have(const Word *words, uint32_t value) {
        for (const Word *w = words; w->text; w++)
                value &= ~w->value;
        return value == 0;
}

static void mask_text(uint32_t mask, char to[static 40]) {
        const char *whole = word_of(masks, mask);

        if (whole)
                (void)snprintf(to, 40, "%s", whole);
        else if (mask && all_have(bits, mask))
                words_of(bits, mask, to, 40);
        else
                (void)snprintf(to, 40, "0x%x", mask);
}

static void guid_text(const uint8_t g[static 16], char to[static GUID_TEXT_SIZE]) {
        (void)snprintf(to, GUID_TEXT_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                       g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13],
                       g[14], g[15]);
}

/* What an entry holds beyond SDDL's six fields would be lost. */
static bool has_text(const Ace *ace) {
        bool padding_only = true;

        for (size_t i = 0; i < ace->rest.size; i++)
                padding_only &= ace->rest.data[i] == 0;
        return ace->has_sid && word_of(ace_types, ace->type) && padding_only && all_have(ace_flags, ace->flags);
}

void sddl_ace_text(const Ace *ace, const Sid *domain, char to[static SDDL_ACE_TEXT_MAX]) {
        char flags[40], mask[40], object[GUID_TEXT_SIZE] = "", inherited[GUID_TEXT_SIZE] = "", sid[SID_TEXT_MAX];
        const char *type = word_of(ace_types, ace->type);

        if (!has_text(ace)) {
                sid[0] = '\0';
                if (ace->has_sid)
                        sid_short(&ace->sid, domain, sid);
                (void)snprintf(to, SDDL_ACE_TEXT_MAX, "(type %u; conditional;;;;%s)", ace->type, sid);
                return;
        }
        words_of(ace_flags, ace->flags, flags, sizeof flags);
        mask_text(ace->mask, mask);
        if (ace->object_flags & OBJECT_PRESENT)
                guid_text(ace->object, object);
        if (ace->object_flags & INHERITED_OBJECT_PRESENT)
                guid_text(ace->inherited_object, inherited);
        sid_short(&ace->sid, domain, sid);
        (void)snprintf(to, SDDL_ACE_TEXT_MAX, "(%s;%s;%s;%s;%s;%s)", type, flags, mask, object, inherited, sid);
}

static int put_list(Text *t, const char *head, const Acl *acl, uint32_t control, const Sid *domain, Error *err) {
        char text[SDDL_ACE_TEXT_MAX];

        if (!acl->present)
                return 0;
        put(t, head);
        for (const Word *w = list_flags; w->text; w++)
                if (control & w->value)
                        put(t, w->text);
        if (!acl->list_given)
                put(t, "NO_ACCESS_CONTROL");
        for (size_t i = 0; i < acl->count; i++) {
                if (!has_text(&acl->aces[i]))
                        return error_set(
                                err, ERROR_UNSUPPORTED, 0,
                                "entry %zu of the security descriptor has a condition or an unknown type and "
                                "cannot be written as text",
                                i + 1);
                sddl_ace_text(&acl->aces[i], domain, text);
                put(t, text);
        }
        return 0;
}

int sddl_format(const Descriptor *d, const Sid *domain, char **ret, Error *err) {
        auto_(text_done) Text t = { 0 };
        char sid[SID_TEXT_MAX];

        put(&t, "");
        if (d->has_owner) {
                sid_short(&d->owner, domain, sid);
                put(&t, "O:");
                put(&t, sid);
        }
        if (d->has_group) {
                sid_short(&d->group, domain, sid);
                put(&t, "G:");
                put(&t, sid);
        }
        if (put_list(&t, "D:", &d->dacl, d->control, domain, err) < 0 ||
            put_list(&t, "S:", &d->sacl, (uint32_t)d->control >> 1, domain, err) < 0)
                return -1;
        if (t.failed)
                return error_set(err, ERROR_LIMIT, 0, "a security descriptor is too long to be written as text");
        *ret = take_ptr(t.data);
        return 0;
}

/* ---- from text ----------------------------------------------------------------------------------------- */

typedef struct Scan {
        const char *text, *at;
        const Sid *domain;
} Scan;

static int wrong(const Scan *s, const char *what, Error *err) {
        return error_set(err, ERROR_INVALID, 0,
                         "the text of the security descriptor is wrong at character %zu ('%.20s'): "
                         "%s",
                         (size_t)(s->at - s->text) + 1, s->at, what);
}

static void blanks(Scan *s) {
        while (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')
                s->at++;
}

static int scan_sid(Scan *s, const char *text, Sid *ret, Error *err) {
        if (sid_parse(text, ret))
                return 0;
        if (strlen(text) == 2 && sid_from_letters(text, s->domain, ret))
                return 0;
        return wrong(s, "this is no SID and none of SDDL's letters for one", err);
}

/* Words one after another. */
static bool scan_words(const Word *words, const char *text, uint32_t *ret) {
        uint32_t value = 0;

        while (*text) {
                const Word *w = words;
                while (w->text && strncmp(text, w->text, strlen(w->text)) != 0)
                        w++;
                if (!w->text)
                        return false;
                value |= w->value;
                text += strlen(w->text);
        }
        *ret = value;
        return true;
}

static bool scan_mask(const char *text, uint32_t *ret) {
        uint32_t value = 0, word;

        if (isdigit((unsigned char)*text)) {
                char *end;
                unsigned long long number = strtoull(text, &end, 0);
                *ret = (uint32_t)number;
                return *end == '\0' && number <= UINT32_MAX;
        }
        for (; *text; text += 2) {
                char two[3] = { text[0], text[1], '\0' };
                if (!text[1] || (!scan_words(masks, two, &word) && !scan_words(bits, two, &word) &&
                                 !scan_words(registry_masks, two, &word)))
                        return false;
                value |= word;
        }
        *ret = value;
        return true;
}

static bool scan_guid(const char *text, uint8_t to[static 16]) {
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        const char *p = text;

        if (strlen(text) != GUID_TEXT_SIZE - 1)
                return false;
        for (int i = 0; i < 16; i++) {
                if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
                        return false;
                if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
                        return false;
                char two[3] = { p[0], p[1], '\0' };
                to[order[i]] = (uint8_t)strtoul(two, NULL, 16);
                p += 2;
        }
        return true;
}

/* The six fields between ( and ). */
static int scan_fields(Scan *s, char fields[static FIELDS][FIELD_MAX], Error *err) {
        const char *p = s->at + 1;

        for (int i = 0; i < FIELDS; i++) {
                size_t n = strcspn(p, ";()");
                if (n >= FIELD_MAX)
                        return wrong(s, "a field is too long", err);
                if (p[n] != (i == FIELDS - 1 ? ')' : ';'))
                        return wrong(
                                s,
                                "an entry is (type;flags;rights;object;inherited object;SID); conditions are not "
                                "supported",
                                err);
                memcpy(fields[i], p, n);
                fields[i][n] = '\0';
                p += n + 1;
        }
        s->at = p;
        return 0;
}

static int scan_ace(Scan *s, Ace *ret, Error *err) {
        char fields[FIELDS][FIELD_MAX];
        Scan here = *s;
        uint32_t flags;
        Ace ace = { .has_sid = true };

        if (scan_fields(s, fields, err) < 0)
                return -1;
        const Word *type = ace_types;
        while (type->text && strcmp(type->text, fields[0]) != 0)
                type++;
        if (!type->text)
                return wrong(&here, "the type of an entry is A, D, AU, OA, OD, OU, ML or SP", err);
        ace.type = (uint8_t)type->value;
        if (!scan_words(ace_flags, fields[1], &flags) || !scan_mask(fields[2], &ace.mask))
                return wrong(&here, "its flags or rights are unknown", err);
        ace.flags = (uint8_t)flags;
        if (*fields[3])
                ace.object_flags |= OBJECT_PRESENT;
        if (*fields[4])
                ace.object_flags |= INHERITED_OBJECT_PRESENT;
        if ((*fields[3] && !scan_guid(fields[3], ace.object)) ||
            (*fields[4] && !scan_guid(fields[4], ace.inherited_object)) ||
            (ace.object_flags && !ace_is_object(&ace)))
                return wrong(&here, "its object types are wrong", err);
        if (scan_sid(&here, fields[5], &ace.sid, err) < 0)
                return -1;
        *ret = ace;
        return 0;
}

static int scan_aces(Scan *s, Acl *acl, Error *err) {
        size_t room = 0;

        acl->list_given = true;
        for (blanks(s); *s->at == '('; blanks(s)) {
                if (acl->count == DESCRIPTOR_ACES_MAX)
                        return wrong(s, "there are too many entries", err);
                if (acl->count == room) {
                        room = room ? 2 * room : 16;
                        Ace *bigger = reallocarray(acl->aces, room, sizeof *bigger);
                        if (!bigger)
                                return error_oom(err);
                        acl->aces = bigger;
                }
                if (scan_ace(s, &acl->aces[acl->count], err) < 0)
                        return -1;
                acl->count++;
        }
        return 0;
}

static int scan_list(Scan *s, Descriptor *d, bool system, Error *err) {
        Acl *acl = system ? &d->sacl : &d->dacl;
        char flags[20];

        if (acl->present)
                return wrong(s, "there is a second list of one kind", err);
        acl->present = true;
        if (strncmp(s->at, "NO_ACCESS_CONTROL", strlen("NO_ACCESS_CONTROL")) == 0) {
                s->at += strlen("NO_ACCESS_CONTROL");
                return 0;
        }
        size_t n = strspn(s->at, "PARI");
        if (n >= sizeof flags)
                return wrong(s, "the flags of a list are P, AR and AI", err);
        memcpy(flags, s->at, n);
        flags[n] = '\0';
        uint32_t value;
        if (!scan_words(list_flags, flags, &value))
                return wrong(s, "the flags of a list are P, AR and AI", err);
        d->control |= (uint16_t)(system ? value << 1 : value);
        s->at += n;
        if (strncmp(s->at, "NO_ACCESS_CONTROL", strlen("NO_ACCESS_CONTROL")) == 0) {
                s->at += strlen("NO_ACCESS_CONTROL");
                return 0;
        }
        return scan_aces(s, acl, err);
}

/* Up to the next part: SIDs hold no colon, and a part begins with a letter and one. */
static int scan_owner(Scan *s, bool *has, Sid *ret, Error *err) {
        char text[SID_TEXT_MAX];
        size_t n = 0;

        if (*has)
                return wrong(s, "there is a second owner or group", err);
        while (s->at[n] && !isspace((unsigned char)s->at[n]) && s->at[n + 1] != ':')
                n++;
        if (n >= sizeof text)
                return wrong(s, "the SID is too long", err);
        memcpy(text, s->at, n);
        text[n] = '\0';
        if (scan_sid(s, text, ret, err) < 0)
                return -1;
        *has = true;
        s->at += n;
        return 0;
}

static int scan_part(Scan *s, Descriptor *d, Error *err) {
        char part = s->at[0];

        if (!part || s->at[1] != ':')
                return wrong(s, "the parts are O:, G:, D: and S:", err);
        s->at += 2;
        blanks(s);
        switch (part) {
        case 'O':
                return scan_owner(s, &d->has_owner, &d->owner, err);
        case 'G':
                return scan_owner(s, &d->has_group, &d->group, err);
        case 'D':
                return scan_list(s, d, false, err);
        case 'S':
                return scan_list(s, d, true, err);
        default:
                s->at -= 2;
                return wrong(s, "the parts are O:, G:, D: and S:", err);
        }
}

int sddl_parse(const char *text, const Sid *domain, Descriptor *ret, Error *err) {
        auto_(descriptor_done) Descriptor d = { .control = DESCRIPTOR_SELF_RELATIVE };
        Scan s = { text, text, domain };

        if (strnlen(text, SDDL_TEXT_MAX + 1) > SDDL_TEXT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the text of the security descriptor is too long");
        for (blanks(&s); *s.at; blanks(&s))
                if (scan_part(&s, &d, err) < 0)
                        return -1;
        if (d.dacl.present)
                d.control |= DESCRIPTOR_DACL_PRESENT;
        if (d.sacl.present)
                d.control |= DESCRIPTOR_SACL_PRESENT;
        *ret = d;
        d = (Descriptor){ 0 };
        return 0;
}
