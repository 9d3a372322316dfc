#include "smb/share/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum {
        HEADER_SIZE = 20,
        ACL_HEADER_SIZE = 8,
        ACE_HEADER_SIZE = 4,
        ACE_ALIGN = 4,
        ACL_REVISION = 2,
        ACL_REVISION_OBJECTS = 4,
        OBJECT_PRESENT = 1,
        INHERITED_OBJECT_PRESENT = 2,
};

static int damaged(const char *what, Error *err) {
        return error_set(err, ERROR_PROTOCOL, 0, "the file server's security descriptor is damaged: %s", what);
}

void descriptor_done(Descriptor *d) {
        free(d->dacl.aces);
        free(d->sacl.aces);
        free(d->bytes);
        *d = (Descriptor){ 0 };
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool is_known(uint8_t type) {
        return (type <= ACE_AUDIT || (type >= ACE_ALLOW_OBJECT && type <= ACE_AUDIT_OBJECT) ||
                (type >= ACE_ALLOW_CALLBACK && type <= ACE_AUDIT_CALLBACK) || type == ACE_AUDIT_CALLBACK_OBJECT ||
                (type >= ACE_LABEL && type <= ACE_SCOPED_POLICY));
}

/* The body of an entry.  One that does not hold together is kept as bytes: it grants nobody anything, and what it
 * would have said is unknown (access.h). */
static void read_ace_body(Span body, Ace *ace) {
        Reader r = reader_of(body.data, body.size);
        Ace understood = *ace;

        understood.mask = read_u32(&r);
        if (ace_is_object(&understood)) {
                understood.object_flags = (uint8_t)(read_u32(&r) & (OBJECT_PRESENT | INHERITED_OBJECT_PRESENT));
                if (understood.object_flags & OBJECT_PRESENT)
                        read_bytes(&r, understood.object, sizeof understood.object);
                if (understood.object_flags & INHERITED_OBJECT_PRESENT)
                        read_bytes(&r, understood.inherited_object, sizeof understood.inherited_object);
        }
        understood.has_sid = is_known(ace->type) && sid_read(&r, &understood.sid);
        if (!understood.has_sid) {
                ace->rest = body;
                return;
        }
        understood.rest = read_span(&r, reader_left(&r));
        *ace = understood;
}

static int read_acl(const uint8_t *data, size_t size, size_t offset, Acl *acl, Error *err) {
        Reader r = reader_of(data, size);

        read_skip(&r, offset);
        acl->revision = read_u8(&r);
        (void)read_u8(&r);
        size_t acl_size = read_u16(&r), count = read_u16(&r);
        (void)read_u16(&r);
        if (!reader_ok(&r) || acl_size < ACL_HEADER_SIZE || acl_size > size - offset)
                return damaged("an access list reaches beyond its end", err);
        if (count > DESCRIPTOR_ACES_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a security descriptor has %zu entries; up to %d are read",
                                 count, DESCRIPTOR_ACES_MAX);
        if (count > (acl_size - ACL_HEADER_SIZE) / ACE_HEADER_SIZE)
                return damaged("an access list is shorter than its entries", err);
        if (!(acl->aces = calloc(count ? count : 1, sizeof *acl->aces)))
                return error_oom(err);
        Reader list = reader_of(data + offset, acl_size);
        read_skip(&list, ACL_HEADER_SIZE);
        for (; acl->count < count; acl->count++) {
                Ace *ace = &acl->aces[acl->count];
                ace->type = read_u8(&list);
                ace->flags = read_u8(&list);
                size_t ace_size = read_u16(&list);
                /* [MS-DTYP] 2.4.4.1: a multiple of 4; padding it when it is written would change what it says */
                if (!reader_ok(&list) || ace_size < ACE_HEADER_SIZE || ace_size % ACE_ALIGN != 0 ||
                    ace_size - ACE_HEADER_SIZE > reader_left(&list))
                        return damaged("an entry of an access list reaches beyond it", err);
                read_ace_body(read_span(&list, ace_size - ACE_HEADER_SIZE), ace);
        }
        acl->list_given = true;
        return 0;
}

static int read_owner(const uint8_t *data, size_t size, uint32_t offset, bool *has, Sid *ret, Error *err) {
        Reader r = reader_of(data, size);

        if (offset == 0)
                return 0;
        read_skip(&r, offset);
        if (!sid_read(&r, ret))
                return damaged("it names no valid owner", err);
        *has = true;
        return 0;
}

static int decode(Descriptor *d, const uint8_t *data, size_t size, Error *err) {
        Reader r = reader_of(data, size);
        uint8_t revision = read_u8(&r);

        (void)read_u8(&r);
        d->control = read_u16(&r);
        uint32_t owner = read_u32(&r), group = read_u32(&r), sacl = read_u32(&r), dacl = read_u32(&r);
        if (!reader_ok(&r) || revision != 1 || !(d->control & DESCRIPTOR_SELF_RELATIVE))
                return damaged("it has no valid header", err);
        d->dacl.present = (d->control & DESCRIPTOR_DACL_PRESENT) != 0;
        d->sacl.present = (d->control & DESCRIPTOR_SACL_PRESENT) != 0;
        if (read_owner(data, size, owner, &d->has_owner, &d->owner, err) < 0 ||
            read_owner(data, size, group, &d->has_group, &d->group, err) < 0)
                return -1;
        if (d->sacl.present && sacl && read_acl(data, size, sacl, &d->sacl, err) < 0)
                return -1;
        return d->dacl.present && dacl ? read_acl(data, size, dacl, &d->dacl, err) : 0;
}

int descriptor_decode(const uint8_t *data, size_t size, Descriptor *ret, Error *err) {
        auto_(descriptor_done) Descriptor d = { 0 };

        if (size > DESCRIPTOR_BYTES_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a security descriptor has %zu bytes; up to %d are read",
                                 size, DESCRIPTOR_BYTES_MAX);
        if (size < HEADER_SIZE)
                return damaged("it has no valid header", err);
        if (!(d.bytes = malloc(size)))
                return error_oom(err);
        memcpy(d.bytes, data, size);
        if (decode(&d, d.bytes, size, err) < 0)
                return -1;
        *ret = d;
        d = (Descriptor){ 0 };
        return 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void write_ace(Writer *w, const Ace *ace) {
        size_t start = w->at;

        write_u8(w, ace->type);
        write_u8(w, ace->flags);
        write_u16(w, 0);
        if (ace->has_sid) {
                write_u32(w, ace->mask);
                if (ace_is_object(ace)) {
                        write_u32(w, ace->object_flags);
                        if (ace->object_flags & OBJECT_PRESENT)
                                write_bytes(w, ace->object, sizeof ace->object);
                        if (ace->object_flags & INHERITED_OBJECT_PRESENT)
                                write_bytes(w, ace->inherited_object, sizeof ace->inherited_object);
                }
                sid_write(w, &ace->sid);
        }
        write_bytes(w, ace->rest.data, ace->rest.size);
        write_align(w, ACE_ALIGN);
        write_u16_at(w, start + 2, (uint16_t)(w->at - start));
}

/* Returns the offset, 0 for no list. */
static uint32_t write_acl(Writer *w, const Acl *acl) {
        size_t start = w->at;
        bool objects = false;

        if (!acl->present || !acl->list_given)
                return 0;
        for (size_t i = 0; i < acl->count; i++)
                objects |= ace_is_object(&acl->aces[i]);
        write_u8(w, objects ? ACL_REVISION_OBJECTS : ACL_REVISION);
        write_u8(w, 0);
        write_u16(w, 0);
        write_u16(w, (uint16_t)acl->count);
        write_u16(w, 0);
        for (size_t i = 0; i < acl->count; i++)
                write_ace(w, &acl->aces[i]);
        if (w->at - start > UINT16_MAX)
                w->failed = true;
        write_u16_at(w, start + 2, (uint16_t)(w->at - start));
        return (uint32_t)start;
}

static uint32_t write_owner(Writer *w, bool has, const Sid *sid) {
        uint32_t start = (uint32_t)w->at;

        if (!has)
                return 0;
        sid_write(w, sid);
        return start;
}

int descriptor_encode(const Descriptor *d, uint8_t *to, size_t size, size_t *ret_size, Error *err) {
        Writer w = writer_of(to, size);
        uint16_t control = d->control & ~(DESCRIPTOR_DACL_PRESENT | DESCRIPTOR_SACL_PRESENT);

        control |= DESCRIPTOR_SELF_RELATIVE;
        control |= d->dacl.present ? DESCRIPTOR_DACL_PRESENT : 0;
        control |= d->sacl.present ? DESCRIPTOR_SACL_PRESENT : 0;
        write_u8(&w, 1);
        write_u8(&w, 0);
        write_u16(&w, control);
        write_zero(&w, 16);
        uint32_t sacl = write_acl(&w, &d->sacl), dacl = write_acl(&w, &d->dacl);
        uint32_t owner = write_owner(&w, d->has_owner, &d->owner), group = write_owner(&w, d->has_group, &d->group);
        if (!writer_ok(&w) || w.at > DESCRIPTOR_BYTES_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "a security descriptor would have more than %zu bytes; remove "
                                 "entries from it first",
                                 size);
        write_u32_at(&w, 4, owner);
        write_u32_at(&w, 8, group);
        write_u32_at(&w, 12, sacl);
        write_u32_at(&w, 16, dacl);
        *ret_size = w.at;
        return 0;
}

/* ---- changing ------------------------------------------------------------------------------------ */

static bool is_deny(const Ace *a) {
        return a->type == ACE_DENY || a->type == ACE_DENY_OBJECT || a->type == ACE_DENY_CALLBACK ||
               a->type == ACE_DENY_CALLBACK_OBJECT;
}

int descriptor_add(Descriptor *d, const Ace *ace, Error *err) {
        Acl *acl = &d->dacl;
        size_t at = 0;

        if (acl->count >= DESCRIPTOR_ACES_MAX)
                return error_set(err, ERROR_LIMIT, 0,
                                 "the security descriptor has %zu entries already; remove some first", acl->count);
        Ace *bigger = reallocarray(acl->aces, acl->count + 1, sizeof *bigger);
        if (!bigger)
                return error_oom(err);
        acl->aces = bigger;
        while (at < acl->count && !(acl->aces[at].flags & ACE_INHERITED) &&
               (!is_deny(ace) || is_deny(&acl->aces[at])))
                at++;
        memmove(&acl->aces[at + 1], &acl->aces[at], (acl->count - at) * sizeof *ace);
        acl->aces[at] = *ace;
        acl->count++;
        acl->present = acl->list_given = true;
        return 0;
}

void descriptor_remove(Descriptor *d, size_t index) {
        Acl *acl = &d->dacl;

        if (index >= acl->count)
                return;
        memmove(&acl->aces[index], &acl->aces[index + 1], (acl->count - index - 1) * sizeof *acl->aces);
        acl->count--;
}
