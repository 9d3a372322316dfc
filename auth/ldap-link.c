#include "auth/ldap-link.h"

#include <gssapi/gssapi_krb5.h>
#include <ldap.h>
#include <openldap.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/kdcs.h"

enum {
        SEAL_LEAST = 56,                /* what SASL calls a GSSAPI seal of unknown strength */
        PAGE_SIZE = 500,                /* Windows' MaxPageSize is 1000 */
        PAGES_MAX = 200,
        ANSWER_US = 3 * 1000000,        /* for all controllers together, to take a connection */
};

struct LdapLink {
        LDAP *ldap;
        char server[LOCATE_HOST_MAX], base[LDAP_LINK_DN_MAX];
        unsigned seal;
        bool near;
        int64_t since_s;
};

struct LdapEntry {
        LDAP *ldap;
        LDAPMessage *message;
        char *dn;
};

/* ---- errors -------------------------------------------------------------------------------------------- */

static ErrorKind kind_of(int code) {
        static const struct { int code; ErrorKind kind; } kinds[] = {
                { LDAP_SERVER_DOWN, ERROR_UNREACHABLE },        { LDAP_CONNECT_ERROR, ERROR_UNREACHABLE },
                { LDAP_UNAVAILABLE, ERROR_UNREACHABLE },        { LDAP_BUSY, ERROR_UNREACHABLE },
                { LDAP_TIMEOUT, ERROR_TIMEOUT },                { LDAP_TIMELIMIT_EXCEEDED, ERROR_TIMEOUT },
                { LDAP_NO_SUCH_OBJECT, ERROR_NOT_FOUND },       { LDAP_INSUFFICIENT_ACCESS, ERROR_DENIED },
                { LDAP_INVALID_CREDENTIALS, ERROR_DENIED },     { LDAP_STRONG_AUTH_REQUIRED, ERROR_DENIED },
                { LDAP_LOCAL_ERROR, ERROR_DENIED },             { LDAP_INAPPROPRIATE_AUTH, ERROR_DENIED },
                { LDAP_NO_MEMORY, ERROR_LIMIT },                { LDAP_SIZELIMIT_EXCEEDED, ERROR_LIMIT },
                { LDAP_DECODING_ERROR, ERROR_PROTOCOL },        { LDAP_OPERATIONS_ERROR, ERROR_UNREACHABLE },
                { LDAP_CONSTRAINT_VIOLATION, ERROR_CONFLICT },  { LDAP_ALREADY_EXISTS, ERROR_CONFLICT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].code == code)
                        return kinds[i].kind;
        return ERROR_PROTOCOL;
}

static int fail(Error *err, LDAP *ldap, const char *server, const char *what, int code) {
        char *detail = NULL;

        if (ldap)
                (void)ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
        (void)error_set(err, kind_of(code), code, "the directory on %s: %s: %s%s%.200s", server, what,
                        ldap_err2string(code), detail && *detail ? ": " : "", detail ? detail : "");
        ldap_memfree(detail);
        return -1;
}

/* ---- connecting ---------------------------------------------------------------------------------------- */

static void ldap_done(LDAP **ldap) {
        if (*ldap)
                (void)ldap_unbind_ext(*ldap, NULL, NULL);
        *ldap = NULL;
}

/* @address: where @host is; "": whatever the DNS says. */
static int open_plain(const char *host, const char *address, uint16_t port, LDAP **ret, Error *err) {
        auto_(ldap_done) LDAP *ldap = NULL;
        char uri[LOCATE_HOST_MAX + 32];
        const struct timeval timeout = { .tv_sec = LDAP_LINK_TIMEOUT_S };
        int version = LDAP_VERSION3, limit = LDAP_LINK_TIMEOUT_S;
        auto_fd int fd = -1;

        (void)snprintf(uri, sizeof uri, "ldap://%s:%u", host, port);
        if (locate_connect(*address ? address : host, port, LDAP_LINK_TIMEOUT_S * 1000000ULL, &fd, err) < 0)
                return -1;
        int r = ldap_init_fd(fd, LDAP_PROTO_TCP, uri, &ldap);
        if (r == LDAP_SUCCESS)
                (void)take_fd(fd);
        else
                return fail(err, NULL, host, "connect", r);
        if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
            ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
            ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS ||
            ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS ||
            ldap_set_option(ldap, LDAP_OPT_TIMELIMIT, &limit) != LDAP_OPT_SUCCESS ||
            /* the server's name is what we asked for; reverse DNS is not to be believed */
            ldap_set_option(ldap, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) != LDAP_OPT_SUCCESS)
                return error_set(err, ERROR_INTERNAL, 0, "libldap refused an option");
        *ret = take_ptr(ldap);
        return 0;
}

/* SASL asks for an authorization identity; the empty answer means the ticket's own. */
static int interact(LDAP *ldap, unsigned flags, void *defaults, void *questions) {
        for (sasl_interact_t *q = questions; q->id != SASL_CB_LIST_END; q++) {
                q->result = "";
                q->len = 0;
        }
        return LDAP_SUCCESS;
}

static int bind_sealed(const char *cache, LdapLink *link, Error *err) {
        OM_uint32 minor;
        ber_len_t seal = 0;

        if (ldap_set_option(link->ldap, LDAP_OPT_X_SASL_SECPROPS, "minssf=56,noanonymous,noplain") !=
            LDAP_OPT_SUCCESS)
                return error_set(err, ERROR_INTERNAL, 0, "libldap refused an option");
        /* for this thread: the GSSAPI plugin below libldap has no other way to be told */
        (void)gss_krb5_ccache_name(&minor, cache, NULL);
        int r = ldap_sasl_interactive_bind_s(link->ldap, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET, interact,
                                             NULL);
        (void)gss_krb5_ccache_name(&minor, NULL, NULL);
        if (r != LDAP_SUCCESS)
                return fail(err, link->ldap, link->server, "sign in", r);
        if (ldap_get_option(link->ldap, LDAP_OPT_X_SASL_SSF, &seal) != LDAP_OPT_SUCCESS || seal < SEAL_LEAST)
                return error_set(err, ERROR_DENIED, 0, "the directory on %s did not encrypt the connection",
                                 link->server);
        link->seal = (unsigned)seal;
        return 0;
}

static int first_text(LDAP *ldap, LDAPMessage *message, const char *attribute, char *to, size_t size) {
        LdapEntry entry = { .ldap = ldap, .message = message };
        return message && ldap_entry_text(&entry, attribute, to, size) ? 0 : -1;
}

static int read_root(LDAP *ldap, const char *host, LdapRoot *ret, Error *err) {
        char *attributes[] = { (char[]){ "defaultNamingContext" }, (char[]){ "dnsHostName" },
                               (char[]){ "currentTime" }, NULL };
        LDAPMessage *answer = NULL;
        LdapRoot root = { 0 };
        char now[32] = "";

        int r = ldap_search_ext_s(ldap, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, NULL, NULL, NULL, 1,
                                  &answer);
        LDAPMessage *entry = r == LDAP_SUCCESS ? ldap_first_entry(ldap, answer) : NULL;
        bool whole = first_text(ldap, entry, "defaultNamingContext", root.base, sizeof root.base) == 0 &&
                     first_text(ldap, entry, "dnsHostName", root.server, sizeof root.server) == 0 &&
                     first_text(ldap, entry, "currentTime", now, sizeof now) == 0 &&
                     ldap_link_time(now, &root.time_s);
        (void)ldap_msgfree(answer);
        if (r != LDAP_SUCCESS)
                return fail(err, ldap, host, "read its root", r);
        if (!whole)
                return error_set(err, ERROR_PROTOCOL, 0, "%s answers LDAP but is not a domain controller", host);
        *ret = root;
        return 0;
}

int ldap_link_root(const char *host, LdapRoot *ret, Error *err) {
        auto_(ldap_done) LDAP *ldap = NULL;

        return open_plain(host, "", LDAP_PORT, &ldap, err) < 0 ? -1 : read_root(ldap, host, ret, err);
}

static int64_t seconds(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec;
}

static int open_one(const char *cache, const Controller *dc, LdapLink **ret, Error *err) {
        auto_(ldap_link_closep) LdapLink *link = calloc(1, sizeof *link);
        LdapRoot root;

        if (!link)
                return error_oom(err);
        memcpy(link->server, dc->host, sizeof link->server);
        link->near = dc->near;
        link->since_s = seconds();
        if (open_plain(dc->host, dc->address, dc->port, &link->ldap, err) < 0 || bind_sealed(cache, link, err) < 0 ||
            read_root(link->ldap, dc->host, &root, err) < 0)
                return -1;
        memcpy(link->base, root.base, sizeof link->base);
        *ret = take_ptr(link);
        return 0;
}

static int open_any(const Machine *machine, const char *cache, LdapLink **ret, Error *err) {
        const int64_t end = seconds() + LDAP_LINK_OPEN_S;
        Controllers all;
        Error ignored;

        if (locate_nearest(machine->domain, ANSWER_US, &all, err) < 0)
                return -1;
        (void)!kdcs_keep(machine, &all, &ignored);      /* without it tickets come later, from whoever answers */
        if (machine_ensure(machine, err) < 0)
                return -1;
        for (size_t i = 0; i < all.count && (i == 0 || seconds() < end); i++) {
                if (machine_check_controller(machine, all.list[i].host, err) < 0) {
                        if (err->kind == ERROR_UNREACHABLE)
                                return -1;      /* no KDC: so it would be for every other one */
                        continue;
                }
                if (open_one(cache, &all.list[i], ret, err) == 0)
                        return 0;
        }
        return -1;      /* the last one's reason */
}

int ldap_link_open_as(const Machine *machine, const char *ccache, LdapLink **ret, Error *err) {
        return open_any(machine, ccache, ret, err) == 0 ? 0 : error_wrap(err, "cannot ask the directory of %s",
                                                                         machine->domain);
}

int ldap_link_open(const Machine *machine, LdapLink **ret, Error *err) {
        char cache[MACHINE_NAME_MAX + sizeof "FILE:"];

        (void)snprintf(cache, sizeof cache, "FILE:%s", machine->ccache);
        return ldap_link_open_as(machine, cache, ret, err);
}

void ldap_link_close(LdapLink *link) {
        if (!link)
                return;
        ldap_done(&link->ldap);
        free(link);
}

const char *ldap_link_base(const LdapLink *link) { return link->base; }
const char *ldap_link_server(const LdapLink *link) { return link->server; }
bool ldap_link_is_past(const LdapLink *link) {
        return !link->near && seconds() - link->since_s >= LDAP_LINK_AWAY_S;
}
unsigned ldap_link_seal(const LdapLink *link) { return link->seal; }

/* ---- entries --------------------------------------------------------------------------------------------- */

const char *ldap_entry_dn(const LdapEntry *entry) { return entry->dn; }

bool ldap_entry_bytes(const LdapEntry *entry, const char *attribute, uint8_t *to, size_t size, size_t *ret_size) {
        struct berval **values = ldap_get_values_len(entry->ldap, entry->message, attribute);
        bool fits = values && values[0] && values[0]->bv_len <= size;

        if (fits) {
                memcpy(to, values[0]->bv_val, values[0]->bv_len);
                *ret_size = values[0]->bv_len;
        }
        ldap_value_free_len(values);
        return fits;
}

bool ldap_entry_text(const LdapEntry *entry, const char *attribute, char *to, size_t size) {
        size_t n = 0;

        if (!ldap_entry_bytes(entry, attribute, (uint8_t *)to, size - 1, &n) || memchr(to, '\0', n)) {
                to[0] = '\0';
                return false;
        }
        to[n] = '\0';
        return true;
}

bool ldap_entry_has(const LdapEntry *entry, const char *attribute, const void *value, size_t size, bool *ret_any) {
        struct berval **values = ldap_get_values_len(entry->ldap, entry->message, attribute);
        bool has = false;

        *ret_any = values && values[0];
        for (size_t i = 0; values && values[i] && i < LDAP_LINK_VALUES_MAX && !has; i++)
                has = values[i]->bv_len == size && memcmp(values[i]->bv_val, value, size) == 0;
        ldap_value_free_len(values);
        return has;
}

int ldap_entry_each(const LdapEntry *entry, const char *attribute,
                    int (*each)(void *userdata, const uint8_t *data, size_t size, Error *err), void *userdata,
                    Error *err) {
        struct berval **values = ldap_get_values_len(entry->ldap, entry->message, attribute);
        int r = 0;

        for (size_t i = 0; values && values[i] && r == 0; i++)
                r = i < LDAP_LINK_VALUES_MAX
                            ? each(userdata, (const uint8_t *)values[i]->bv_val, values[i]->bv_len, err)
                            : error_set(err, ERROR_LIMIT, 0, "the directory has more than %d values of %s",
                                        LDAP_LINK_VALUES_MAX, attribute);
        ldap_value_free_len(values);
        return r;
}

/* ---- searching --------------------------------------------------------------------------------------------- */

typedef struct Page {
        LDAPControl *control;           /* what we ask with */
        LDAPMessage *answer;
        struct berval cookie;           /* where the next page begins */
} Page;

static void page_done(Page *page) {
        if (page->control)
                ldap_control_free(page->control);
        (void)ldap_msgfree(page->answer);
        ber_memfree(page->cookie.bv_val);
}

/* Replaces the cookie with that of the answer; an empty one: this was the last page. */
static int next_cookie(LdapLink *link, Page *page, Error *err) {
        LDAPControl **controls = NULL;
        ber_int_t estimate;
        int code = LDAP_SUCCESS;
        struct berval cookie = { 0, NULL };

        int r = ldap_parse_result(link->ldap, page->answer, &code, NULL, NULL, NULL, &controls, 0);
        LDAPControl *found =
                r == LDAP_SUCCESS ? ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL) : NULL;
        if (found)
                r = ldap_parse_pageresponse_control(link->ldap, found, &estimate, &cookie);
        if (controls)
                ldap_controls_free(controls);
        if (r != LDAP_SUCCESS)
                return fail(err, link->ldap, link->server, "read the next page", r);
        ber_memfree(page->cookie.bv_val);
        page->cookie = cookie;
        return 0;
}

static int fetch(LdapLink *link, const LdapQuery *query, Page *page, Error *err) {
        int r = ldap_create_page_control(link->ldap, PAGE_SIZE, page->cookie.bv_val ? &page->cookie : NULL, 0,
                                         &page->control);
        if (r != LDAP_SUCCESS)
                return fail(err, link->ldap, link->server, "search", r);
        LDAPControl *controls[] = { page->control, NULL };
        r = ldap_search_ext_s(link->ldap, query->base ? query->base : link->base,
                              query->only_base ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE, query->filter,
                              (char **)(uintptr_t)query->attributes, 0, query->only_base ? NULL : controls, NULL,
                              NULL, LDAP_NO_LIMIT, &page->answer);
        if (r != LDAP_SUCCESS)
                return fail(err, link->ldap, link->server, "search", r);
        return query->only_base ? 0 : next_cookie(link, page, err);
}

static int hand_over(LdapLink *link, Page *page, const LdapQuery *query, size_t *seen,
                     int (*each)(void *, const LdapEntry *, Error *), void *userdata, Error *err) {
        /* only entries: references to other domains are not followed */
        for (LDAPMessage *m = ldap_first_entry(link->ldap, page->answer); m; m = ldap_next_entry(link->ldap, m)) {
                if ((*seen)++ == query->max)
                        return error_set(err, ERROR_LIMIT, 0,
                                         "the directory on %s has more than %zu answers to %.100s", link->server,
                                         query->max, query->filter);
                LdapEntry entry = { .ldap = link->ldap, .message = m, .dn = ldap_get_dn(link->ldap, m) };
                if (!entry.dn)
                        return error_set(err, ERROR_PROTOCOL, 0, "the directory on %s sent an entry without a name",
                                         link->server);
                int r = each(userdata, &entry, err);
                ldap_memfree(entry.dn);
                if (r < 0)
                        return -1;
        }
        return 0;
}

int ldap_link_search(LdapLink *link, const LdapQuery *query,
                     int (*each)(void *userdata, const LdapEntry *entry, Error *err), void *userdata, Error *err) {
        struct berval cookie = { 0, NULL };
        size_t seen = 0;

        for (unsigned n = 0; n < PAGES_MAX; n++) {
                auto_(page_done) Page page = { .cookie = cookie };
                if (fetch(link, query, &page, err) < 0 ||
                    hand_over(link, &page, query, &seen, each, userdata, err) < 0)
                        return -1;
                if (page.cookie.bv_len == 0)
                        return 0;
                cookie = page.cookie;
                page.cookie = (struct berval){ 0, NULL };
        }
        ber_memfree(cookie.bv_val);
        return error_set(err, ERROR_LIMIT, 0, "the directory on %s never ends its answer", link->server);
}

static int modify(LdapLink *link, int how, const char *dn, const char *attribute, const char *value, Error *err) {
        /* libldap's structures have no const; it does not write to them */
        char *values[] = { (char *)(uintptr_t)value, NULL };
        LDAPMod change = { .mod_op = how, .mod_type = (char *)(uintptr_t)attribute, .mod_values = values };
        LDAPMod *changes[] = { &change, NULL };

        int r = ldap_modify_ext_s(link->ldap, dn, changes, NULL, NULL);
        return r == LDAP_SUCCESS || r == LDAP_TYPE_OR_VALUE_EXISTS ? 0 : fail(err, link->ldap, link->server, "write", r);
}

int ldap_link_add_value(LdapLink *link, const char *dn, const char *attribute, const char *value, Error *err) {
        return modify(link, LDAP_MOD_ADD, dn, attribute, value, err);
}

int ldap_link_set_value(LdapLink *link, const char *dn, const char *attribute, const char *value, Error *err) {
        return modify(link, LDAP_MOD_REPLACE, dn, attribute, value, err);
}

int ldap_link_delete(LdapLink *link, const char *dn, Error *err) {
        int r = ldap_delete_ext_s(link->ldap, dn, NULL, NULL);
        return r == LDAP_SUCCESS || r == LDAP_NO_SUCH_OBJECT ? 0 : fail(err, link->ldap, link->server, "delete", r);
}

/* ---- pure parts ------------------------------------------------------------------------------------------ */

int ldap_link_escape(const char *text, char *to, size_t size, Error *err) {
        static const char digit[] = "0123456789abcdef";
        size_t at = 0;

        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                bool plain = *p > ' ' && *p < 0x7F && !strchr("*()\\", *p);
                if (at + (plain ? 1 : 3) >= size)
                        return error_set(err, ERROR_LIMIT, 0, "'%.64s…' is too long a name", text);
                if (plain) {
                        to[at++] = (char)*p;
                        continue;
                }
                to[at++] = '\\';
                to[at++] = digit[*p >> 4];
                to[at++] = digit[*p & 15];
        }
        to[at] = '\0';
        return 0;
}

bool ldap_link_time(const char *text, int64_t *ret) {
        struct tm tm = { 0 };
        const char *end = strptime(text, "%Y%m%d%H%M%S", &tm);

        if (strspn(text, "0123456789") != 14 || !end || end != text + 14 || (*end != '.' && *end != 'Z'))
                return false;
        if (text[strlen(text) - 1] != 'Z')
                return false;
        *ret = (int64_t)timegm(&tm);
        return true;
}
