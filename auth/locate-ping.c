#include "auth/locate-ping.h"

#include <arpa/nameser.h>
#include <string.h>

#include "appliance/base/bytes.h"

enum {
        /* RFC 4511 4.2, 4.5 */
        TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_ENUMERATED = 0x0A, TAG_BOOLEAN = 0x01, TAG_SEQUENCE = 0x30, TAG_SET = 0x31,
        TAG_SEARCH = 0x63, TAG_ENTRY = 0x64, TAG_AND = 0xA0, TAG_EQUAL = 0xA3,
        /* [MS-ADTS] 6.3.1 */
        VERSION_5 = 0x2, VERSION_5EX = 0x4, LOGON_RESPONSE_EX = 23, FLAG_CLOSEST = 0x80,
        NAMES_BEFORE_SITES = 6,         /* forest, domain, host, and three more */
};

/* ---- the question ---------------------------------------------------------------------------------------- */

/* Lengths are written with two bytes everywhere: BER lets us, and they are known only afterwards. */
static size_t begin(Writer *w, uint8_t tag) {
        write_u8(w, tag);
        write_u8(w, 0x82);
        write_u16(w, 0);
        return w->at;
}

static void end(Writer *w, size_t from) {
        size_t size = w->at - from;
        write_u16_at(w, from - 2, (uint16_t)(size >> 8 | (size & 0xFF) << 8));
}

static void write_octets(Writer *w, const void *data, size_t size) {
        size_t at = begin(w, TAG_OCTETS);
        write_bytes(w, data, size);
        end(w, at);
}

static void write_number(Writer *w, uint8_t tag, uint8_t value) {
        write_u8(w, tag);
        write_u8(w, 1);
        write_u8(w, value);
}

static void write_equal(Writer *w, const char *attribute, const void *value, size_t size) {
        size_t at = begin(w, TAG_EQUAL);
        write_octets(w, attribute, strlen(attribute));
        write_octets(w, value, size);
        end(w, at);
}

size_t ping_question(const char *domain, uint8_t to[static PING_QUESTION_MAX]) {
        static const uint8_t version[] = { VERSION_5 | VERSION_5EX, 0, 0, 0 };
        Writer w = writer_of(to, PING_QUESTION_MAX);

        size_t message = begin(&w, TAG_SEQUENCE);
        write_number(&w, TAG_INTEGER, 1);
        size_t search = begin(&w, TAG_SEARCH);
        write_octets(&w, "", 0);                        /* the root */
        write_number(&w, TAG_ENUMERATED, 0);            /* itself */
        write_number(&w, TAG_ENUMERATED, 0);            /* no aliases */
        write_number(&w, TAG_INTEGER, 0);
        write_number(&w, TAG_INTEGER, 0);
        write_number(&w, TAG_BOOLEAN, 0);
        size_t filter = begin(&w, TAG_AND);
        write_equal(&w, "DnsDomain", domain, strlen(domain));
        write_equal(&w, "NtVer", version, sizeof version);
        end(&w, filter);
        size_t attributes = begin(&w, TAG_SEQUENCE);
        write_octets(&w, "Netlogon", strlen("Netlogon"));
        end(&w, attributes);
        end(&w, search);
        end(&w, message);
        return writer_ok(&w) ? w.at : 0;
}

/* ---- the answer ------------------------------------------------------------------------------------------ */

/* What is in the next element, which must be a @tag; it fails the reader otherwise. */
static Reader inside(Reader *r, uint8_t tag) {
        uint8_t found = read_u8(r), first = read_u8(r);
        size_t size = first;

        if (first & 0x80) {
                size = 0;
                if ((first & 0x7F) > 4)
                        r->failed = true;
                for (unsigned n = first & 0x7F; n > 0 && !r->failed; n--)
                        size = size << 8 | read_u8(r);
        }
        r->failed |= found != tag;
        Span span = read_span(r, r->failed ? 0 : size);
        Reader in = reader_of(span.data, span.size);
        in.failed = r->failed;
        return in;
}

/* The names of the record lean on each other as those of a DNS message do: NETLOGON_SAM_LOGON_RESPONSE_EX, 6.3.1.9. */
static bool read_name(const Reader *record, size_t *at, char to[static LOCATE_SITE_MAX]) {
        char name[NS_MAXDNAME];

        int n = *at < record->size ? ns_name_uncompress(record->data, record->data + record->size, record->data + *at, name, sizeof name)
                                   : -1;
        if (n < 0)
                return false;
        *at += (size_t)n;
        size_t size = strlen(name);
        if (size >= LOCATE_SITE_MAX)
                size = 0;       /* longer than a site's may be */
        memcpy(to, name, size);
        to[size] = '\0';
        if (strcmp(to, ".") == 0)
                to[0] = '\0';
        return true;
}

static bool read_record(Reader record, PingAnswer *ret) {
        char ignored[LOCATE_SITE_MAX];

        uint16_t what = read_u16(&record);
        read_skip(&record, 2);
        uint32_t flags = read_u32(&record);
        read_skip(&record, 16);         /* the domain's GUID */
        if (!reader_ok(&record) || what != LOGON_RESPONSE_EX)
                return false;
        size_t at = record.at;
        for (unsigned i = 0; i < NAMES_BEFORE_SITES; i++)
                if (!read_name(&record, &at, ignored))
                        return false;
        ret->near = flags & FLAG_CLOSEST;
        return read_name(&record, &at, ignored) /* the controller's own */ && read_name(&record, &at, ret->site);
}

int ping_decode(const uint8_t *answer, size_t size, PingAnswer *ret, Error *err) {
        Reader all = reader_of(answer, size);
        PingAnswer found = { .near = false };

        Reader message = inside(&all, TAG_SEQUENCE);
        (void)inside(&message, TAG_INTEGER);
        Reader entry = inside(&message, TAG_ENTRY);
        (void)inside(&entry, TAG_OCTETS);
        Reader attributes = inside(&entry, TAG_SEQUENCE);
        Reader attribute = inside(&attributes, TAG_SEQUENCE);
        (void)inside(&attribute, TAG_OCTETS);
        Reader values = inside(&attribute, TAG_SET);
        Reader record = inside(&values, TAG_OCTETS);
        if (!reader_ok(&record) || !read_record(record, &found))
                return error_set(err, ERROR_PROTOCOL, 0, "that is no answer of a domain controller that serves");
        *ret = found;
        return 0;
}
