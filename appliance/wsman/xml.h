/* xml.h — one foreign XML document as a small flat tree, and a writer for ours
 *
 * libxml2's SAX parser does the parsing, without network, DTD or entities: a DOCTYPE, a processing instruction
 * or an entity reference refuses the document.  What is kept is bounded by the limits below whatever comes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/error.h"

enum {
        XML_DOCUMENT_MAX = 512 * 1024, /* bytes: MaxEnvelopeSizekb, [MS-WSMV] 2.2.4.17 */
        XML_ELEMENTS_MAX = 4096,
        XML_DEPTH_MAX = 24,
        XML_ATTRIBUTES_MAX = 12, /* of one element, namespaces not counted */
        XML_NAME_MAX = 128,
        XML_VALUE_MAX = 4096, /* of one attribute */
};

/* Namespaces the protocol knows; the index into xml_namespaces. */
typedef enum XmlNs {
        NS_OTHER,
        NS_NONE,
        NS_SOAP,
        NS_ADDRESSING,
        NS_WSMAN,
        NS_MS_WSMAN,
        NS_TRANSFER,
        NS_ENUMERATION,
        NS_SHELL,
        NS_CONFIG,
        NS_FAULT,
        NS_IDENTITY,
        NS_POWERSHELL,
        NS_COUNT,
} XmlNs;

typedef struct XmlNamespace {
        const char *prefix, *uri;
} XmlNamespace;
extern const XmlNamespace xml_namespaces[NS_COUNT]; /* with the prefixes Windows writes */

typedef struct XmlAttribute {
        XmlNs ns;
        char *name, *value;
} XmlAttribute;

typedef struct XmlElement {
        XmlNs ns;
        int parent; /* -1: the root */
        char *name; /* without prefix */
        char *text; /* its own character data, "" when none */
        size_t text_size;
        XmlAttribute attributes[XML_ATTRIBUTES_MAX];
        unsigned attribute_count;
} XmlElement;

typedef struct XmlTree {
        XmlElement *elements; /* in document order; [0] is the root */
        size_t count;
} XmlTree;

/* ERROR_PROTOCOL: not XML, or forbidden in it; ERROR_LIMIT. */
int xml_parse(const void *data, size_t size, XmlTree **ret, Error *err) FAILS;
void xml_free(XmlTree *tree); /* accepts NULL */
DEFINE_FREEP(XmlTree, xml_free);

/* The first child of @parent with that name (name NULL: any; then ns does not matter); NULL when none. */
const XmlElement *xml_child(const XmlTree *tree, const XmlElement *parent, XmlNs ns, const char *name);
/* The next sibling with that name after @after. */
const XmlElement *xml_next(const XmlTree *tree, const XmlElement *after, XmlNs ns, const char *name);
/* NULL when absent; a namespace of the attribute does not matter. */
const char *xml_attribute(const XmlElement *element, const char *name);

/* ---- writing -------------------------------------------------------------------------------------- */

typedef struct XmlWriter { /* starts zeroed; remembers that memory was missing */
        char *text;
        size_t size, room;
        bool failed;
} XmlWriter;

void xml_write(XmlWriter *w, const char *markup); /* as it is */
void xml_writef(XmlWriter *w, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));       /* as it is; trusted text */
void xml_write_text(XmlWriter *w, const char *text); /* escaped; what XML cannot hold becomes U+FFFD */
void xml_write_base64(XmlWriter *w, const void *data, size_t size);
void xml_writer_done(XmlWriter *w);
/* Base64 with white space inside → bytes the caller frees; ERROR_INVALID. */
int xml_read_base64(const char *text, uint8_t **ret, size_t *ret_size, Error *err) FAILS;
