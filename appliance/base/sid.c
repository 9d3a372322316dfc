#include "appliance/base/sid.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum { REVISION = 1, AUTHORITY_MAX_DECIMAL_BITS = 32 };

#define SID_1(a, x) { .authority = (a), .parts = { (x) }, .count = 1 }
#define SID_2(a, x, y) { .authority = (a), .parts = { (x), (y) }, .count = 2 }

const Sid sid_everyone = SID_1(1, 0), sid_creator_owner = SID_1(3, 0), sid_owner_rights = SID_1(3, 4),
          sid_network = SID_1(5, 2), sid_authenticated_users = SID_1(5, 11),
          sid_this_organization = SID_1(5, 15), sid_asserted = SID_1(18, 1),
          sid_administrators = SID_2(5, 32, 544), sid_users = SID_2(5, 32, 545);

/* [MS-DTYP] 2.4.2.4 and 2.5.1.1.  Letters "" where SDDL has none. */
static const struct { char letters[3]; const char *name; Sid sid; } known[] = {
        { "WD", "Everyone", SID_1(1, 0) },
        { "CO", "CREATOR OWNER", SID_1(3, 0) },
        { "CG", "CREATOR GROUP", SID_1(3, 1) },
        { "OW", "OWNER RIGHTS", SID_1(3, 4) },
        { "NU", "NT AUTHORITY\\NETWORK", SID_1(5, 2) },
        { "IU", "NT AUTHORITY\\INTERACTIVE", SID_1(5, 4) },
        { "SU", "NT AUTHORITY\\SERVICE", SID_1(5, 6) },
        { "AN", "NT AUTHORITY\\ANONYMOUS LOGON", SID_1(5, 7) },
        { "ED", "NT AUTHORITY\\ENTERPRISE DOMAIN CONTROLLERS", SID_1(5, 9) },
        { "PS", "NT AUTHORITY\\SELF", SID_1(5, 10) },
        { "AU", "NT AUTHORITY\\Authenticated Users", SID_1(5, 11) },
        { "RC", "NT AUTHORITY\\RESTRICTED", SID_1(5, 12) },
        { "", "NT AUTHORITY\\This Organization", SID_1(5, 15) },
        { "SY", "NT AUTHORITY\\SYSTEM", SID_1(5, 18) },
        { "LS", "NT AUTHORITY\\LOCAL SERVICE", SID_1(5, 19) },
        { "NS", "NT AUTHORITY\\NETWORK SERVICE", SID_1(5, 20) },
        { "WR", "NT AUTHORITY\\WRITE RESTRICTED", SID_1(5, 33) },
        { "BA", "BUILTIN\\Administrators", SID_2(5, 32, 544) },
        { "BU", "BUILTIN\\Users", SID_2(5, 32, 545) },
        { "BG", "BUILTIN\\Guests", SID_2(5, 32, 546) },
        { "PU", "BUILTIN\\Power Users", SID_2(5, 32, 547) },
        { "AO", "BUILTIN\\Account Operators", SID_2(5, 32, 548) },
        { "SO", "BUILTIN\\Server Operators", SID_2(5, 32, 549) },
        { "PO", "BUILTIN\\Print Operators", SID_2(5, 32, 550) },
        { "BO", "BUILTIN\\Backup Operators", SID_2(5, 32, 551) },
        { "RE", "BUILTIN\\Replicator", SID_2(5, 32, 552) },
        { "RU", "BUILTIN\\Pre-Windows 2000 Compatible Access", SID_2(5, 32, 554) },
        { "RD", "BUILTIN\\Remote Desktop Users", SID_2(5, 32, 555) },
        { "NO", "BUILTIN\\Network Configuration Operators", SID_2(5, 32, 556) },
        { "HA", "BUILTIN\\Hyper-V Administrators", SID_2(5, 32, 578) },
        { "", "Authentication authority asserted identity", SID_1(18, 1) },
        { "LW", "Low Mandatory Level", SID_1(16, 4096) },
        { "ME", "Medium Mandatory Level", SID_1(16, 8192) },
        { "HI", "High Mandatory Level", SID_1(16, 12288) },
        { "SI", "System Mandatory Level", SID_1(16, 16384) },
};

static const struct { char letters[3]; uint32_t rid; } domain_known[] = {
        { "RO", 498 }, { "LA", 500 }, { "LG", 501 }, { "DA", 512 }, { "DU", 513 }, { "DG", 514 }, { "DC", 515 },
        { "DD", 516 }, { "CA", 517 }, { "SA", 518 }, { "EA", 519 }, { "PA", 520 }, { "RS", 553 },
};

bool sid_read(Reader *r, Sid *ret) {
        Sid sid = { 0 };
        uint8_t revision = read_u8(r);

        sid.count = read_u8(r);
        for (int i = 0; i < 6; i++)
                sid.authority = sid.authority << 8 | read_u8(r);
        if (revision != REVISION || sid.count > SID_PARTS_MAX)
                return false;
        for (uint8_t i = 0; i < sid.count; i++)
                sid.parts[i] = read_u32(r);
        if (!reader_ok(r))
                return false;
        *ret = sid;
        return true;
}

void sid_write(Writer *w, const Sid *sid) {
        write_u8(w, REVISION);
        write_u8(w, sid->count);
        for (int shift = 40; shift >= 0; shift -= 8)
                write_u8(w, (uint8_t)(sid->authority >> shift));
        for (uint8_t i = 0; i < sid->count; i++)
                write_u32(w, sid->parts[i]);
}

bool sid_equal(const Sid *a, const Sid *b) {
        return a->authority == b->authority && a->count == b->count &&
               memcmp(a->parts, b->parts, a->count * sizeof a->parts[0]) == 0;
}

void sid_text(const Sid *sid, char to[static SID_TEXT_MAX]) {
        bool decimal = sid->authority >> AUTHORITY_MAX_DECIMAL_BITS == 0;
        int n = snprintf(to, SID_TEXT_MAX, decimal ? "S-1-%llu" : "S-1-0x%012llX",
                         (unsigned long long)sid->authority);

        for (uint8_t i = 0; i < sid->count; i++)
                n += snprintf(to + n, SID_TEXT_MAX - (size_t)n, "-%u", sid->parts[i]);
}

/* Digits at *p up to @max; moves *p behind them. */
static bool number(const char **p, bool hexadecimal, uint64_t max, uint64_t *ret) {
        static const char digits[] = "0123456789abcdefABCDEF";
        uint64_t value = 0, base = hexadecimal ? 16 : 10;
        const char *from = *p;

        for (const char *d; **p && (d = strchr(digits, **p)); (*p)++) {
                uint64_t digit = (uint64_t)(d - digits);
                digit = digit > 15 ? digit - 6 : digit;
                if (digit >= base)
                        break;
                value = value * base + digit;
                if (value > max)
                        return false;
        }
        *ret = value;
        return *p > from;
}

bool sid_parse(const char *text, Sid *ret) {
        const char *p = text;
        Sid sid = { 0 };
        uint64_t part;

        if ((p[0] != 'S' && p[0] != 's') || strncmp(p + 1, "-1-", 3) != 0)
                return false;
        p += 4;
        bool hexadecimal = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
        p += hexadecimal ? 2 : 0;
        if (!number(&p, hexadecimal, (1ULL << 48) - 1, &sid.authority))
                return false;
        for (; *p; sid.count++) {
                if (sid.count == SID_PARTS_MAX || *p++ != '-' || !number(&p, false, UINT32_MAX, &part))
                        return false;
                sid.parts[sid.count] = (uint32_t)part;
        }
        *ret = sid;
        return true;
}

bool sid_split(const Sid *sid, Sid *ret_domain, uint32_t *ret_rid) {
        if (sid->authority != 5 || sid->count != 5 || sid->parts[0] != 21)
                return false;
        *ret_rid = sid->parts[4];
        *ret_domain = *sid;
        ret_domain->count = 4;
        ret_domain->parts[4] = 0;
        return true;
}

Sid sid_in_domain(const Sid *domain, uint32_t rid) {
        Sid sid = *domain;

        if (sid.count < SID_PARTS_MAX)
                sid.parts[sid.count++] = rid;
        return sid;
}

const char *sid_well_known_name(const Sid *sid) {
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (sid_equal(&known[i].sid, sid))
                        return known[i].name;
        return NULL;
}

const char *sid_letters(const Sid *sid, const Sid *domain) {
        Sid its_domain;
        uint32_t rid;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].letters[0] && sid_equal(&known[i].sid, sid))
                        return known[i].letters;
        if (!domain || !sid_split(sid, &its_domain, &rid) || !sid_equal(&its_domain, domain))
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(domain_known); i++)
                if (domain_known[i].rid == rid)
                        return domain_known[i].letters;
        return NULL;
}

bool sid_from_letters(const char letters[static 2], const Sid *domain, Sid *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].letters[0] && memcmp(known[i].letters, letters, 2) == 0) {
                        *ret = known[i].sid;
                        return true;
                }
        for (size_t i = 0; domain && i < ARRAY_SIZE(domain_known); i++)
                if (memcmp(domain_known[i].letters, letters, 2) == 0) {
                        *ret = sid_in_domain(domain, domain_known[i].rid);
                        return true;
                }
        return false;
}
