#include "appliance/wsman/envelope.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/text.h"

#define TRANSFER "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
#define ANONYMOUS "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
#define FAULT_ACTION_URI "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
#define FAULT_DETAIL "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"

static const char *const actions[ACTION_COUNT] = {
        [ACTION_IDENTIFY] = "", /* has no header at all, DSP0226 11 */
        [ACTION_CREATE] = TRANSFER "Create",
        [ACTION_GET] = TRANSFER "Get",
        [ACTION_DELETE] = TRANSFER "Delete",
        [ACTION_ENUMERATE] = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate",
        [ACTION_COMMAND] = WSMAN_SHELL_URI "/Command",
        [ACTION_RECEIVE] = WSMAN_SHELL_URI "/Receive",
        [ACTION_SEND] = WSMAN_SHELL_URI "/Send",
        [ACTION_SIGNAL] = WSMAN_SHELL_URI "/Signal",
        [ACTION_DISCONNECT] = WSMAN_SHELL_URI "/Disconnect",
        [ACTION_RECONNECT] = WSMAN_SHELL_URI "/Reconnect",
        [ACTION_CONNECT] = WSMAN_SHELL_URI "/Connect",
};

/* Code: what [MS-ERREF] calls it on Windows; clients branch on the number. */
static const struct {
        uint32_t code;
        const char *role, *subcode; /* s:Sender or s:Receiver; NULL: the value is the role itself */
        const char *detail;         /* after FAULT_DETAIL, or NULL */
} faults[FAULT_COUNT] = {
        [FAULT_TIMED_OUT] = { 2150858793, "s:Receiver", "w:TimedOut", "OperationTimeout" },
        [FAULT_SELECTORS] = { 2150858843, "s:Sender", "w:InvalidSelectors", "UnexpectedSelectors" },
        [FAULT_ACTION] = { 2150858753, "s:Sender", "a:ActionNotSupported", NULL },
        [FAULT_RESOURCE] = { 2150858752, "s:Sender", "a:DestinationUnreachable", "InvalidResourceURI" },
        [FAULT_SCHEMA] = { 2150858817, "s:Sender", "w:SchemaValidationError", NULL },
        [FAULT_MUST_UNDERSTAND] = { 50, "s:MustUnderstand", NULL, NULL },
        [FAULT_UNSUPPORTED] = { 50, "s:Sender", "w:UnsupportedFeature", NULL },
        [FAULT_DENIED] = { 5, "s:Sender", "w:AccessDenied", NULL },
        [FAULT_QUOTA_SHELLS] = { 2150859173, "s:Receiver", "w:QuotaLimit", NULL },
        [FAULT_QUOTA_COMMANDS] = { 2150859174, "s:Receiver", "w:QuotaLimit", NULL },
        [FAULT_PARAMETER] = { 87, "s:Sender", "w:InvalidParameter", NULL },
        [FAULT_ABORTED] = { 995, "s:Receiver", "w:InternalError", NULL },
        [FAULT_INTERNAL] = { 1359, "s:Receiver", "w:InternalError", NULL },
};

int fault_set(WsmanFault *fault, WsmanFaultKind kind, const char *fmt, ...) {
        va_list args;
        fault->kind = kind;
        va_start(args, fmt);
        (void)vsnprintf(fault->text, sizeof fault->text, fmt, args);
        va_end(args);
        return -1;
}

/* ---- reading -------------------------------------------------------------------------------------- */

static void trim(char *text) {
        size_t size = strlen(text), start = strspn(text, " \t\r\n");
        while (size > start && strchr(" \t\r\n", text[size - 1]))
                size--;
        memmove(text, text + start, size - start);
        text[size - start] = '\0';
}

static const char *trimmed(const XmlElement *e) {
        if (!e)
                return "";
        trim(e->text); /* the tree is ours */
        return e->text;
}

static bool scale(char unit, bool time, double *ret) {
        switch (unit) {
        case 'D':
                *ret = 86400;
                return !time;
        case 'H':
                *ret = 3600;
                return time;
        case 'M':
                *ret = 60;
                return time;
        case 'S':
                *ret = 1;
                return time;
        default:
                return false; /* years and months are no fixed time */
        }
}

bool duration_ms(const char *text, unsigned most, unsigned *ret) {
        double total = 0, factor;
        bool time = false, any = false;

        if (*text++ != 'P')
                return false;
        while (*text) {
                if (*text == 'T' && !time) {
                        time = true;
                        text++;
                        continue;
                }
                size_t digits = strspn(text, "0123456789"), fraction = 0;
                if (digits == 0 || digits > 9)
                        return false;
                if (text[digits] == '.')
                        fraction = 1 + strspn(text + digits + 1, "0123456789");
                if (!scale(text[digits + fraction], time, &factor) || (fraction && factor > 1))
                        return false;
                double value = 0, place = 0.1;
                for (size_t i = 0; i < digits; i++)
                        value = value * 10 + (text[i] - '0');
                for (size_t i = 1; i < fraction; i++, place /= 10)
                        value += (text[digits + i] - '0') * place;
                total += value * factor;
                any = true;
                text += digits + fraction + 1;
        }
        if (!any)
                return false;
        *ret = total * 1000 > most ? most : (unsigned)(total * 1000);
        return true;
}

static int take_action(Envelope *e, const char *action, WsmanFault *fault) {
        for (unsigned i = ACTION_CREATE; i < ACTION_COUNT; i++)
                if (strcmp(action, actions[i]) == 0) {
                        e->action = (WsmanAction)i;
                        return 0;
                }
        return fault_set(fault, FAULT_ACTION, "The action '%.200s' is not supported by this service.", action);
}

static int take_sizes(Envelope *e, const XmlElement *header, WsmanFault *fault) {
        const char *timeout = trimmed(xml_child(e->tree, header, NS_WSMAN, "OperationTimeout"));
        const char *size = trimmed(xml_child(e->tree, header, NS_WSMAN, "MaxEnvelopeSize"));

        if (*timeout && !duration_ms(timeout, WSMAN_TIMEOUT_MOST_MS, &e->timeout_ms))
                return fault_set(fault, FAULT_SCHEMA,
                                 "The OperationTimeout '%.40s' is not a duration such as PT20S.", timeout);
        if (!*size)
                return 0;
        if (strspn(size, "0123456789") != strlen(size) || strlen(size) > 12)
                return fault_set(fault, FAULT_SCHEMA, "The MaxEnvelopeSize '%.40s' is not a number.", size);
        unsigned long value = strtoul(size, NULL, 10);
        e->envelope_max = value < WSMAN_ENVELOPE_LEAST ? WSMAN_ENVELOPE_LEAST
                          : value > XML_DOCUMENT_MAX   ? XML_DOCUMENT_MAX
                                                       : value;
        return 0;
}

static int take_selectors(Envelope *e, const XmlElement *header, WsmanFault *fault) {
        const XmlElement *set = xml_child(e->tree, header, NS_WSMAN, "SelectorSet");
        for (const XmlElement *s = xml_child(e->tree, set, NS_WSMAN, "Selector"); s;
             s = xml_next(e->tree, s, NS_WSMAN, "Selector")) {
                const char *name = xml_attribute(s, "Name");
                if (!name || !text_equal_nocase(name, "ShellId"))
                        return fault_set(fault, FAULT_SELECTORS, "The selector '%.80s' is not known.",
                                         name ? name : "");
                if (strlen(trimmed(s)) >= WSMAN_ID_MAX)
                        return fault_set(fault, FAULT_SELECTORS, "The shell id is too long.");
                e->shell = s->text;
        }
        return 0;
}

static bool is_true(const char *text) {
        return text && (strcmp(text, "1") == 0 || text_equal_nocase(text, "true"));
}

/* DSP0226 and SOAP 1.2 5.2.3: what must be understood and is not, refuses the message. */
static int check_understood(const Envelope *e, const XmlElement *header, WsmanFault *fault) {
        static const struct {
                XmlNs ns;
                const char *name;
        } known[] = {
                { NS_ADDRESSING, "Action" },      { NS_ADDRESSING, "To" },       { NS_ADDRESSING, "MessageID" },
                { NS_ADDRESSING, "ReplyTo" },     { NS_WSMAN, "ResourceURI" },   { NS_WSMAN, "MaxEnvelopeSize" },
                { NS_WSMAN, "OperationTimeout" }, { NS_WSMAN, "Locale" },        { NS_WSMAN, "SelectorSet" },
                { NS_WSMAN, "OptionSet" },        { NS_MS_WSMAN, "DataLocale" }, { NS_MS_WSMAN, "SessionId" },
                { NS_MS_WSMAN, "OperationID" },   { NS_MS_WSMAN, "SequenceId" }, { NS_SHELL, "CompressionType" },
                { NS_MS_WSMAN, "ActivityId" },
        };
        for (const XmlElement *h = xml_child(e->tree, header, NS_OTHER, NULL); h;
             h = xml_next(e->tree, h, NS_OTHER, NULL)) {
                bool is_known = false;
                for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                        is_known = is_known || (h->ns == known[i].ns && strcmp(h->name, known[i].name) == 0);
                if (!is_known && is_true(xml_attribute(h, "mustUnderstand")))
                        return fault_set(fault, FAULT_MUST_UNDERSTAND, "The header %.80s is not understood.",
                                         h->name);
        }
        return 0;
}

int envelope_read(const XmlTree *tree, Envelope *ret, WsmanFault *fault) {
        const XmlElement *root = &tree->elements[0];
        const XmlElement *header = xml_child(tree, root, NS_SOAP, "Header"),
                         *body = xml_child(tree, root, NS_SOAP, "Body");

        *ret = (Envelope){ .tree = tree,
                           .message_id = "",
                           .resource = "",
                           .shell = "",
                           .timeout_ms = WSMAN_TIMEOUT_MS,
                           .envelope_max = XML_DOCUMENT_MAX };
        if (root->ns != NS_SOAP || strcmp(root->name, "Envelope") != 0 || !body)
                return fault_set(fault, FAULT_SCHEMA, "The message is not a SOAP 1.2 envelope.");
        ret->body = xml_child(tree, body, NS_OTHER, NULL);
        if (ret->body && ret->body->ns == NS_IDENTITY && strcmp(ret->body->name, "Identify") == 0)
                return 0;
        if (!header)
                return fault_set(fault, FAULT_SCHEMA, "The message has no header.");
        ret->message_id = trimmed(xml_child(tree, header, NS_ADDRESSING, "MessageID"));
        ret->resource = trimmed(xml_child(tree, header, NS_WSMAN, "ResourceURI"));
        const char *compression = trimmed(xml_child(tree, header, NS_SHELL, "CompressionType"));
        ret->compressed = text_equal_nocase(compression, "xpress");
        if (*compression && !ret->compressed)
                return fault_set(fault, FAULT_UNSUPPORTED, "The compression '%.40s' is not supported.",
                                 compression);
        if (take_action(ret, trimmed(xml_child(tree, header, NS_ADDRESSING, "Action")), fault) < 0 ||
            take_sizes(ret, header, fault) < 0 || take_selectors(ret, header, fault) < 0)
                return -1;
        return check_understood(ret, header, fault);
}

const char *envelope_body_text(const Envelope *e, XmlNs ns, const char *name) {
        return trimmed(xml_child(e->tree, e->body, ns, name));
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void begin(XmlWriter *w) {
        static const XmlNs used[] = { NS_SOAP,     NS_ADDRESSING,  NS_WSMAN, NS_MS_WSMAN,
                                      NS_TRANSFER, NS_ENUMERATION, NS_SHELL };
        xml_write(w, "<s:Envelope xml:lang=\"en-US\"");
        for (size_t i = 0; i < ARRAY_SIZE(used); i++)
                xml_writef(w, " xmlns:%s=\"%s\"", xml_namespaces[used[i]].prefix, xml_namespaces[used[i]].uri);
        xml_write(w, "><s:Header>");
}

static void header(XmlWriter *w, const Envelope *e, const char *action, const char *suffix) {
        char id[UUID_TEXT_SIZE] = "";
        Error ignored = { 0 };

        if (text_uuid(id, &ignored) < 0)
                w->failed = true;
        xml_writef(w, "<a:Action>%s%s</a:Action><a:MessageID>uuid:%s</a:MessageID><a:To>" ANONYMOUS "</a:To>",
                   action, suffix, id);
        if (*e->message_id) {
                xml_write(w, "<a:RelatesTo>");
                xml_write_text(w, e->message_id); /* byte for byte: clients compare strings */
                xml_write(w, "</a:RelatesTo>");
        }
        xml_write(w, "</s:Header><s:Body>");
}

void reply_begin(XmlWriter *w, const Envelope *e) {
        begin(w);
        header(w, e, actions[e->action], "Response");
}

void reply_end(XmlWriter *w) {
        xml_write(w, "</s:Body></s:Envelope>");
}

void reply_fault(XmlWriter *w, const Envelope *e, const WsmanFault *fault) {
        begin(w);
        header(w, e, FAULT_ACTION_URI, "");
        xml_writef(w, "<s:Fault><s:Code><s:Value>%s</s:Value>", faults[fault->kind].role);
        if (faults[fault->kind].subcode)
                xml_writef(w, "<s:Subcode><s:Value>%s</s:Value></s:Subcode>", faults[fault->kind].subcode);
        xml_write(w, "</s:Code><s:Reason><s:Text xml:lang=\"en-US\">");
        xml_write_text(w, fault->text);
        xml_write(w, "</s:Text></s:Reason><s:Detail>");
        if (faults[fault->kind].detail)
                xml_writef(w, "<w:FaultDetail>" FAULT_DETAIL "%s</w:FaultDetail>", faults[fault->kind].detail);
        xml_writef(w, "<f:WSManFault xmlns:f=\"%s\" Code=\"%u\" Machine=\"localhost\"><f:Message>",
                   xml_namespaces[NS_FAULT].uri, faults[fault->kind].code);
        xml_write_text(w, fault->text);
        xml_write(w, "</f:Message></f:WSManFault></s:Detail></s:Fault>");
        reply_end(w);
}
