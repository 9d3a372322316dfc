/* definition-internal.h — what the files that write definitions share; nobody else includes it
 */
#pragma once

#include <libxml/xmlwriter.h>
#include <stdbool.h>

#include "migrate/definition.h"

#define X(s) ((const xmlChar *)(s))

/* libxml2 answers -1 only when memory is gone; so the calls are counted together and asked once. */
typedef struct Out {
        xmlBufferPtr buffer;
        xmlTextWriterPtr w;
        bool failed;
} Out;

static inline void begin(Out *o, const char *name) { o->failed |= xmlTextWriterStartElement(o->w, X(name)) < 0; }
static inline void end(Out *o) { o->failed |= xmlTextWriterEndElement(o->w) < 0; }
static inline void attribute(Out *o, const char *name, const char *value) {
        o->failed |= xmlTextWriterWriteAttribute(o->w, X(name), X(value)) < 0;
}
static inline void text(Out *o, const char *name, const char *value) {
        o->failed |= xmlTextWriterWriteElement(o->w, X(name), X(value)) < 0;
}
static inline void attribute_number(Out *o, const char *name, uint64_t value) {
        o->failed |= xmlTextWriterWriteFormatAttribute(o->w, X(name), "%llu", (unsigned long long)value) < 0;
}

typedef struct Pair { const char *name, *value; } Pair;

/* <name a="…" b="…"/> from a list that ends with a NULL name. */
static inline void leaf(Out *o, const char *name, const Pair *pairs) {
        begin(o, name);
        for (; pairs && pairs->name; pairs++)
                attribute(o, pairs->name, pairs->value);
        end(o);
}
#define LEAF(o, name, ...) leaf(o, name, (const Pair[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, NULL } })

/* definition-device.c */
int out_open(Out *o, Error *err) FAILS;
void out_close(Out *o);
/* What was written; the caller frees it. */
int out_take(Out *o, char **ret_xml, Error *err) FAILS;
/* @inside a domain: with our prefix and its namespace; libvirt adds both to what it is given alone. */
void out_metadata(Out *o, const VmDefinition *definition, bool inside);
/* Disks, DVD drives and the controller of those that are SCSI. */
int out_drives(Out *o, const VmDefinition *definition, Error *err) FAILS;
void out_adapter(Out *o, const VmDefinition *definition, const VmAdapter *adapter);
