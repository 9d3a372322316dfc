#include "migrate/fabric.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define HOST "/device/capability[@type='scsi_host']"
#define HEX "0123456789abcdefABCDEF"

/* ---- lists ------------------------------------------------------------------------------------------------ */

static bool is_wwn(const char *text) {
        return strlen(text) == FABRIC_WWN_SIZE - 1 && strspn(text, HEX) == FABRIC_WWN_SIZE - 1;
}

static void copy_wwn(char to[static FABRIC_WWN_SIZE], const char *from) {
        for (size_t i = 0; i < FABRIC_WWN_SIZE; i++)
                to[i] = (char)(from[i] >= 'A' && from[i] <= 'F' ? from[i] + ('a' - 'A') : from[i]);
}

bool fabrics_have(const Fabrics *fabrics, const char *wwn) {
        for (size_t i = 0; i < fabrics->count; i++)
                if (text_equal_nocase(fabrics->list[i], wwn))
                        return true;
        return false;
}

bool fabrics_add(Fabrics *fabrics, const char *wwn) {
        if (!is_wwn(wwn))
                return false;
        if (fabrics_have(fabrics, wwn))
                return true;
        if (fabrics->count == FABRICS_MAX)
                return false;
        copy_wwn(fabrics->list[fabrics->count++], wwn);
        return true;
}

void fabrics_text(const Fabrics *fabrics, char *to, size_t size) {
        size_t n = 0;

        to[0] = '\0';
        for (size_t i = 0; i < fabrics->count && n < size; i++)
                n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", fabrics->list[i]);
}

/* ---- libvirt's descriptions --------------------------------------------------------------------------------- */

static void document_freep(xmlDocPtr *document) { xmlFreeDoc(*document); }
static void xpath_freep(xmlXPathContextPtr *xpath) { xmlXPathFreeContext(*xpath); }
static void object_freep(xmlXPathObjectPtr *object) { xmlXPathFreeObject(*object); }

typedef struct Description {
        xmlDocPtr document;
        xmlXPathContextPtr xpath;
} Description;

static void description_done(Description *d) {
        xpath_freep(&d->xpath);
        document_freep(&d->document);
}

static bool description_open(const char *xml, Description *ret) {
        ret->document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
        ret->xpath = ret->document ? xmlXPathNewContext(ret->document) : NULL;
        return ret->xpath != NULL;
}

/* The text of the first node, or "". */
static void text_of(const Description *d, const char *query, char *to, size_t size) {
        auto_(object_freep) xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)query, d->xpath);

        to[0] = '\0';
        if (!found || !found->nodesetval || found->nodesetval->nodeNr == 0)
                return;
        xmlChar *text = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
        if (text && strlen((const char *)text) < size)
                (void)strcpy(to, (const char *)text);
        xmlFree(text);
}

/* The name of the disk that @source belongs to. */
static void disk_of(xmlNodePtr source, char to[static FABRIC_DISK_SIZE]) {
        to[0] = '\0';
        for (xmlNodePtr node = source->parent->children; node; node = node->next) {
                if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, "target") != 0)
                        continue;
                xmlChar *name = xmlGetProp(node, (const xmlChar *)"dev");
                if (name && strlen((const char *)name) < FABRIC_DISK_SIZE)
                        (void)strcpy(to, (const char *)name);
                xmlFree(name);
        }
}

int fabric_pools(const char *domain_xml, FabricPools *ret, Error *err) {
        auto_(description_done) Description d = { 0 };
        FabricPools pools = { .count = 0 };

        if (!description_open(domain_xml, &d))
                return error_set(err, ERROR_INTERNAL, 0, "libvirt's description of a virtual machine cannot be read");
        auto_(object_freep) xmlXPathObjectPtr found = xmlXPathEvalExpression(
                (const xmlChar *)"/domain/devices/disk[@type='volume' and not(@device='cdrom' or @device='floppy')]/source",
                d.xpath);
        for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; i++) {
                xmlChar *pool = xmlGetProp(found->nodesetval->nodeTab[i], (const xmlChar *)"pool");
                const char *name = pool ? (const char *)pool : "";
                bool fits = pools.count < FABRIC_POOLS_MAX && strlen(name) < FABRIC_POOL_SIZE;
                if (fits) {
                        disk_of(found->nodesetval->nodeTab[i], pools.disks[pools.count]);
                        (void)strcpy(pools.list[pools.count++], name);
                }
                xmlFree(pool);
                if (!fits)
                        return error_set(err, ERROR_LIMIT, 0, "a virtual machine has too many volumes of storage pools");
        }
        *ret = pools;
        return 0;
}

bool fabric_pool_adapter(const char *pool_xml, char ret_wwnn[static FABRIC_WWN_SIZE],
                         char ret_wwpn[static FABRIC_WWN_SIZE]) {
        auto_(description_done) Description d = { 0 };
        char wwnn[64], wwpn[64];

        if (!description_open(pool_xml, &d))
                return false;
        text_of(&d, "/pool[@type='scsi']/source/adapter[@type='fc_host']/@wwnn", wwnn, sizeof wwnn);
        text_of(&d, "/pool[@type='scsi']/source/adapter[@type='fc_host']/@wwpn", wwpn, sizeof wwpn);
        if (!is_wwn(wwnn) || !is_wwn(wwpn))
                return false;
        copy_wwn(ret_wwnn, wwnn);
        copy_wwn(ret_wwpn, wwpn);
        return true;
}

static bool has_room(const Description *d) {
        char used[24], most[24];

        text_of(d, HOST "/capability[@type='vport_ops']/vports", used, sizeof used);
        text_of(d, HOST "/capability[@type='vport_ops']/max_vports", most, sizeof most);
        return most[0] && strtoul(used, NULL, 10) < strtoul(most, NULL, 10);
}

bool fabric_of_device(const char *device_xml, bool for_ports, char ret[static FABRIC_WWN_SIZE]) {
        auto_(description_done) Description d = { 0 };
        char wwn[64];

        if (!description_open(device_xml, &d))
                return false;
        text_of(&d, HOST "/capability[@type='fc_host']/fabric_wwn", wwn, sizeof wwn);
        /* without a cable there is none, or all are ones */
        if (!is_wwn(wwn) || strspn(wwn, "0") == strlen(wwn) || strspn(wwn, "fF") == strlen(wwn) ||
            (for_ports && !has_room(&d)))
                return false;
        copy_wwn(ret, wwn);
        return true;
}
