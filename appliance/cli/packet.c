#include "appliance/cli/packet.h"

#include <gnutls/gnutls.h>
#include <libxml/xmlreader.h>
#include <string.h>

#include "appliance/base/cleanup.h"

static const char *const names[PACKET_KIND_COUNT] = {
        [PACKET_DATA] = "Data",
        [PACKET_COMMAND] = "Command",
        [PACKET_SIGNAL] = "Signal",
        [PACKET_CLOSE] = "Close",
};

void packet_clear(Packet *packet) {
        if (packet->data)
                explicit_bzero(packet->data, packet->size);
        gnutls_free(packet->data);
        *packet = (Packet){ 0 };
}

static int bad(Error *err, const char *what) {
        return error_set(err, ERROR_PROTOCOL, 0, "the client sent no PowerShell packet: %s", what);
}

static int read_attributes(xmlTextReader *xml, Packet *packet, Error *err) {
        bool has_id = false, has_stream = false;

        while (xmlTextReaderMoveToNextAttribute(xml) == 1) {
                const char *name = (const char *)xmlTextReaderConstName(xml);
                const char *value = (const char *)xmlTextReaderConstValue(xml);
                if (name && value && strcmp(name, "PSGuid") == 0 && !has_id) {
                        if (psrp_guid_parse(value, &packet->id, err) < 0)
                                return error_wrap(err, "a PowerShell packet");
                        has_id = true;
                } else if (name && value && strcmp(name, "Stream") == 0 && packet->kind == PACKET_DATA &&
                           !has_stream) {
                        has_stream = true;
                        packet->stream = strcmp(value, "PromptResponse") == 0 ? PSRP_PROMPT_RESPONSE : PSRP_STDIN;
                        if (packet->stream == PSRP_STDIN && strcmp(value, "Default") != 0)
                                return bad(err, "an unknown stream");
                } else {
                        return bad(err, "an unknown attribute");
                }
        }
        static const PsrpGuid none;
        packet->is_pool = memcmp(&packet->id, &none, sizeof none) == 0;
        return has_id && has_stream == (packet->kind == PACKET_DATA) ? 0 : bad(err, "an attribute is missing");
}

static int read_data(xmlTextReader *xml, Packet *packet, Error *err) {
        gnutls_datum_t out = { 0 };

        if (packet->kind != PACKET_DATA || packet->data)
                return bad(err, "text where none belongs");
        const char *text = (const char *)xmlTextReaderConstValue(xml);
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)text, (unsigned)(text ? strlen(text) : 0) };
        if (in.size == 0 || gnutls_base64_decode2(&in, &out) < 0)
                return bad(err, "its data is no base64");
        packet->data = out.data;
        packet->size = out.size;
        return 0;
}

static int read_element(xmlTextReader *xml, Packet *packet, Error *err) {
        const char *name = (const char *)xmlTextReaderConstName(xml);
        if (xmlTextReaderDepth(xml) != 0)
                return bad(err, "an element inside another");
        packet->kind = 0;
        while (packet->kind < PACKET_KIND_COUNT && (!name || strcmp(names[packet->kind], name) != 0))
                packet->kind++;
        if (packet->kind == PACKET_KIND_COUNT)
                return error_set(err, ERROR_PROTOCOL, 0,
                                 "the client sent no PowerShell packet: <%.40s> is none of them", name ? name : "");
        return read_attributes(xml, packet, err);
}

static int step(xmlTextReader *xml, Packet *packet, Error *err) {
        switch (xmlTextReaderNodeType(xml)) {
        case XML_READER_TYPE_ELEMENT:
                return read_element(xml, packet, err);
        case XML_READER_TYPE_TEXT:
                return read_data(xml, packet, err);
        case XML_READER_TYPE_END_ELEMENT:
                return 0;
        default:
                return bad(err, "it is more than one element with text");
        }
}

static void free_reader(xmlTextReader **xml) {
        xmlFreeTextReader(*xml);
}
static void silence(void *userdata, const char *message, xmlParserSeverities severity, xmlTextReaderLocatorPtr at) {
}

int packet_read(const char *line, size_t size, Packet *ret, Error *err) {
        auto_(packet_clear) Packet packet = { .kind = PACKET_KIND_COUNT };
        int more;

        if (size > PACKET_LINE_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a PowerShell packet is longer than %d bytes",
                                 PACKET_LINE_MAX);
        auto_(free_reader) xmlTextReader *xml = xmlReaderForMemory(
                line, (int)size, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!xml)
                return error_oom(err);
        xmlTextReaderSetErrorHandler(xml, silence, NULL);
        while ((more = xmlTextReaderRead(xml)) == 1)
                if (step(xml, &packet, err) < 0)
                        return -1;
        if (more < 0 || packet.kind == PACKET_KIND_COUNT)
                return bad(err, "it is not well-formed XML");
        if (packet.kind == PACKET_DATA && !packet.data)
                return bad(err, "it has no data");
        *ret = packet;
        packet = (Packet){ 0 };
        return 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static void id_text(const PsrpGuid *id, char to[static PSRP_GUID_TEXT]) {
        static const PsrpGuid none;
        psrp_guid_text(id ? id : &none, to);
        for (char *p = to; *p; p++) /* as PowerShell's own server writes it */
                *p = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
}

void packet_write_data(FILE *to, const PsrpGuid *id, const void *data, size_t size) {
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)data, (unsigned)size }, out = { 0 };
        char text[PSRP_GUID_TEXT];

        id_text(id, text);
        if (gnutls_base64_encode2(&in, &out) < 0)
                return;
        (void)fprintf(to, "<Data Stream='Default' PSGuid='%s'>%.*s</Data>\n", text, (int)out.size,
                      (char *)out.data);
        gnutls_free(out.data);
}

void packet_write_ack(FILE *to, PacketKind kind, const PsrpGuid *id) {
        char text[PSRP_GUID_TEXT];
        id_text(id, text);
        (void)fprintf(to, "<%sAck PSGuid='%s' />\n", names[kind], text);
}
