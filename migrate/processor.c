#include "migrate/processor.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum { XML_MAX = 4 << 20 };

static void unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }
static void reader_freep(xmlTextReaderPtr *reader) {
        if (*reader)
                xmlFreeTextReader(*reader);
}

/* False when @from is no name: so one never needs to be escaped. */
static bool take_name(const char *from, char to[static PROCESSOR_NAME_SIZE]) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
        size_t n = strspn(from, allowed);

        if (n == 0 || from[n] || n >= PROCESSOR_NAME_SIZE || *from == '-')
                return false;
        (void)memcpy(to, from, n + 1);
        return true;
}

static bool add_feature(Processor *p, const char *name, bool disabled) {
        if (p->feature_count == PROCESSOR_FEATURES_MAX || !take_name(name, p->features[p->feature_count].name))
                return false;
        p->features[p->feature_count++].disabled = disabled;
        return true;
}

/* ---- libvirt's XML ------------------------------------------------------------------------------- */

static bool is_attribute(xmlTextReaderPtr reader, const char *name, const char *value) {
        xmlChar *got = xmlTextReaderGetAttribute(reader, (const xmlChar *)name);
        bool equal = got && strcmp((const char *)got, value) == 0;
        xmlFree(got);
        return equal;
}

static void take_text(xmlTextReaderPtr reader, char to[static PROCESSOR_NAME_SIZE]) {
        xmlChar *text = xmlTextReaderReadString(reader);
        if (text && !take_name((const char *)text, to))
                *to = '\0';
        xmlFree(text);
}

/* An optional feature is there or not as the host pleases: nobody can ask for it. */
static void take_feature(xmlTextReaderPtr reader, Processor *p) {
        bool off = is_attribute(reader, "policy", "disable") || is_attribute(reader, "policy", "forbid");
        xmlChar *name = xmlTextReaderGetAttribute(reader, (const xmlChar *)"name");

        if (name && !is_attribute(reader, "policy", "optional"))
                (void)add_feature(p, (const char *)name, off);
        xmlFree(name);
}

int processor_read(const char *xml, const char *element, const char *mode, Processor *ret, Error *err) {
        auto_free Processor *p = calloc(1, sizeof *p);
        size_t size = strlen(xml);
        auto_(reader_freep) xmlTextReaderPtr reader =
                size > XML_MAX ? NULL
                               : xmlReaderForMemory(xml, (int)size, NULL, "UTF-8",
                                                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        int depth = -1, r = 0;

        if (!p || !reader)
                return error_oom(err);
        while ((r = xmlTextReaderRead(reader)) == 1) {
                const char *name = (const char *)xmlTextReaderConstLocalName(reader);
                int at = xmlTextReaderDepth(reader), type = xmlTextReaderNodeType(reader);
                if (type == XML_READER_TYPE_END_ELEMENT && at == depth)
                        break;
                if (type != XML_READER_TYPE_ELEMENT || !name)
                        continue;
                if (depth < 0 && strcmp(name, element) == 0 && (!mode || is_attribute(reader, "mode", mode) ||
                                                                is_attribute(reader, "name", mode)))
                        depth = at;
                if (depth < 0 || at != depth + 1)
                        continue;
                if (strcmp(name, "model") == 0)
                        take_text(reader, p->model);
                else if (strcmp(name, "vendor") == 0)
                        take_text(reader, p->vendor);
                else if (strcmp(name, "feature") == 0)
                        take_feature(reader, p);
        }
        if (r < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "libvirt's description of a processor cannot be read");
        *ret = *p;
        return 0;
}

int processor_write(const Processor *p, char **ret, Error *err) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return error_oom(err);
        (void)fprintf(f, "<cpu mode='custom' match='exact'><model fallback='forbid'>%s</model>", p->model);
        if (*p->vendor)
                (void)fprintf(f, "<vendor>%s</vendor>", p->vendor);
        for (unsigned i = 0; i < p->feature_count; i++)
                (void)fprintf(f, "<feature policy='%s' name='%s'/>", p->features[i].disabled ? "disable" : "require",
                              p->features[i].name);
        (void)fputs("</cpu>", f);
        bool failed = ferror(f);
        if (fclose(f) != 0 || failed) {
                free(text);
                return error_oom(err);
        }
        *ret = text;
        return 0;
}

/* ---- between hosts ------------------------------------------------------------------------------- */

int processor_json(const Processor *p, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *list = NULL;

        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (unsigned i = 0; i < p->feature_count; i++) {
                auto_(unrefp) sd_json_variant *item = NULL;
                char text[PROCESSOR_NAME_SIZE + 1];
                (void)snprintf(text, sizeof text, "%s%s", p->features[i].disabled ? "-" : "", p->features[i].name);
                if (sd_json_variant_new_string(&item, text) < 0 || sd_json_variant_append_array(&list, item) < 0)
                        return error_oom(err);
        }
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("Vendor", p->vendor),
                           SD_JSON_BUILD_PAIR_STRING("Model", p->model),
                           SD_JSON_BUILD_PAIR_VARIANT("Features", list)) < 0)
                return error_oom(err);
        return 0;
}

static bool take_field(sd_json_variant *v, const char *name, char to[static PROCESSOR_NAME_SIZE]) {
        sd_json_variant *field = sd_json_variant_by_key(v, name);
        const char *text = field && sd_json_variant_is_string(field) ? sd_json_variant_string(field) : NULL;
        return text && (!*text || take_name(text, to));
}

int processor_parse(sd_json_variant *v, Processor *ret, Error *err) {
        auto_free Processor *p = calloc(1, sizeof *p);
        sd_json_variant *list = sd_json_variant_by_key(v, "Features");

        if (!p)
                return error_oom(err);
        bool good = take_field(v, "Vendor", p->vendor) && take_field(v, "Model", p->model) &&
                    sd_json_variant_is_array(list) && sd_json_variant_elements(list) <= PROCESSOR_FEATURES_MAX;
        for (size_t i = 0; good && i < sd_json_variant_elements(list); i++) {
                sd_json_variant *item = sd_json_variant_by_index(list, i);
                const char *text = sd_json_variant_is_string(item) ? sd_json_variant_string(item) : "";
                good = add_feature(p, *text == '-' ? text + 1 : text, *text == '-');
        }
        if (!good)
                return error_set(err, ERROR_PROTOCOL, 0, "the other host describes a processor badly");
        *ret = *p;
        return 0;
}
