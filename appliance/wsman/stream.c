/* Streams of a shell inside envelopes: base64, and compression where the client asked for it. */
#include <stdlib.h>
#include <string.h>

#include "appliance/wsman/shell.h"
#include "appliance/wsman/xpress.h"

enum { DECODED_MAX = 8 * 1024 * 1024 }; /* bytes of one Stream of a Send, decompressed */

void shell_write_stream(const Shell *shell, XmlWriter *w, const char *name, const char *command, const void *data,
                        size_t size) {
        auto_free uint8_t *block = NULL;

        xml_writef(w, "<rsp:Stream Name=\"%s\"", name);
        if (*command)
                xml_writef(w, " CommandId=\"%s\"", command);
        xml_write(w, ">");
        if (!shell->compressed) {
                xml_write_base64(w, data, size);
        } else if ((block = malloc(XPRESS_HEAD + size)) != NULL) {
                xpress_store_head(size, block);
                memcpy(block + XPRESS_HEAD, data, size);
                xml_write_base64(w, block, XPRESS_HEAD + size);
        } else {
                w->failed = true;
        }
        xml_write(w, "</rsp:Stream>");
}

int shell_read_stream(const Shell *shell, const XmlElement *stream, uint8_t **ret, size_t *ret_size,
                      WsmanFault *fault) {
        auto_free uint8_t *data = NULL;
        size_t size = 0;
        Error err = { 0 };

        if (xml_read_base64(stream->text, &data, &size, &err) < 0)
                return fault_set(fault, FAULT_SCHEMA, "%s", err.text);
        if (!shell->compressed) {
                *ret = take_ptr(data);
                *ret_size = size;
                return 0;
        }
        return xpress_decode(data, size, DECODED_MAX, ret, ret_size, &err) < 0
                       ? fault_set(fault, FAULT_SCHEMA, "%s", err.text)
                       : 0;
}
