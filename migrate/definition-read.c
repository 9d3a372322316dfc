/* definition-read.c — domain XML → VmDefinition; see definition.h
 *
 * A pull parser, no tree.  The path of the current element ("domain/devices/interface/mac") is looked up in one
 * table: a row says where its text or an attribute goes.  What has no row is skipped.
 */
#include "migrate/definition.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"

enum {
        DEPTH_MAX = 16,                 /* libvirt's deepest is 8 */
        NODES_MAX = 8192,
        PATH_MAX_HERE = 512,
        TEXT_MAX_HERE = VM_NOTES_SIZE,
};

typedef struct Parse {
        xmlTextReaderPtr reader;
        VmDefinition d;
        char path[PATH_MAX_HERE];
        size_t length[DEPTH_MAX + 1];   /* of path at each depth */
        char text[TEXT_MAX_HERE];       /* of the current element, when a row wants it */
        size_t text_size;
        bool text_too_long;
        char unit[16];                  /* of <memory> */
        bool is_bridge;                 /* the <interface> we are in is a bridge */
        char at[VM_SLOT_TEXT_SIZE];     /* of the disk or drive we are in; "" when it does not say */
        VmAdapter hints[VM_ADAPTERS_MAX];       /* what the metadata knows of the adapters, by their MAC address */
        unsigned hint_count;
        unsigned nodes;
        uint64_t seen;                  /* one bit per row that may appear once */
        bool is_ours;
} Parse;

typedef int (*Take)(Parse *p, const char *value, Error *err);

static int bad(Error *err, const char *what) {
        return error_set(err, ERROR_PROTOCOL, 0, "the virtual machine definition cannot be read: %s", what);
}

static int copy(char *to, size_t size, const char *value, Error *err) {
        if (strlen(value) >= size)
                return bad(err, "a value is too long");
        (void)memcpy(to, value, strlen(value) + 1);
        return 0;
}

/* Decimal digits only: no sign, no space, no octal. */
static int number(const char *text, uint64_t max, uint64_t *ret, Error *err) {
        uint64_t v = 0;

        if (!*text)
                return bad(err, "a number is missing");
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return bad(err, "a number is not one");
                unsigned digit = (unsigned)(*text - '0');
                if (digit > max || v > (max - digit) / 10)
                        return bad(err, "a number is too large");
                v = v * 10 + digit;
        }
        *ret = v;
        return 0;
}

static int take_name(Parse *p, const char *v, Error *err) { return copy(p->d.name, sizeof p->d.name, v, err); }
static int take_id(Parse *p, const char *v, Error *err) { return copy(p->d.id, sizeof p->d.id, v, err); }
static int take_notes(Parse *p, const char *v, Error *err) { return copy(p->d.notes, sizeof p->d.notes, v, err); }
static int take_folder(Parse *p, const char *v, Error *err) {
        return copy(p->d.folder, sizeof p->d.folder, v, err);
}
static int take_unit(Parse *p, const char *v, Error *err) { return copy(p->unit, sizeof p->unit, v, err); }

static int take_memory(Parse *p, const char *v, Error *err) {
        static const struct { const char *unit; unsigned shift; } units[] = {
                { "", 10 }, { "KiB", 10 }, { "k", 10 }, { "b", 0 }, { "bytes", 0 }, { "MiB", 20 }, { "GiB", 30 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (strcmp(p->unit, units[i].unit) != 0)
                        continue;
                uint64_t n = 0;
                if (number(v, VM_MEMORY_MAX >> units[i].shift, &n, err) < 0)
                        return -1;
                p->d.memory_bytes = n << units[i].shift;
                return 0;
        }
        return bad(err, "the memory has an unknown unit");
}

static int take_processors(Parse *p, const char *v, Error *err) {
        uint64_t n = 0;
        if (number(v, VM_PROCESSORS_MAX, &n, err) < 0)
                return -1;
        p->d.processor_count = (unsigned)n;
        return 0;
}

static int take_generation(Parse *p, const char *v, Error *err) {
        uint64_t n = 0;
        if (number(v, 9, &n, err) < 0)
                return -1;
        p->d.generation = (unsigned)n;
        p->is_ours = true;
        return 0;
}

static int take_version(Parse *p, const char *v, Error *err) {
        if (strcmp(v, DEFINITION_VERSION) != 0)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "the virtual machine has configuration version \"%.16s\", "
                                 "and this version of Holdfast reads %s; update this host",
                                 v, DEFINITION_VERSION);
        return 0;
}

static int take_at(Parse *p, const char *v, Error *err) { return copy(p->at, sizeof p->at, v, err); }

static int place(Parse *p, VmSlot *ret, Error *err) {
        bool ok = vm_slot_parse(p->at, ret);

        p->at[0] = '\0';
        return ok ? 0 : bad(err, "a drive is where no machine has a place for it");
}

/* Definitions of the first version do not say where: IDE locations are filled, then SCSI ones. */
static int take_disk(Parse *p, const char *v, Error *err) {
        unsigned i = p->d.disk_count;

        if (i == VM_DISKS_MAX)
                return bad(err, "it has too many disks");
        if (*p->at) {
                if (place(p, &p->d.disk_slots[i], err) < 0)
                        return -1;
        } else if (!definition_free_slot(&p->d, VM_IDE, -1, &p->d.disk_slots[i]) &&
                   !definition_free_slot(&p->d, VM_SCSI, -1, &p->d.disk_slots[i]))
                return bad(err, "it has too many disks");
        p->d.disk_count++;
        return copy(p->d.disks[i], DISK_UNC_MAX, v, err);
}

static int take_dvd(Parse *p, const char *v, Error *err) {
        if (p->d.dvd_count == VM_DVDS_MAX)
                return bad(err, "it has too many DVD drives");
        VmDvd *dvd = &p->d.dvds[p->d.dvd_count++];
        if (place(p, &dvd->slot, err) < 0)
                return -1;
        return copy(dvd->path, sizeof dvd->path, v, err);
}

static int take_hint(Parse *p, const char *v, Error *err) {
        if (p->hint_count == VM_ADAPTERS_MAX)
                return bad(err, "it has too many network adapters");
        return copy(p->hints[p->hint_count++].mac, VM_MAC_SIZE, v, err);
}

/* Of the element that take_hint() has begun: its row comes first. */
static VmAdapter *hint(Parse *p) { return p->hint_count ? &p->hints[p->hint_count - 1] : NULL; }

static int take_hint_name(Parse *p, const char *v, Error *err) {
        return hint(p) ? copy(hint(p)->name, VM_ADAPTER_NAME_SIZE, v, err) : bad(err, "an adapter has no address");
}

static int take_hint_slot(Parse *p, const char *v, Error *err) {
        uint64_t n = 0;

        if (!hint(p) || number(v, VM_ADAPTERS_MAX - 1, &n, err) < 0)
                return bad(err, "an adapter is in no place");
        hint(p)->slot = (unsigned)n;
        return 0;
}

static int take_hint_static(Parse *p, const char *v, Error *err) {
        if (!hint(p))
                return bad(err, "an adapter has no address");
        hint(p)->static_mac = strcmp(v, "yes") == 0;
        return 0;
}

static int take_unsigned(const char *v, uint64_t max, unsigned *ret, Error *err) {
        uint64_t n = 0;
        if (number(v, max, &n, err) < 0)
                return -1;
        *ret = (unsigned)n;
        return 0;
}

static int take_threads(Parse *p, const char *v, Error *err) {
        return take_unsigned(v, VM_PROCESSORS_MAX, &p->d.threads_per_core, err);
}
static int take_weight(Parse *p, const char *v, Error *err) {
        return take_unsigned(v, 10000, &p->d.processor_weight, err);
}
static int take_maximum(Parse *p, const char *v, Error *err) {
        return take_unsigned(v, 100, &p->d.processor_maximum, err);
}

static int take_saved(Parse *p, const char *v, Error *err) {
        (void)v, (void)err;
        p->d.saved = true;
        return 0;
}

static int take_boot(Parse *p, const char *v, Error *err) {
        if (p->d.boot_count == VM_BOOT_MAX)
                return bad(err, "it has too many devices to boot from");
        return copy(p->d.boot[p->d.boot_count++], DISK_ID_SIZE, v, err);
}

static int take_interface(Parse *p, const char *v, Error *err) {
        p->is_bridge = strcmp(v, "bridge") == 0;
        if (!p->is_bridge)
                return 0;
        if (p->d.adapter_count == VM_ADAPTERS_MAX)
                return bad(err, "it has too many network adapters");
        p->d.adapter_count++;
        return 0;
}

static int take_bridge(Parse *p, const char *v, Error *err) {
        if (!p->is_bridge)
                return 0;
        return copy(p->d.adapters[p->d.adapter_count - 1].switch_name, VM_SWITCH_SIZE,
                    strcmp(v, VM_SWITCH_NONE) == 0 ? "" : v, err);
}

static int take_mac(Parse *p, const char *v, Error *err) {
        if (!p->is_bridge)
                return 0;
        return copy(p->d.adapters[p->d.adapter_count - 1].mac, VM_MAC_SIZE, v, err);
}

/* "hf:" stands for our namespace, "" for none.  Attributes of an element come before its text. */
static const struct {
        const char *path, *attribute;   /* attribute NULL: the element's text */
        bool once;
        Take take;
} rows[] = {
        { "domain/name", NULL, true, take_name },
        { "domain/uuid", NULL, true, take_id },
        { "domain/description", NULL, true, take_notes },
        { "domain/memory", "unit", false, take_unit },
        { "domain/memory", NULL, true, take_memory },
        { "domain/vcpu", NULL, true, take_processors },
        { "domain/metadata/hf:vm", "generation", true, take_generation },
        { "domain/metadata/hf:vm", "version", true, take_version },
        { "domain/metadata/hf:vm/hf:folder", NULL, true, take_folder },
        { "domain/metadata/hf:vm/hf:disk", NULL, false, take_disk },
        { "domain/metadata/hf:vm/hf:boot", NULL, false, take_boot },
        { "domain/metadata/hf:vm/hf:saved", NULL, true, take_saved },
        { "domain/metadata/hf:vm/hf:processor", "threads", true, take_threads },
        { "domain/metadata/hf:vm/hf:processor", "weight", true, take_weight },
        { "domain/metadata/hf:vm/hf:processor", "maximum", true, take_maximum },
        { "domain/metadata/hf:vm/hf:disk", "at", false, take_at },
        { "domain/metadata/hf:vm/hf:dvd", "at", false, take_at },
        { "domain/metadata/hf:vm/hf:dvd", NULL, false, take_dvd },
        { "domain/metadata/hf:vm/hf:adapter", "mac", false, take_hint },
        { "domain/metadata/hf:vm/hf:adapter", "name", false, take_hint_name },
        { "domain/metadata/hf:vm/hf:adapter", "slot", false, take_hint_slot },
        { "domain/metadata/hf:vm/hf:adapter", "static", false, take_hint_static },
        { "domain/devices/interface", "type", false, take_interface },
        { "domain/devices/interface/source", "bridge", false, take_bridge },
        { "domain/devices/interface/mac", "address", false, take_mac },
};
_Static_assert(ARRAY_SIZE(rows) <= 64, "Parse.seen has a bit per row");

static int use_row(Parse *p, size_t i, const char *value, Error *err) {
        if (rows[i].once && p->seen & 1ULL << i)
                return bad(err, "a value is there twice");
        p->seen |= 1ULL << i;
        return rows[i].take(p, value, err);
}

static bool wants_text(const Parse *p) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!rows[i].attribute && strcmp(rows[i].path, p->path) == 0)
                        return true;
        return false;
}

/* Depth 0 is the root element. */
static int enter(Parse *p, size_t depth, Error *err) {
        const char *space = (const char *)xmlTextReaderConstNamespaceUri(p->reader);
        const char *local = (const char *)xmlTextReaderConstLocalName(p->reader);
        const char *mark = !space ? "" : strcmp(space, DEFINITION_NAMESPACE) == 0 ? "hf:" : "other:";
        size_t at = depth == 0 ? 0 : p->length[depth - 1];

        int n = snprintf(p->path + at, sizeof p->path - at, "%s%s%s", depth ? "/" : "", mark, local ? local : "");
        if (n < 0 || (size_t)n >= sizeof p->path - at)
                return bad(err, "its element names are too long");
        p->length[depth] = at + (size_t)n;
        if (depth == 0 && strcmp(p->path, "domain") != 0)
                return bad(err, "it is no domain XML");
        p->text_size = 0;
        p->text_too_long = false;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (!rows[i].attribute || strcmp(rows[i].path, p->path) != 0)
                        continue;
                xmlChar *value = xmlTextReaderGetAttribute(p->reader, (const xmlChar *)rows[i].attribute);
                if (!value)
                        continue;
                int r = use_row(p, i, (const char *)value, err);
                xmlFree(value);
                if (r < 0)
                        return -1;
        }
        return 0;
}

static int leave(Parse *p, size_t depth, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (rows[i].attribute || strcmp(rows[i].path, p->path) != 0)
                        continue;
                if (p->text_too_long)
                        return bad(err, "a value is too long");
                p->text[p->text_size] = '\0';
                if (use_row(p, i, p->text, err) < 0)
                        return -1;
        }
        p->path[depth == 0 ? 0 : p->length[depth - 1]] = '\0';
        p->text_size = 0;
        return 0;
}

static void add_text(Parse *p) {
        const char *text = (const char *)xmlTextReaderConstValue(p->reader);
        size_t size = text ? strlen(text) : 0;

        if (!wants_text(p))
                return;
        if (size >= sizeof p->text - p->text_size) {
                p->text_too_long = true;
                return;
        }
        (void)memcpy(p->text + p->text_size, text ? text : "", size);
        p->text_size += size;
}

static int one_node(Parse *p, Error *err) {
        int depth = xmlTextReaderDepth(p->reader);

        if (++p->nodes > NODES_MAX || depth < 0 || depth > DEPTH_MAX)
                return bad(err, "it is too deep or has too many elements");
        switch (xmlTextReaderNodeType(p->reader)) {
        case XML_READER_TYPE_ELEMENT: {
                bool empty = xmlTextReaderIsEmptyElement(p->reader) == 1;
                if (depth == DEPTH_MAX)
                        return bad(err, "it is too deep");
                if (enter(p, (size_t)depth, err) < 0)
                        return -1;
                return empty ? leave(p, (size_t)depth, err) : 0;
        }
        case XML_READER_TYPE_END_ELEMENT:
                return leave(p, (size_t)depth, err);
        case XML_READER_TYPE_TEXT:
        case XML_READER_TYPE_CDATA:
        case XML_READER_TYPE_WHITESPACE:
        case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
                add_text(p);
                return 0;
        case XML_READER_TYPE_COMMENT:
                return 0;
        default:        /* a document type, an entity, a processing instruction: nothing we or libvirt write */
                return bad(err, "it holds a document type, an entity or a processing instruction");
        }
}

/* An adapter that the metadata does not know gets the default name and the first free place. */
static void name_adapters(Parse *p) {
        bool taken[VM_ADAPTERS_MAX] = { false };

        for (unsigned i = 0; i < p->d.adapter_count; i++)
                for (unsigned j = 0; j < p->hint_count; j++) {
                        VmAdapter *a = &p->d.adapters[i];
                        const VmAdapter *known = &p->hints[j];
                        if (*a->name || strcmp(a->mac, known->mac) != 0 || taken[known->slot])
                                continue;
                        (void)memcpy(a->name, known->name, sizeof a->name);
                        a->static_mac = known->static_mac;
                        a->slot = known->slot;
                        taken[a->slot] = true;
                }
        for (unsigned i = 0; i < p->d.adapter_count; i++) {
                VmAdapter *a = &p->d.adapters[i];
                if (*a->name)
                        continue;
                (void)strcpy(a->name, VM_ADAPTER_NAME);
                while (taken[a->slot])
                        a->slot++;
                taken[a->slot] = true;
        }
}

/* Windows and Unix editors end lines differently; XML hands us \n.  A \r that was written as &#13; stays out. */
static int finish(Parse *p, VmDefinition *ret, Error *err) {
        if (!p->is_ours)
                return bad(err, "it is no virtual machine of Holdfast (its metadata is missing)");
        for (char *c = p->d.id; *c; c++)
                if (*c >= 'A' && *c <= 'F')
                        *c = (char)(*c + ('a' - 'A'));
        name_adapters(p);
        Error why = { 0 };
        if (definition_check(&p->d, &why) < 0)
                return error_set(err, why.kind == ERROR_UNSUPPORTED ? ERROR_UNSUPPORTED : ERROR_PROTOCOL, 0,
                                 "the virtual machine definition cannot be used: %s", why.text);
        *ret = p->d;
        return 0;
}

static void reader_freep(xmlTextReaderPtr *reader) {
        if (*reader)
                xmlFreeTextReader(*reader);
}

int definition_read(const char *xml, size_t size, VmDefinition *ret, Error *err) {
        if (size > VM_DEFINITION_MAX)
                return bad(err, "it is larger than 256 KB");
        /* libxml2 would believe a byte order mark or a declaration; we only read what we write. */
        if (!text_is_utf8(xml, size) || memchr(xml, '\0', size))
                return bad(err, "it is not UTF-8");
        if (memmem(xml, size, "<!DOCTYPE", 9))
                return bad(err, "it holds a document type");

        auto_free Parse *p = calloc(1, sizeof *p);
        if (!p)
                return error_oom(err);
        auto_(reader_freep) xmlTextReaderPtr reader = xmlReaderForMemory(
                xml, (int)size, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!reader)
                return error_oom(err);
        p->reader = reader;
        int r;
        while ((r = xmlTextReaderRead(reader)) == 1)
                if (one_node(p, err) < 0)
                        return -1;
        if (r != 0)
                return bad(err, "it is not well-formed XML");
        return finish(p, ret, err);
}
