#include "auth/pac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/bytes.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum {
        NDR_LITTLE_ENDIAN = 0x10,       /* [MS-RPCE] 2.2.6.1 */
        NDR_HEADERS_SIZE = 16,          /* common and private type header */
        STRING_BYTES_MAX = 510,         /* 255 UTF-16 units of one name */
        SE_GROUP_ENABLED = 0x4,         /* [MS-PAC] 2.2.1 */
        SE_GROUP_USE_FOR_DENY_ONLY = 0x10,
};

/* ---- NDR --------------------------------------------------------------------------------------------- */

static void align(Reader *r) {
        size_t over = r->at % 4;
        if (over)
                read_skip(r, 4 - over);
}

typedef struct NdrString { uint16_t bytes; bool there; } NdrString;

static NdrString string_head(Reader *r) {
        NdrString s = { .bytes = read_u16(r) };
        (void)read_u16(r);
        s.there = read_u32(r) != 0;
        return s;
}

/* A conformant varying array of UTF-16; @to NULL: skipped. */
static void string_body(Reader *r, NdrString head, char *to) {
        Error ignored = { 0 };

        if (!head.there)
                return;
        align(r);
        uint32_t max = read_u32(r), offset = read_u32(r), actual = read_u32(r);
        if (offset != 0 || actual > max || actual != head.bytes / 2U || head.bytes % 2) {
                r->failed = true;
                return;
        }
        Span text = read_span(r, head.bytes);
        if (r->failed || !to)
                return;
        if (head.bytes > STRING_BYTES_MAX || text_from_utf16(text.data, text.size, to, PAC_NAME_MAX, &ignored) < 0)
                r->failed = true;
}

static void sid_body(Reader *r, Sid *sid) {
        align(r);
        uint32_t count = read_u32(r);
        /* one place is left for the RID */
        if (!sid_read(r, sid) || sid->count != count || count >= SID_PARTS_MAX)
                r->failed = true;
}

static bool counts(uint32_t attributes) {
        return (attributes & SE_GROUP_ENABLED) && !(attributes & SE_GROUP_USE_FOR_DENY_ONLY);
}

typedef struct Info {                   /* the fixed part */
        NdrString user, full, script, profile, home, drive, server, domain;
        uint32_t rid, group_count, extra_count, resource_count;
        bool groups, domain_sid, extra, resource_sid, resources;
} Info;

static Info fixed_part(Reader *r) {
        Info i = { 0 };
        read_skip(r, 6 * 8);            /* times */
        i.user = string_head(r);
        i.full = string_head(r);
        i.script = string_head(r);
        i.profile = string_head(r);
        i.home = string_head(r);
        i.drive = string_head(r);
        read_skip(r, 2 * 2);            /* counters */
        i.rid = read_u32(r);
        read_skip(r, 4);                /* the primary group is among the groups */
        i.group_count = read_u32(r);
        i.groups = read_u32(r) != 0;
        read_skip(r, 4 + 16);           /* flags, session key */
        i.server = string_head(r);
        i.domain = string_head(r);
        i.domain_sid = read_u32(r) != 0;
        read_skip(r, 8 + 4 + 4 + 8 + 8 + 4 + 4);        /* control, failed logons, reserved */
        i.extra_count = read_u32(r);
        i.extra = read_u32(r) != 0;
        i.resource_sid = read_u32(r) != 0;
        i.resource_count = read_u32(r);
        i.resources = read_u32(r) != 0;
        return i;
}

/* GROUP_MEMBERSHIP[]: a RID and attributes each; they stand before the SID of their domain does. */
static Span rids(Reader *r, bool there, uint32_t count) {
        if (!there)
                return (Span){ 0 };
        align(r);
        if (read_u32(r) != count)
                r->failed = true;
        return read_span(r, 8 * (size_t)count);
}

static void add_rids(PacLogon *logon, Span list, const Sid *domain) {
        Reader r = reader_of(list.data, list.size);
        while (reader_left(&r) > 0) {
                uint32_t rid = read_u32(&r), attributes = read_u32(&r);
                if (counts(attributes) && domain->count > 0)
                        logon->groups[logon->group_count++] = sid_in_domain(domain, rid);
        }
}

static void add_extra(Reader *r, PacLogon *logon, uint32_t count) {
        align(r);
        if (read_u32(r) != count)
                r->failed = true;
        Span heads = read_span(r, 8 * (size_t)count);
        Reader head = reader_of(heads.data, heads.size);
        for (uint32_t i = 0; i < count && !r->failed; i++) {
                Sid sid = { 0 };
                bool there = read_u32(&head) != 0;
                uint32_t attributes = read_u32(&head);
                if (!there)
                        continue;
                sid_body(r, &sid);
                if (!r->failed && counts(attributes))
                        logon->groups[logon->group_count++] = sid;
        }
}

static int variable_part(Reader *r, const Info *i, PacLogon *logon, Error *err) {
        Sid domain = { 0 }, resource = { 0 };

        string_body(r, i->user, logon->user);
        string_body(r, i->full, NULL);
        string_body(r, i->script, NULL);
        string_body(r, i->profile, NULL);
        string_body(r, i->home, NULL);
        string_body(r, i->drive, NULL);
        Span own = rids(r, i->groups, i->group_count);
        string_body(r, i->server, NULL);
        string_body(r, i->domain, logon->domain);
        if (i->domain_sid)
                sid_body(r, &domain);
        if (r->failed || !i->domain_sid || !logon->user[0])
                return error_set(err, ERROR_PROTOCOL, 0, "the ticket does not say which account it is for");
        logon->sid = sid_in_domain(&domain, i->rid);    /* sid_body() left a place */
        add_rids(logon, own, &domain);
        if (i->extra)
                add_extra(r, logon, i->extra_count);
        if (i->resource_sid)
                sid_body(r, &resource);
        add_rids(logon, rids(r, i->resources, i->resource_count), &resource);
        return r->failed ? error_set(err, ERROR_PROTOCOL, 0, "the list of groups in the ticket is damaged") : 0;
}

int pac_logon_decode(const void *data, size_t size, PacLogon **ret, Error *err) {
        Reader r = reader_of(data, size);
        auto_free PacLogon *logon = NULL;

        uint8_t version = read_u8(&r), order = read_u8(&r);
        read_skip(&r, NDR_HEADERS_SIZE - 2);
        bool there = read_u32(&r) != 0;
        Info info = fixed_part(&r);
        if (r.failed || version != 1 || order != NDR_LITTLE_ENDIAN || !there)
                return error_set(err, ERROR_PROTOCOL, 0, "the ticket holds no logon information that can be read");
        uint64_t most = (uint64_t)info.group_count + info.extra_count + info.resource_count;
        if (most > PAC_GROUPS_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the account is in %llu groups; at most %d can be judged",
                                 (unsigned long long)most, PAC_GROUPS_MAX);
        logon = calloc(1, sizeof *logon + (size_t)most * sizeof logon->groups[0]);
        if (!logon)
                return error_oom(err);
        if (variable_part(&r, &info, logon, err) < 0)
                return -1;
        *ret = take_ptr(logon);
        return 0;
}
