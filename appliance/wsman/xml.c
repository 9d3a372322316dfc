#include "appliance/wsman/xml.h"

#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"

const XmlNamespace xml_namespaces[NS_COUNT] = {
        [NS_OTHER] = { "", "" },
        [NS_NONE] = { "", "" },
        [NS_SOAP] = { "s", "http://www.w3.org/2003/05/soap-envelope" },
        [NS_ADDRESSING] = { "a", "http://schemas.xmlsoap.org/ws/2004/08/addressing" },
        [NS_WSMAN] = { "w", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" },
        [NS_MS_WSMAN] = { "p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd" },
        [NS_TRANSFER] = { "x", "http://schemas.xmlsoap.org/ws/2004/09/transfer" },
        [NS_ENUMERATION] = { "n", "http://schemas.xmlsoap.org/ws/2004/09/enumeration" },
        [NS_SHELL] = { "rsp", "http://schemas.microsoft.com/wbem/wsman/1/windows/shell" },
        [NS_CONFIG] = { "cfg", "http://schemas.microsoft.com/wbem/wsman/1/config" },
        [NS_FAULT] = { "f", "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" },
        [NS_IDENTITY] = { "wsmid", "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd" },
        [NS_POWERSHELL] = { "", "http://schemas.microsoft.com/powershell" },
};

static XmlNs find_ns(const xmlChar *uri) {
        if (!uri)
                return NS_NONE;
        for (XmlNs ns = NS_SOAP; ns < NS_COUNT; ns++)
                if (strcmp((const char *)uri, xml_namespaces[ns].uri) == 0)
                        return ns;
        return NS_OTHER;
}

void xml_free(XmlTree *tree) {
        if (!tree)
                return;
        for (size_t i = 0; i < tree->count; i++) {
                XmlElement *e = &tree->elements[i];
                for (unsigned k = 0; k < e->attribute_count; k++) {
                        free(e->attributes[k].name);
                        free(e->attributes[k].value);
                }
                if (e->text)
                        explicit_bzero(e->text,
                                       e->text_size); /* commands may carry what is nobody else's business */
                free(e->text);
                free(e->name);
        }
        free(tree->elements);
        free(tree);
}

typedef struct Parse {
        xmlParserCtxtPtr parser;
        XmlTree *tree;
        size_t room;
        int open[XML_DEPTH_MAX]; /* indices of the elements we are in */
        int depth;
        bool failed;
        Error *err;
} Parse;

static void parse_done(Parse *p) {
        if (p->parser)
                xmlFreeParserCtxt(p->parser);
        xml_free(p->tree);
}

static void stop(Parse *p) {
        p->failed = true;
        xmlStopParser(p->parser);
}

/* @list: five pointers for each of them, see xmlSAX2StartElementNs(). */
static int take_attributes(XmlElement *e, int count, const xmlChar **list, Error *err) {
        for (int i = 0; i < count; i++, list += 5) {
                const char *name = (const char *)list[0], *value = (const char *)list[3];
                size_t size = (size_t)(list[4] - list[3]);
                if (e->attribute_count == XML_ATTRIBUTES_MAX || strlen(name) > XML_NAME_MAX || size > XML_VALUE_MAX)
                        return error_set(err, ERROR_LIMIT, 0,
                                         "an element has too many attributes or too long ones");
                XmlAttribute *a = &e->attributes[e->attribute_count++];
                *a = (XmlAttribute){ .ns = find_ns(list[2]), .name = strdup(name), .value = strndup(value, size) };
                if (!a->name || !a->value)
                        return error_oom(err);
        }
        return 0;
}

static XmlElement *add_element(Parse *p, const char *name) {
        if (p->tree->count == XML_ELEMENTS_MAX || p->depth == XML_DEPTH_MAX || strlen(name) > XML_NAME_MAX) {
                (void)error_set(p->err, ERROR_LIMIT, 0,
                                "the document has too many elements, or nests them too deeply");
                return NULL;
        }
        if (p->tree->count == p->room) {
                size_t room = p->room ? 2 * p->room : 32;
                XmlElement *more = reallocarray(p->tree->elements, room, sizeof *more);
                if (!more) {
                        (void)error_oom(p->err);
                        return NULL;
                }
                p->tree->elements = more;
                p->room = room;
        }
        return &p->tree->elements[p->tree->count++];
}

static void on_start(void *userdata, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int ns_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted, const xmlChar **attributes) {
        Parse *p = userdata;
        int index = (int)p->tree->count;
        XmlElement *e = add_element(p, (const char *)name);

        if (!e) {
                stop(p);
                return;
        }
        *e = (XmlElement){ .ns = find_ns(uri),
                           .parent = p->depth > 0 ? p->open[p->depth - 1] : -1,
                           .name = strdup((const char *)name),
                           .text = strdup("") };
        if (!e->name || !e->text) {
                (void)error_oom(p->err);
                stop(p);
        } else if (take_attributes(e, attribute_count, attributes, p->err) < 0) {
                stop(p);
        } else {
                p->open[p->depth++] = index;
        }
}

static void on_end(void *userdata, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
        Parse *p = userdata;
        p->depth--;
}

static void on_text(void *userdata, const xmlChar *text, int size) {
        Parse *p = userdata;
        if (p->depth == 0)
                return;
        XmlElement *e = &p->tree->elements[p->open[p->depth - 1]];
        char *more = realloc(e->text, e->text_size + (size_t)size + 1);
        if (!more) {
                (void)error_oom(p->err);
                stop(p);
                return;
        }
        memcpy(more + e->text_size, text, (size_t)size);
        e->text = more;
        e->text_size += (size_t)size;
        e->text[e->text_size] = '\0';
}

static void forbidden(Parse *p) {
        (void)error_set(p->err, ERROR_PROTOCOL, 0,
                        "the document holds a document type, an entity or a processing instruction, which are "
                        "not accepted");
        stop(p);
}

static void on_instruction(void *userdata, const xmlChar *target, const xmlChar *data) { forbidden(userdata); }
static void on_reference(void *userdata, const xmlChar *name) { forbidden(userdata); }
static void on_doctype(void *userdata, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
        forbidden(userdata);
}
static void silent(void *userdata, xmlErrorPtr error) {}

/* Refused unread: so no declaration in it is ever looked at. */
static bool has_doctype(const void *data, size_t size) {
        return memmem(data, size, "<!DOCTYPE", 9) != NULL || memmem(data, size, "<\0!\0D\0O\0", 8) != NULL ||
               memmem(data, size, "\0<\0!\0D\0O", 8) != NULL;
}

int xml_parse(const void *data, size_t size, XmlTree **ret, Error *err) {
        auto_(parse_done) Parse p = { .err = err };

        if (size > XML_DOCUMENT_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the document has %zu bytes; at most %d are accepted", size,
                                 XML_DOCUMENT_MAX);
        if (has_doctype(data, size))
                return error_set(err, ERROR_PROTOCOL, 0, "the document has a document type, which is not accepted");
        p.tree = calloc(1, sizeof *p.tree);
        p.parser = p.tree ? xmlNewParserCtxt() : NULL;
        if (!p.parser)
                return error_oom(err);
        *p.parser->sax = (xmlSAXHandler){ .initialized = XML_SAX2_MAGIC,
                                          .startElementNs = on_start,
                                          .endElementNs = on_end,
                                          .characters = on_text,
                                          .ignorableWhitespace = on_text,
                                          .cdataBlock = on_text,
                                          .processingInstruction = on_instruction,
                                          .reference = on_reference,
                                          .internalSubset = on_doctype,
                                          .serror = silent };
        p.parser->userData = &p;
        (void)xmlCtxtReadMemory(p.parser, data, (int)size, NULL, NULL, XML_PARSE_NONET);
        if (p.failed)
                return -1;
        if (!p.parser->wellFormed || p.tree->count == 0)
                return error_set(err, ERROR_PROTOCOL, 0, "the document is not well-formed XML");
        *ret = take_ptr(p.tree);
        return 0;
}

/* ---- finding -------------------------------------------------------------------------------------- */

static const XmlElement *find(const XmlTree *tree, size_t from, int parent, XmlNs ns, const char *name) {
        for (size_t i = from; i < tree->count; i++) {
                const XmlElement *e = &tree->elements[i];
                if (e->parent == parent && (!name || (e->ns == ns && strcmp(e->name, name) == 0)))
                        return e;
        }
        return NULL;
}

const XmlElement *xml_child(const XmlTree *tree, const XmlElement *parent, XmlNs ns, const char *name) {
        if (!parent)
                return NULL;
        size_t index = (size_t)(parent - tree->elements);
        return find(tree, index + 1, (int)index, ns, name);
}

const XmlElement *xml_next(const XmlTree *tree, const XmlElement *after, XmlNs ns, const char *name) {
        return find(tree, (size_t)(after - tree->elements) + 1, after->parent, ns, name);
}

const char *xml_attribute(const XmlElement *element, const char *name) {
        for (unsigned i = 0; element && i < element->attribute_count; i++)
                if (strcmp(element->attributes[i].name, name) == 0)
                        return element->attributes[i].value;
        return NULL;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void put(XmlWriter *w, const char *data, size_t size) {
        if (w->failed)
                return;
        if (w->room - w->size < size + 1) {
                size_t room = 2 * w->room + size + 256;
                char *more = realloc(w->text, room);
                if (!more) {
                        w->failed = true;
                        return;
                }
                w->text = more;
                w->room = room;
        }
        memcpy(w->text + w->size, data, size);
        w->size += size;
        w->text[w->size] = '\0';
}

void xml_write(XmlWriter *w, const char *markup) {
        put(w, markup, strlen(markup));
}

void xml_writef(XmlWriter *w, const char *fmt, ...) {
        char small[1024];
        va_list args;
        va_start(args, fmt);
        int n = vsnprintf(small, sizeof small, fmt, args);
        va_end(args);
        if (n < 0 || n >= (int)sizeof small)
                w->failed = true; /* only short, trusted pieces are written this way */
        else
                put(w, small, (size_t)n);
}

void xml_write_text(XmlWriter *w, const char *text) {
        for (const char *at = text; *at;) {
                size_t plain = 0;
                while ((unsigned char)at[plain] >= 0x20 && !strchr("<>&\"\x7f", at[plain]))
                        plain++;
                put(w, at, plain);
                at += plain;
                if (!*at)
                        return;
                switch (*at) {
                case '<':
                        put(w, "&lt;", 4);
                        break;
                case '>':
                        put(w, "&gt;", 4);
                        break;
                case '&':
                        put(w, "&amp;", 5);
                        break;
                case '"':
                        put(w, "&quot;", 6);
                        break;
                case '\n':
                        put(w, "\n", 1);
                        break;
                case '\t':
                        put(w, "\t", 1);
                        break;
                case '\r':
                        put(w, "&#13;", 5);
                        break;
                case '\x7f':
                        put(w, "\x7f", 1);
                        break;
                default:
                        put(w, "\xef\xbf\xbd", 3);
                        break;
                }
                at++;
        }
}

void xml_write_base64(XmlWriter *w, const void *data, size_t size) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char out[1024];
        size_t n = 0;
        const uint8_t *p = data;
        for (; size > 0; p += 3) {
                uint32_t v = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0) | (size > 2 ? p[2] : 0);
                out[n++] = digits[v >> 18];
                out[n++] = digits[v >> 12 & 63];
                out[n++] = size > 1 ? digits[v >> 6 & 63] : '=';
                out[n++] = size > 2 ? digits[v & 63] : '=';
                size -= size < 3 ? size : 3;
                if (n == sizeof out || size == 0) {
                        put(w, out, n);
                        n = 0;
                }
        }
}

void xml_writer_done(XmlWriter *w) {
        free(w->text);
        *w = (XmlWriter){ 0 };
}

static int digit(char c) {
        return c >= 'A' && c <= 'Z'   ? c - 'A'
               : c >= 'a' && c <= 'z' ? c - 'a' + 26
               : c >= '0' && c <= '9' ? c - '0' + 52
               : c == '+'             ? 62
               : c == '/'             ? 63
                                      : -1;
}

int xml_read_base64(const char *text, uint8_t **ret, size_t *ret_size, Error *err) {
        auto_free uint8_t *data = malloc(strlen(text) / 4 * 3 + 4);
        uint32_t value = 0;
        size_t size = 0;
        unsigned have = 0, padding = 0;

        if (!data)
                return error_oom(err);
        for (; *text; text++) {
                if (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')
                        continue;
                int d = digit(*text);
                if (*text == '=')
                        padding++;
                if ((d < 0 && *text != '=') || (d >= 0 && padding > 0) || padding > 2)
                        return error_set(err, ERROR_INVALID, 0, "what should be base64 is not");
                value = value << 6 | (uint32_t)(d < 0 ? 0 : d);
                if (++have < 4)
                        continue;
                data[size++] = (uint8_t)(value >> 16);
                data[size++] = (uint8_t)(value >> 8);
                data[size++] = (uint8_t)value;
                have = 0;
                value = 0;
        }
        if (have != 0)
                return error_set(err, ERROR_INVALID, 0, "what should be base64 is cut off");
        *ret_size = size - padding;
        *ret = take_ptr(data);
        return 0;
}
