/* descriptor.h — a security descriptor: who owns a file or share, and who may do what ([MS-DTYP] 2.4.6)
 *
 * Bytes of the wire ↔ a value.  Pure; no socket, no name.  What is not understood is kept, not guessed: entries of
 * unknown or conditional types stay as they came, so that a descriptor that is read and written again says the
 * same.
 */
#pragma once

#include "appliance/base/sid.h"

enum {
        DESCRIPTOR_BYTES_MAX = 65536,   /* [MS-DTYP] 2.4.5: an ACL has 16 bits of size; larger ones are refused */
        DESCRIPTOR_ACES_MAX = 2048,     /* per list; 64 KiB hold no more of the shortest useful entries */
};

enum {  /* Control, [MS-DTYP] 2.4.6; the numbers are the wire's */
        DESCRIPTOR_OWNER_DEFAULTED = 0x1, DESCRIPTOR_GROUP_DEFAULTED = 0x2, DESCRIPTOR_DACL_PRESENT = 0x4,
        DESCRIPTOR_DACL_DEFAULTED = 0x8, DESCRIPTOR_SACL_PRESENT = 0x10, DESCRIPTOR_SACL_DEFAULTED = 0x20,
        DESCRIPTOR_DACL_INHERIT_ASKED = 0x100, DESCRIPTOR_SACL_INHERIT_ASKED = 0x200,
        DESCRIPTOR_DACL_INHERITED = 0x400, DESCRIPTOR_SACL_INHERITED = 0x800, DESCRIPTOR_DACL_PROTECTED = 0x1000,
        DESCRIPTOR_SACL_PROTECTED = 0x2000, DESCRIPTOR_SELF_RELATIVE = 0x8000,
};

enum {  /* AceType, [MS-DTYP] 2.4.4.1 */
        ACE_ALLOW = 0x0, ACE_DENY = 0x1, ACE_AUDIT = 0x2, ACE_ALLOW_OBJECT = 0x5, ACE_DENY_OBJECT = 0x6,
        ACE_AUDIT_OBJECT = 0x7, ACE_ALLOW_CALLBACK = 0x9, ACE_DENY_CALLBACK = 0xA, ACE_ALLOW_CALLBACK_OBJECT = 0xB,
        ACE_DENY_CALLBACK_OBJECT = 0xC, ACE_AUDIT_CALLBACK = 0xD, ACE_AUDIT_CALLBACK_OBJECT = 0xF, ACE_LABEL = 0x11,
        ACE_RESOURCE = 0x12, ACE_SCOPED_POLICY = 0x13,
};
enum {  /* AceFlags */
        ACE_OBJECT_INHERIT = 0x1, ACE_CONTAINER_INHERIT = 0x2, ACE_NO_PROPAGATE = 0x4, ACE_INHERIT_ONLY = 0x8,
        ACE_INHERITED = 0x10, ACE_AUDIT_SUCCESS = 0x40, ACE_AUDIT_FAILURE = 0x80,
};

typedef struct Ace {
        uint8_t type, flags;
        bool has_sid;                   /* mask and sid were understood; false: only the raw bytes */
        uint32_t mask;
        Sid sid;
        uint8_t object_flags;           /* of the object types: 1 object, 2 inherited object below */
        uint8_t object[16], inherited_object[16];
        Span rest;                      /* condition or attribute; without has_sid all.  Into Descriptor.bytes */
} Ace;

typedef struct Acl {
        bool present;                   /* absent and `present && !list_given` both mean: nothing is refused */
        bool list_given;                /* false: a NULL list */
        uint8_t revision;               /* 2, or 4 with object entries */
        Ace *aces;
        size_t count;
} Acl;

typedef struct Descriptor {
        uint16_t control;
        bool has_owner, has_group;
        Sid owner, group;
        Acl dacl, sacl;
        uint8_t *bytes;                 /* what Ace.rest points into; owned; may be NULL */
} Descriptor;

/* Self-relative bytes → *ret, which the caller ends with descriptor_done().  Copies what it keeps.
 * ERROR_PROTOCOL: it is no descriptor; ERROR_LIMIT: larger than the bounds above. */
int descriptor_decode(const uint8_t *data, size_t size, Descriptor *ret, Error *err) FAILS;
void descriptor_done(Descriptor *d);    /* fine on a zeroed one */

/* Self-relative bytes into @to; *ret_size of them.  Without owner, group or list the field stays empty, as SET_INFO
 * of a part wants it.  ERROR_LIMIT when @size is too small. */
int descriptor_encode(const Descriptor *d, uint8_t *to, size_t size, size_t *ret_size, Error *err) FAILS;

/* Puts @ace where the order of [MS-DTYP] 2.4.5 wants it: explicit deny, explicit allow, inherited.  Only for lists
 * that are given.  ERROR_LIMIT. */
int descriptor_add(Descriptor *d, const Ace *ace, Error *err) FAILS;
void descriptor_remove(Descriptor *d, size_t index);

static inline bool ace_is_object(const Ace *a) {
        return a->type == ACE_ALLOW_OBJECT || a->type == ACE_DENY_OBJECT || a->type == ACE_AUDIT_OBJECT ||
               a->type == ACE_ALLOW_CALLBACK_OBJECT || a->type == ACE_DENY_CALLBACK_OBJECT ||
               a->type == ACE_AUDIT_CALLBACK_OBJECT;
}
