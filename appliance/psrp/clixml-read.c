#include "appliance/psrp/clixml-read.h"

#include <libxml/parser.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/psrp/clixml-scalar.h"

enum { REFERENCES_MAX = 65536, TYPES_MAX = 4096 };

typedef enum FrameKind {
        FRAME_ROOT,
        FRAME_OBJ,
        FRAME_PROPERTIES, /* Props, MS: into the OBJ below */
        FRAME_LIST,       /* LST, IE, STK, QUE, Objs */
        FRAME_DICTIONARY,
        FRAME_ENTRY, /* En */
        FRAME_TYPES, /* TN */
        FRAME_TYPE,  /* T */
        FRAME_TEXT,  /* ToString */
        FRAME_SCALAR,
        FRAME_NIL, /* Nil, Ref, TNRef: empty elements */
} FrameKind;

typedef struct Cost {
        size_t values, text;
} Cost;

typedef struct Frame {
        FrameKind kind;
        const ClixmlScalar *scalar;
        char *name; /* N */
        long id;    /* RefId of Obj and TN; -1: none */
        char *type; /* OBJ, TYPES: the first type name */
        bool is_enum;
        char *text; /* OBJ: ToString; SCALAR, TEXT, TYPE: what was read so far */
        size_t text_size, text_room;
        sd_json_variant *base;   /* OBJ: the value it wraps; ENTRY: its value; ROOT: the result */
        char *key;               /* ENTRY */
        sd_json_variant **items; /* LIST: values; OBJ, DICTIONARY: name, value, name, value … */
        size_t count;
        Cost cost;
} Frame;

typedef struct Known { /* an Obj that <Ref> may name */
        sd_json_variant *value;
        Cost cost;
} Known;

typedef struct TypeName {
        char *name;
        bool is_enum;
} TypeName;

typedef struct Reading {
        xmlParserCtxt *xml;
        Frame frames[CLIXML_DEPTH_MAX + 1];
        size_t depth; /* index of the innermost frame */
        Known *known;
        size_t known_room;
        TypeName *types;
        size_t types_room;
        Cost total;
        bool failed; /* err says why */
        Error *err;
} Reading;

static int bad(Reading *r, const char *what) {
        return error_set(r->err, ERROR_PROTOCOL, 0, "CLIXML: %s", what);
}

static void frame_clear(Frame *f) {
        for (size_t i = 0; i < f->count; i++)
                (void)sd_json_variant_unref(f->items[i]);
        if (f->text)
                explicit_bzero(f->text, f->text_size);
        free(f->items);
        free(f->name);
        free(f->type);
        free(f->text);
        free(f->key);
        (void)sd_json_variant_unref(f->base);
        *f = (Frame){ .id = -1 };
}

static void reading_clear(Reading *r) {
        for (size_t i = 0; i <= r->depth; i++)
                frame_clear(&r->frames[i]);
        for (size_t i = 0; i < r->known_room; i++)
                (void)sd_json_variant_unref(r->known[i].value);
        for (size_t i = 0; i < r->types_room; i++)
                free(r->types[i].name);
        free(r->known);
        free(r->types);
        xmlFreeParserCtxt(r->xml);
}

/* Room for index @id in a zero-filled table; false when there can be none. */
static bool room_for(void *table, size_t *room, size_t id, size_t size, size_t max) {
        void **rows = table;
        if (id < *room)
                return true;
        size_t want = *room ? *room : 16;
        while (want <= id)
                want *= 2;
        void *more = id < max ? reallocarray(*rows, want, size) : NULL;
        if (!more)
                return false;
        memset((char *)more + *room * size, 0, (want - *room) * size);
        *rows = more;
        *room = want;
        return true;
}

static int spend(Reading *r, Frame *f, Cost cost) {
        f->cost.values += cost.values;
        f->cost.text += cost.text;
        r->total.values += cost.values;
        r->total.text += cost.text;
        if (r->total.values > CLIXML_VALUES_MAX || r->total.text > CLIXML_TEXT_MAX)
                return error_set(r->err, ERROR_LIMIT, 0, "CLIXML: more than %d values or %d MiB of text",
                                 CLIXML_VALUES_MAX, CLIXML_TEXT_MAX >> 20);
        return 0;
}

static int add_item(Reading *r, Frame *f, sd_json_variant *value) {
        if ((f->count & (f->count - 1)) == 0) {
                void *more = reallocarray(f->items, f->count == 0 ? 2 : 2 * f->count, sizeof *f->items);
                if (!more)
                        return error_oom(r->err);
                f->items = more;
        }
        f->items[f->count++] = sd_json_variant_ref(value);
        return 0;
}

static int add_pair(Reading *r, Frame *f, const char *name, sd_json_variant *value) {
        auto_(sd_json_variant_unrefp) sd_json_variant *key = NULL;
        if (*name == '$')
                return 0;                                  /* ours */
        for (size_t i = 0; i < f->count && i < 64; i += 2) /* Props and MS may repeat a name: the first counts */
                if (strcmp(sd_json_variant_string(f->items[i]), name) == 0)
                        return 0;
        if (sd_json_variant_new_string(&key, name) < 0)
                return error_oom(r->err);
        return add_item(r, f, key) < 0 ? -1 : add_item(r, f, value);
}

/* A finished value goes to the frame around it. */
static int deliver(Reading *r, sd_json_variant *value, const char *name, Cost cost) {
        Frame *f = &r->frames[r->depth];

        switch (f->kind) {
        case FRAME_PROPERTIES: /* belongs to the Obj below */
                if (!name)
                        return bad(r, "a property has no name");
                return add_pair(r, f - 1, name, value) < 0 ? -1 : spend(r, f - 1, cost);
        case FRAME_LIST:
                return add_item(r, f, value) < 0 ? -1 : spend(r, f, cost);
        case FRAME_ENTRY:
                if (name && strcmp(name, "Key") == 0) {
                        free(f->key);
                        f->key = NULL;
                        if (sd_json_variant_is_string(value))
                                f->key = strdup(sd_json_variant_string(value));
                        else if (sd_json_variant_is_null(value) || sd_json_variant_is_object(value) ||
                                 sd_json_variant_is_array(value))
                                return bad(r, "a dictionary has a key that is no text or number");
                        else if (sd_json_variant_format(value, 0, &f->key) < 0)
                                f->key = NULL;
                        return f->key ? 0 : error_oom(r->err);
                }
                (void)sd_json_variant_unref(f->base);
                f->base = sd_json_variant_ref(value);
                return spend(r, f, cost);
        case FRAME_OBJ:
        case FRAME_ROOT:
                if (f->base)
                        return bad(r, "there is more than one value where one belongs");
                f->base = sd_json_variant_ref(value);
                return spend(r, f, cost);
        case FRAME_DICTIONARY:
        case FRAME_TYPES:
        case FRAME_TYPE:
        case FRAME_TEXT:
        case FRAME_SCALAR:
        case FRAME_NIL:
        default:
                return bad(r, "a value stands where none belongs");
        }
}

/* ---- the end of an element ------------------------------------------------------------------------ */

static int finish_object(Reading *r, Frame *f) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        int ok = 0;

        if (f->base && f->is_enum && f->text)
                ok = sd_json_variant_new_string(&value, f->text);
        else if (f->base)
                value = sd_json_variant_ref(f->base);
        else
                ok = sd_json_variant_new_object(&value, f->items, f->count);
        if (ok >= 0 && !f->base && f->type)
                ok = sd_json_variant_set_field_string(&value, "$type", f->type);
        if (ok < 0)
                return error_oom(r->err);
        if (spend(r, f, (Cost){ 1, 0 }) < 0)
                return -1;
        if (f->id >= 0 && room_for(&r->known, &r->known_room, (size_t)f->id, sizeof *r->known, REFERENCES_MAX)) {
                Known *known = &r->known[f->id];
                (void)sd_json_variant_unref(known->value);
                *known = (Known){ sd_json_variant_ref(value), f->cost };
        }
        r->depth--;
        /* The cost is in the total already; the frame around it must know it, for a <Ref> to itself. */
        r->total.values -= f->cost.values;
        r->total.text -= f->cost.text;
        return deliver(r, value, f->name, f->cost);
}

static int finish_collection(Reading *r, Frame *f) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        int ok = f->kind == FRAME_LIST ? sd_json_variant_new_array(&value, f->items, f->count)
                                       : sd_json_variant_new_object(&value, f->items, f->count);
        if (ok < 0)
                return error_oom(r->err);
        r->depth--;
        r->total.values -= f->cost.values;
        r->total.text -= f->cost.text;
        return deliver(r, value, f->name, (Cost){ f->cost.values + 1, f->cost.text });
}

static int finish_entry(Reading *r, Frame *f) {
        Frame *dictionary = f - 1;
        if (!f->key || !f->base)
                return bad(r, "a dictionary entry lacks its key or its value");
        r->depth--;
        r->total.values -= f->cost.values;
        r->total.text -= f->cost.text;
        return add_pair(r, dictionary, f->key, f->base) < 0 ? -1 : spend(r, dictionary, f->cost);
}

static int finish_scalar(Reading *r, Frame *f) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        char none[1] = "";
        if (f->scalar->read(f->text ? f->text : none, f->scalar->low, f->scalar->high, &value, r->err) < 0)
                return -1;
        r->depth--;
        return deliver(r, value, f->name, (Cost){ 1, f->text_size });
}

/* The first type name stands for the object. */
static int finish_type(Reading *r, Frame *f) {
        Frame *names = f - 1;
        const char *name = f->text ? f->text : "";

        if (strncmp(name, "Deserialized.", 13) == 0)
                name += 13;
        names->is_enum = names->is_enum || strcmp(name, "System.Enum") == 0;
        if (!names->type && !(names->type = strdup(name)))
                return error_oom(r->err);
        return 0;
}

static int finish_types(Reading *r, Frame *f) {
        Frame *object = f - 1;
        if (f->id >= 0 && f->type &&
            room_for(&r->types, &r->types_room, (size_t)f->id, sizeof *r->types, TYPES_MAX)) {
                free(r->types[f->id].name);
                r->types[f->id] = (TypeName){ strdup(f->type), f->is_enum };
        }
        free(object->type);
        object->type = take_ptr(f->type);
        object->is_enum = f->is_enum;
        return 0;
}

static int finish_nil(Reading *r, Frame *f) {
        auto_(sd_json_variant_unrefp) sd_json_variant *null = NULL;
        if (f->text || f->id >= 0)
                return 0; /* Ref and TNRef did their work at the start */
        if (sd_json_variant_new_null(&null) < 0)
                return error_oom(r->err);
        r->depth--;
        return deliver(r, null, f->name, (Cost){ 1, 0 });
}

static int finish(Reading *r) {
        size_t depth = r->depth;
        Frame *f = &r->frames[depth];
        int result = 0;

        switch (f->kind) {
        case FRAME_OBJ:
                result = finish_object(r, f);
                break;
        case FRAME_LIST:
        case FRAME_DICTIONARY:
                result = finish_collection(r, f);
                break;
        case FRAME_ENTRY:
                result = finish_entry(r, f);
                break;
        case FRAME_SCALAR:
                result = finish_scalar(r, f);
                break;
        case FRAME_TYPE:
                result = finish_type(r, f);
                break;
        case FRAME_TYPES:
                result = finish_types(r, f);
                break;
        case FRAME_TEXT:
                clixml_unescape(f->text ? f->text : (char[1]){ "" });
                free(f[-1].text);
                f[-1].text = take_ptr(f->text);
                f[-1].text_size = f->text_size;
                f[-1].text_room = f->text_room;
                break;
        case FRAME_NIL:
                result = finish_nil(r, f);
                break;
        case FRAME_PROPERTIES:
        case FRAME_ROOT:
        default:
                break;
        }
        frame_clear(f);
        r->depth = depth - 1;
        return result;
}

/* ---- the start of an element ------------------------------------------------------------------------ */

static const struct {
        const char *element;
        FrameKind kind;
        unsigned inside;
} elements[] = {
#define IN(kind) (1U << (kind))
#define VALUE (IN(FRAME_ROOT) | IN(FRAME_OBJ) | IN(FRAME_PROPERTIES) | IN(FRAME_LIST) | IN(FRAME_ENTRY))
        { "Obj", FRAME_OBJ, VALUE },
        { "Nil", FRAME_NIL, VALUE },
        { "Ref", FRAME_NIL, VALUE },
        { "TN", FRAME_TYPES, IN(FRAME_OBJ) },
        { "TNRef", FRAME_NIL, IN(FRAME_OBJ) },
        { "T", FRAME_TYPE, IN(FRAME_TYPES) },
        { "ToString", FRAME_TEXT, IN(FRAME_OBJ) },
        { "Props", FRAME_PROPERTIES, IN(FRAME_OBJ) },
        { "MS", FRAME_PROPERTIES, IN(FRAME_OBJ) },
        { "LST", FRAME_LIST, IN(FRAME_OBJ) },
        { "IE", FRAME_LIST, IN(FRAME_OBJ) },
        { "STK", FRAME_LIST, IN(FRAME_OBJ) },
        { "QUE", FRAME_LIST, IN(FRAME_OBJ) },
        { "Objs", FRAME_LIST, IN(FRAME_ROOT) },
        { "DCT", FRAME_DICTIONARY, IN(FRAME_OBJ) },
        { "En", FRAME_ENTRY, IN(FRAME_DICTIONARY) },
};

static int start_reference(Reading *r, Frame *f, bool is_type) {
        size_t id = (size_t)f->id;
        if (f->id < 0)
                return bad(r, "a reference has no RefId");
        if (is_type) {
                if (id >= r->types_room || !r->types[id].name)
                        return bad(r, "TNRef names no TN before it");
                free(f[-1].type);
                f[-1].is_enum = r->types[id].is_enum;
                return (f[-1].type = strdup(r->types[id].name)) ? 0 : error_oom(r->err);
        }
        auto_(sd_json_variant_unrefp) sd_json_variant *null = NULL;
        Known known = id < r->known_room ? r->known[id] : (Known){ 0 };
        for (size_t i = 1; !known.value && i < r->depth; i++)
                if (r->frames[i].kind == FRAME_OBJ && r->frames[i].id == f->id &&
                    sd_json_variant_new_null(&null) >= 0)
                        known.value = null; /* one that contains itself: .NET's exceptions do; a tree cannot */
        if (!known.value)
                return bad(r, "Ref names no object before it");
        r->depth--;
        int result = deliver(r, known.value, f->name, known.cost);
        r->depth++;
        return result;
}

/* @list: five pointers for each of them, see xmlSAX2StartElementNs(). */
static int read_attributes(Reading *r, Frame *f, int count, const xmlChar **list) {
        if (count > CLIXML_ATTRIBUTES_MAX)
                return error_set(r->err, ERROR_LIMIT, 0, "CLIXML: an element has more than %d attributes",
                                 CLIXML_ATTRIBUTES_MAX);
        for (int i = 0; i < count; i++, list += 5) {
                const char *name = (const char *)list[0];
                if (list[1])
                        continue;
                auto_free char *value = strndup((const char *)list[3], (size_t)(list[4] - list[3]));
                if (!value)
                        return error_oom(r->err);
                if (strcmp(name, "N") == 0 && !f->name) {
                        f->name = take_ptr(value);
                        clixml_unescape(f->name);
                } else if (strcmp(name, "RefId") == 0) {
                        char *end;
                        f->id = strtol(value, &end, 10);
                        if (*end || end == value || f->id < 0)
                                return bad(r, "a RefId is no number");
                }
        }
        return 0;
}

static int start(Reading *r, const char *element, int attribute_count, const xmlChar **attributes) {
        FrameKind around = r->frames[r->depth].kind;
        Frame new = { .id = -1 };
        bool known = false;

        new.scalar = clixml_scalar(element);
        if (new.scalar) {
                new.kind = FRAME_SCALAR;
                known = VALUE & IN(around);
        }
        for (size_t i = 0; !new.scalar && !known && i < ARRAY_SIZE(elements); i++) {
                known = strcmp(elements[i].element, element) == 0 && (elements[i].inside & IN(around));
                new.kind = elements[i].kind;
        }
        if (!known)
                return error_set(r->err, ERROR_PROTOCOL, 0, "CLIXML: <%.40s> does not belong here", element);
        if (r->depth == CLIXML_DEPTH_MAX)
                return error_set(r->err, ERROR_LIMIT, 0, "CLIXML: more than %d elements inside each other",
                                 CLIXML_DEPTH_MAX);
        Frame *f = &r->frames[++r->depth];
        *f = new;
        if (read_attributes(r, f, attribute_count, attributes) < 0)
                return -1;
        if (strcmp(element, "Nil") == 0)
                f->id = -1;
        if (strcmp(element, "Ref") == 0 || strcmp(element, "TNRef") == 0)
                return start_reference(r, f, *element == 'T');
        return 0;
}

/* The parser hands text out in small pieces. */
static bool more_room(Frame *f, size_t size) {
        if (f->text_size + size < f->text_room)
                return true;
        size_t room = 2 * f->text_room + size + 1;
        char *more = realloc(f->text, room);
        if (!more)
                return false;
        f->text = more;
        f->text_room = room;
        return true;
}

static int add_text(Reading *r, const char *text, size_t size) {
        Frame *f = &r->frames[r->depth];

        if (f->kind != FRAME_SCALAR && f->kind != FRAME_TEXT && f->kind != FRAME_TYPE) {
                for (size_t i = 0; i < size; i++)
                        if (!strchr(" \t\r\n", text[i]))
                                return bad(r, "text stands where none belongs");
                return 0;
        }
        if (size > CLIXML_TEXT_MAX - f->text_size)
                return error_set(r->err, ERROR_LIMIT, 0, "CLIXML: more than %d MiB of text", CLIXML_TEXT_MAX >> 20);
        if (!more_room(f, size))
                return error_oom(r->err);
        memcpy(f->text + f->text_size, text, size);
        f->text_size += size;
        f->text[f->text_size] = '\0';
        return 0;
}

static void judge(Reading *r, int result) {
        if (result >= 0)
                return;
        r->failed = true;
        xmlStopParser(r->xml);
}

static void on_start(void *userdata, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int ns_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted, const xmlChar **attributes) {
        judge(userdata, start(userdata, (const char *)name, attribute_count, attributes));
}

static void on_end(void *userdata, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
        judge(userdata, finish(userdata));
}

static void on_text(void *userdata, const xmlChar *text, int size) {
        judge(userdata, add_text(userdata, (const char *)text, (size_t)size));
}

static void on_doctype(void *userdata, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
        judge(userdata, bad(userdata, "a document type or an entity; neither is taken"));
}

static void on_reference(void *userdata, const xmlChar *name) { on_doctype(userdata, name, NULL, NULL); }
static void silence(void *userdata, xmlErrorPtr error) {}

int clixml_read(const char *text, size_t size, sd_json_variant **ret, Error *err) {
        auto_(reading_clear) Reading r = { .frames[0] = { .kind = FRAME_ROOT, .id = -1 }, .err = err };

        if (size > INT32_MAX || !text_is_utf8(text, size))
                return error_set(err, ERROR_PROTOCOL, 0, "CLIXML: not valid UTF-8");
        size_t blank = 0;
        while (blank < size &&
               (text[blank] == ' ' || text[blank] == '\r' || text[blank] == '\n' || text[blank] == '\t'))
                blank++;
        if (blank == size) {
                if (sd_json_variant_new_null(ret) < 0)
                        return error_oom(err);
                return 0;
        }
        r.xml = xmlNewParserCtxt();
        if (!r.xml)
                return error_oom(err);
        *r.xml->sax = (xmlSAXHandler){ .initialized = XML_SAX2_MAGIC,
                                       .startElementNs = on_start,
                                       .endElementNs = on_end,
                                       .characters = on_text,
                                       .ignorableWhitespace = on_text,
                                       .cdataBlock = on_text,
                                       .reference = on_reference,
                                       .internalSubset = on_doctype,
                                       .serror = silence };
        r.xml->userData = &r;
        (void)xmlCtxtReadMemory(r.xml, text, (int)size, NULL, "UTF-8", XML_PARSE_NONET);
        if (r.failed)
                return -1;
        if (!r.xml->wellFormed || r.depth != 0 || !r.frames[0].base)
                return bad(&r, "not well-formed XML");
        *ret = take_ptr(r.frames[0].base);
        return 0;
}
