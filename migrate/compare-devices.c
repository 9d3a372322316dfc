/* compare-devices.c — what a running machine has beyond its definition: somebody may have attached it with other tools
 *
 * Pure: reads libvirt's XML of the running domain.  A row is one kind of thing that cannot go along.
 */
#include "migrate/compare-internal.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"

#define OURS "(@type='network' and source/@protocol='nbd' and starts-with(source/host/@socket, '/run/holdfast/disk/'))"
#define MEDIUM "(@device='cdrom' or @device='floppy')"
#define SOURCE "source[@file or @dev or @dir or @name or @protocol]"    /* an ejected medium leaves an empty one */

typedef struct Row {
        const char *xpath;
        FindingId id;
        const char *what;               /* "\"web01\" cannot be moved while …; <mend>" */
        const char *mend;
        const char *labels[3];          /* of each node: what can be told of it, up to NULL */
        const char *remedy;             /* a command for each node: %V is the machine, %A the node's alias, %T its target;
                                         * %N the machine for one of our commands */
} Row;

#define DETACH "virsh detach-device-alias %V %A --live"
#define RESTART "Stop-VM %N\nStart-VM %N"

static const Row rows[] = {
        /* a volume of a pool may be of a virtual Fibre Channel adapter: compare-fabric.c */
        { "/domain/devices/hostdev[@type='scsi_host']", FINDING_FIBRE_CHANNEL,
          "a Fibre Channel target of this host is attached to it",
          "its disks must lie on SMB shares: copy their content there and detach it", { "source/@wwpn" }, DETACH },
        { "/domain/devices/hostdev[not(@type='scsi_host')]", FINDING_HOST_DEVICE,
          "a device of the host is attached to it", "detach it first",
          { "@type", "alias/@name", "source/vendor/@id" }, DETACH },
        { "/domain/devices/redirdev", FINDING_HOST_DEVICE, "a device of the host is attached to it",
          "detach it first", { "@bus", "alias/@name" }, DETACH },
        { "/domain/devices/interface[@type='hostdev' or @type='direct']", FINDING_HOST_DEVICE,
          "a network card of the host is attached to it", "connect the adapter to a switch first",
          { "@type", "mac/@address", "source/@dev" }, DETACH },
        { "/domain/devices/disk[" MEDIUM " and " SOURCE " and not" OURS "]", FINDING_LOCAL_FILE,
          "the medium in its drive is a file of this host", "eject it, or bring it onto the share first",
          { "source/@file", "source/@dev", "target/@dev" }, "virsh change-media %V %T --eject --live --force" },
        { "/domain/devices/disk[not(" MEDIUM ") and not(@type='volume') and " SOURCE " and not" OURS
          " and not(backingStore/source)]",
          FINDING_LOCAL_FILE, "a file or device that is not on an SMB share is attached to it",
          "bring it onto the share with Convert-VHD, or detach it first",
          { "source/@file", "source/@dev", "source/@name" }, "virsh detach-disk %V %T --live" },
        { "/domain/devices/filesystem", FINDING_LOCAL_FILE, "a folder of the host is attached to it",
          "turn it off and start it with Start-VM, which gives it what its definition holds and nothing else",
          { "source/@dir", "target/@dir" }, RESTART },
        { "/domain/devices/disk[" OURS " and driver/@type!='raw']", FINDING_DISK_FORMAT,
          "QEMU reads a disk of it in a format other than raw", "turn it off and start it with Start-VM",
          { "target/@dev", "driver/@type" }, RESTART },
        { "/domain/devices/disk[mirror]", FINDING_DISK_FORMAT, "a disk of it is being copied",
          "wait until the copy ends, or end it", { "target/@dev" }, "virsh blockjob %V %T --abort" },
        { "/domain/devices/disk[backingStore/source and not(mirror)]", FINDING_DISK_FORMAT,
          "a disk of it is a layer over another one", "bring the layer back into the disk below it",
          { "source/@file", "target/@dev" }, "virsh blockcommit %V %T --active --pivot --wait" },
        { "/domain/devices/tpm | /domain/os/nvram | /domain/devices/shmem | /domain/devices/memory[@model='nvdimm']",
          FINDING_LOCAL_STATE, "it has a TPM, firmware variables or memory that lie on this host",
          "turn it off and start it with Start-VM, which gives it what its definition holds and nothing else",
          { "@model", "backend/@type", "@name" }, RESTART },
};

static void document_freep(xmlDocPtr *document) { xmlFreeDoc(*document); }
static void xpath_freep(xmlXPathContextPtr *xpath) { xmlXPathFreeContext(*xpath); }
static void object_freep(xmlXPathObjectPtr *object) { xmlXPathFreeObject(*object); }

/* Adds "name value value" of @node to the list at @used of @to; what does not fit is left out. */
static size_t label(xmlXPathContextPtr xpath, xmlNodePtr node, const Row *row, char *to, size_t size, size_t used) {
        char one[160];
        size_t n = (size_t)snprintf(one, sizeof one, "%s%.40s", used ? ", " : "", (const char *)node->name);

        xpath->node = node;
        for (size_t i = 0; i < ARRAY_SIZE(row->labels) && row->labels[i]; i++) {
                auto_(object_freep) xmlXPathObjectPtr found =
                        xmlXPathEvalExpression((const xmlChar *)row->labels[i], xpath);
                if (!found || !found->nodesetval || found->nodesetval->nodeNr == 0)
                        continue;
                xmlChar *text = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
                if (text && n < sizeof one)
                        n += (size_t)snprintf(one + n, sizeof one - n, " %s", (const char *)text);
                xmlFree(text);
        }
        if (n >= sizeof one || used + n >= size)
                return used;
        (void)memcpy(to + used, one, n + 1);
        return used + n;
}

/* What @xpath finds below the context's node, without a quote that could end one. */
static void text_of(xmlXPathContextPtr xpath, const char *query, char *to, size_t size) {
        auto_(object_freep) xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)query, xpath);

        to[0] = '\0';
        if (!found || !found->nodesetval || found->nodesetval->nodeNr == 0)
                return;
        xmlChar *value = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
        if (value && !strpbrk((const char *)value, "'\"\\ ;&|$`\n"))
                (void)snprintf(to, size, "%s", (const char *)value);
        xmlFree(value);
}

/* The row's command for @node; "" when the node lacks what it needs. */
static void fill(xmlXPathContextPtr xpath, xmlNodePtr node, const char *remedy, const char *vm, char *to, size_t size) {
        auto_free char *ours = finding_quote(vm), *shell = finding_quote_shell(vm);
        char alias[64], target[32];
        size_t at = 0;

        to[0] = '\0';
        xpath->node = node;
        text_of(xpath, "alias/@name", alias, sizeof alias);
        text_of(xpath, "target/@dev", target, sizeof target);
        for (const char *from = remedy; *from && at + 1 < size; from++) {
                const char *value = from[0] != '%'   ? NULL
                                    : from[1] == 'V' ? shell
                                    : from[1] == 'N' ? ours
                                    : from[1] == 'A' ? alias
                                                     : target;
                if (from[0] == '%' && (!value || !*value)) {
                        to[0] = '\0';
                        return;
                }
                at += (size_t)snprintf(to + at, size - at, "%.*s", value ? (int)strlen(value) : 1, value ?: from);
                from += value != NULL;
        }
        if (at >= size)
                to[0] = '\0';
}

static void report(xmlXPathContextPtr xpath, const xmlNodeSet *nodes, const Row *row, const char *vm,
                   Findings *findings) {
        char evidence[FINDING_EXTRA_MAX] = "", command[FINDING_REMEDY_MAX], before[FINDING_REMEDY_MAX] = "";
        size_t used = 0;

        for (int i = 0; i < nodes->nodeNr; i++)
                used = label(xpath, nodes->nodeTab[i], row, evidence, sizeof evidence, used);
        Finding *f = finding_add(findings, row->id, ERROR_UNSUPPORTED, "\"%s\" cannot be moved while %s (%.160s); %s", vm,
                                 row->what, evidence, row->mend);
        finding_because(f, NULL, "%s", evidence);
        for (int i = 0; i < nodes->nodeNr; i++) {
                fill(xpath, nodes->nodeTab[i], row->remedy, vm, command, sizeof command);
                if (*command && strcmp(command, before) != 0)
                        finding_remedy(f, NULL, "%s", command);
                (void)memcpy(before, command, sizeof before);
        }
}

int compare_devices(const char *xml, const char *vm, Findings *findings, bool *ret_emulated, Error *err) {
        auto_(document_freep) xmlDocPtr document =
                xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
        auto_(xpath_freep) xmlXPathContextPtr xpath = document ? xmlXPathNewContext(document) : NULL;

        if (!xpath)
                return error_set(err, ERROR_INTERNAL, 0, "libvirt's description of \"%s\" cannot be read", vm);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                xpath->node = NULL;
                auto_(object_freep) xmlXPathObjectPtr found =
                        xmlXPathEvalExpression((const xmlChar *)rows[i].xpath, xpath);
                if (!found)
                        return error_set(err, ERROR_INTERNAL, 0, "the devices of \"%s\" cannot be searched", vm);
                if (found->nodesetval && found->nodesetval->nodeNr > 0)
                        report(xpath, found->nodesetval, &rows[i], vm, findings);
        }
        auto_(object_freep) xmlXPathObjectPtr emulated =
                xmlXPathEvalExpression((const xmlChar *)"/domain/@type = 'qemu'", xpath);
        *ret_emulated = emulated && emulated->boolval;
        return 0;
}
