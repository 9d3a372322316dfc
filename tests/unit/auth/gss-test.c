/* Tickets and the Kerberos conversation against a real KDC; with-kdc.sh starts it and says where in $KDC. */
#include "tests/unit/test.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/gss.h"
#include "auth/machine.h"
#include "auth/rotate.h"

static const uint8_t ours[GSS_BINDING_SIZE] = { 1, 2, 3 }, theirs[GSS_BINDING_SIZE] = { 1, 2, 4 };

static char *in_kdc(char to[static MACHINE_NAME_MAX], const char *name) {
        (void)snprintf(to, MACHINE_NAME_MAX, "%s/%s", getenv("KDC"), name);
        return to;
}

static Machine load(const char *keytab, const char *cache) {
        char path[MACHINE_NAME_MAX], tickets[MACHINE_NAME_MAX];
        Machine m;
        Error err;
        if (machine_load_from(in_kdc(path, keytab), in_kdc(tickets, cache), &m, &err) < 0)
                fail_msg("%s: %s", keytab, err.text);
        return m;
}

static void use_conf(const char *name) {
        char path[MACHINE_NAME_MAX];
        (void)setenv("KRB5_CONFIG", in_kdc(path, name), 1);
}

/* ---- machine.h ------------------------------------------------------------------------------------- */

static void test_refresh(void **state) {
        Machine m = load("keytab", "run/hv1");
        uint64_t renew_us = 0;
        struct stat st;
        Error err;

        (void)unlink(m.ccache);
        if (machine_refresh(&m, &renew_us, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(stat(m.ccache, &st), 0);
        assert_int_equal(st.st_mode & 077 & ~040, 0);           /* nobody but us, and a group that may read */
        int64_t in_s = (int64_t)(renew_us / 1000000) - (int64_t)time(NULL);
        assert_in_range(in_s, 600, 24 * 3600);
        ino_t first = st.st_ino;
        if (machine_ensure(&m, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(stat(m.ccache, &st), 0);
        assert_int_equal(st.st_ino, first);                     /* still good: not asked for again */
        if (machine_refresh(&m, &renew_us, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(stat(m.ccache, &st), 0);
        assert_int_not_equal(st.st_ino, first);                 /* replaced, never rewritten */
}

static void test_refusals(void **state) {
        static const struct { const char *why, *keytab, *conf; ErrorKind kind; const char *says;
        } rows[] = {
                { "key changed", "stale.keytab", "krb5.conf", ERROR_DENIED, "is no longer that of HV2$" },
                { "account gone", "unknown.keytab", "krb5.conf", ERROR_DENIED, "has no account GONE$" },
                { "KDC dead", "keytab", "dead.conf", ERROR_UNREACHABLE,
                  "no domain controller of LAB.TEST answered" },
                { "clock", "keytab", "skewed.conf", ERROR_DENIED,
                  "differs from the domain's by more than 5 minutes" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Machine m = load(rows[i].keytab, "run/refused");
                uint64_t renew_us = 7;
                Error err = { 0 };

                use_conf(rows[i].conf);
                int r = machine_refresh(&m, &renew_us, &err);
                if (r != -1 || err.kind != rows[i].kind || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %d %s '%s'", rows[i].why, r, error_kind_name(err.kind), err.text);
                assert_int_equal(renew_us, 7);
                assert_int_equal(access(m.ccache, F_OK), -1);
                r = machine_check(&m, &err);
                if (r != -1 || err.kind != rows[i].kind)
                        fail_msg("%s: check: %d '%s'", rows[i].why, r, err.text);
        }
        use_conf("krb5.conf");
}

/* A join proves its new key to the controller that made it, not to whomever the system's krb5.conf finds. */
static void test_pinned(void **state) {
        static const struct { const char *system, *own; int r; } rows[] = {
                { "dead.conf", "krb5.conf", 0 },
                { "krb5.conf", "dead.conf", -1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Machine m = load("keytab", "run/pinned");
                uint64_t renew_us;
                Error err = { 0 };
                use_conf(rows[i].system);
                (void)in_kdc(m.conf, rows[i].own);
                if (machine_refresh(&m, &renew_us, &err) != rows[i].r)
                        fail_msg("%s: %s", rows[i].own, err.text);
        }
        use_conf("krb5.conf");
}

/* ---- rotate.h ----------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to) {
        char buffer[16384];
        FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
        assert_true(in && out);
        size_t n = fread(buffer, 1, sizeof buffer, in);
        assert_int_equal(fwrite(buffer, 1, n, out), n);
        (void)fclose(in);
        (void)fclose(out);
}

/* Of the keytab and the one beside it the domain says which is right; HV2$'s key was changed after stale.keytab. */
static void test_settle(void **state) {
        static const struct { const char *why, *keytab, *beside, *conf; int r; bool taken, left; } rows[] = {
                { "nothing beside",               "other.keytab", NULL,           "krb5.conf", 0,  false, false },
                { "cut off after the change",     "stale.keytab", "other.keytab", "krb5.conf", 0,  true,  false },
                { "cut off before the change",    "other.keytab", "stale.keytab", "krb5.conf", 0,  false, false },
                { "half written",                 "other.keytab", "krb5.conf",    "krb5.conf", 0,  false, false },
                { "nobody can say now",           "stale.keytab", "other.keytab", "dead.conf", -1, false, true },
                { "neither is the account's key", "stale.keytab", "stale.keytab", "krb5.conf", -1, false, true },
        };
        char keytab[MACHINE_NAME_MAX], beside[MACHINE_NAME_MAX + 16], from[MACHINE_NAME_MAX];

        (void)in_kdc(keytab, "settle");
        (void)snprintf(beside, sizeof beside, "%s" ROTATE_SUFFIX, keytab);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct stat before, after;
                Error err = { 0 };

                copy_file(in_kdc(from, rows[i].keytab), keytab);
                (void)unlink(beside);
                if (rows[i].beside)
                        copy_file(in_kdc(from, rows[i].beside), beside);
                Machine m = load("settle", "run/settle");
                assert_int_equal(stat(keytab, &before), 0);
                use_conf(rows[i].conf);
                int r = rotate_settle(&m, &err);
                use_conf("krb5.conf");
                assert_int_equal(stat(keytab, &after), 0);
                if (r != rows[i].r || (before.st_ino != after.st_ino) != rows[i].taken ||
                    (access(beside, F_OK) == 0) != rows[i].left)
                        fail_msg("%s: %d '%s'", rows[i].why, r, err.text);
        }
}

/* DNS may name any host with a key for ldap/; the KDC knows which are controllers. */
static void test_controller(void **state) {
        Machine m = load("keytab", "run/hv1");
        Error err = { 0 };

        if (machine_ensure(&m, &err) < 0 || machine_check_controller(&m, "dc1.lab.test", &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(machine_check_controller(&m, "evil.lab.test", &err), -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        assert_non_null(strstr(err.text, "does not say that it is a writable one"));
        assert_int_equal(machine_check_controller(&m, "nobody.lab.test", &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

/* ---- gss.h ----------------------------------------------------------------------------------------- */

typedef struct Pair { GssPeer *initiator, *acceptor; } Pair;

static void pair_done(Pair *p) {
        gss_peer_free(p->initiator);
        gss_peer_free(p->acceptor);
}

typedef struct Token { uint8_t *data; size_t size; } Token;
static void token_done(Token *t) { free(t->data); }

static void open_pair(Pair *p, const uint8_t initiator[static GSS_BINDING_SIZE],
                      const uint8_t acceptor[static GSS_BINDING_SIZE]) {
        Machine from = load("keytab", "run/hv1"), to = load("other.keytab", "run/hv2");
        Error err;
        if (gss_peer_initiate(&from, "hv2.lab.test", initiator, &p->initiator, &err) < 0 ||
            gss_peer_accept(&to, acceptor, &p->acceptor, &err) < 0)
                fail_msg("%s", err.text);
}

static void converse(Pair *p) {
        auto_(token_done) Token there = { 0 }, back = { 0 }, last = { 0 };
        bool done = false;
        Error err;

        if (gss_peer_step(p->initiator, NULL, 0, &there.data, &there.size, &done, &err) < 0)
                fail_msg("%s", err.text);
        assert_false(done);
        assert_null(gss_peer_principal(p->initiator));
        if (gss_peer_step(p->acceptor, there.data, there.size, &back.data, &back.size, &done, &err) < 0)
                fail_msg("%s", err.text);
        assert_true(done);
        if (gss_peer_step(p->initiator, back.data, back.size, &last.data, &last.size, &done, &err) < 0)
                fail_msg("%s", err.text);
        assert_true(done);
        assert_int_equal(last.size, 0);
}

static void test_conversation(void **state) {
        auto_(pair_done) Pair p = { 0 };
        auto_(token_done) Token mic = { 0 }, more = { 0 };
        bool done;
        Error err;

        open_pair(&p, ours, ours);
        assert_int_equal(gss_peer_sign(p.initiator, "x", 1, &mic.data, &mic.size, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);             /* not before it is proven */
        converse(&p);
        assert_string_equal(gss_peer_principal(p.acceptor), "HV1$@LAB.TEST");
        assert_string_equal(gss_peer_principal(p.initiator), "host/hv2.lab.test@LAB.TEST");

        assert_int_equal(gss_peer_sign(p.initiator, "hello", 5, &mic.data, &mic.size, &err), 0);
        assert_int_equal(gss_peer_verify(p.acceptor, "hullo", 5, mic.data, mic.size, &err), -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        assert_int_equal(gss_peer_verify(p.acceptor, "hello", 5, mic.data, mic.size, &err), 0);
        assert_int_equal(gss_peer_verify(p.acceptor, "hello", 5, mic.data, mic.size, &err), -1);  /* replayed */
        assert_int_equal(gss_peer_verify(p.initiator, "hello", 5, mic.data, mic.size, &err), -1); /* reflected */
        assert_int_equal(gss_peer_verify(p.acceptor, "hello", 5, NULL, 0, &err), -1);

        assert_int_equal(gss_peer_step(p.acceptor, "x", 1, &more.data, &more.size, &done, &err), -1);
        assert_int_equal(err.kind, ERROR_PROTOCOL);             /* after the end */
}

/* Somebody who ends both TLS connections and passes the tokens on has two different bindings. */
static void test_binding(void **state) {
        auto_(pair_done) Pair p = { 0 };
        auto_(token_done) Token there = { 0 }, back = { 0 };
        bool done;
        Error err;

        open_pair(&p, ours, theirs);
        assert_int_equal(gss_peer_step(p.initiator, NULL, 0, &there.data, &there.size, &done, &err), 0);
        assert_int_equal(gss_peer_step(p.acceptor, there.data, there.size, &back.data, &back.size, &done, &err),
                         -1);
        assert_int_equal(err.kind, ERROR_DENIED);
        assert_non_null(strstr(err.text, "other end of this TLS connection"));
        assert_null(gss_peer_principal(p.acceptor));
        assert_int_equal(gss_peer_step(p.acceptor, there.data, there.size, &back.data, &back.size, &done, &err),
                         -1);
}

/* A token of somebody who leaves a protection out; libgssapi itself would accept it. */
static void foreign_token(const Machine *m, OM_uint32 flags, const uint8_t *binding, Token *ret) {
        char path[MACHINE_NAME_MAX + 8], target[] = "host/hv2.lab.test@LAB.TEST";
        uint8_t bytes[13 + GSS_BINDING_SIZE] = "tls-exporter:";
        gss_buffer_desc name = { sizeof target - 1, target }, out = GSS_C_EMPTY_BUFFER;
        struct gss_channel_bindings_struct bound = { .application_data = { sizeof bytes, bytes } };
        gss_key_value_element_desc element = { "ccache", path };
        const gss_key_value_set_desc store = { 1, &element };
        gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
        gss_ctx_id_t context = GSS_C_NO_CONTEXT;
        gss_name_t to = GSS_C_NO_NAME;
        OM_uint32 minor;

        if (binding)
                memcpy(bytes + 13, binding, GSS_BINDING_SIZE);
        (void)snprintf(path, sizeof path, "FILE:%s", m->ccache);
        assert_false(GSS_ERROR(gss_import_name(&minor, &name, GSS_KRB5_NT_PRINCIPAL_NAME, &to)));
        assert_false(GSS_ERROR(gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, NULL, GSS_C_INITIATE,
                                                     &store, &cred, NULL, NULL)));
        assert_false(GSS_ERROR(gss_init_sec_context(&minor, cred, &context, to, gss_mech_krb5, flags, 0,
                                                    binding ? &bound : GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER,
                                                    NULL, &out, NULL, NULL)));
        ret->data = malloc(out.length);
        memcpy(ret->data, out.value, out.length);
        ret->size = out.length;
        (void)gss_release_buffer(&minor, &out);
        (void)gss_release_name(&minor, &to);
        (void)gss_release_cred(&minor, &cred);
        (void)gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
}

static void test_weak_initiator(void **state) {
        const OM_uint32 all = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG;
        const struct { const char *why; OM_uint32 flags; const uint8_t *binding; const char *says; } rows[] = {
                { "everything",    all,                      ours, NULL },
                { "not bound",     all,                      NULL, "did not bind" },
                { "not mutual",    all & ~GSS_C_MUTUAL_FLAG, ours, "did not agree to mutual" },
                { "no replay detection", all & ~GSS_C_REPLAY_FLAG, ours, "did not agree to mutual" },
        };
        Machine from = load("keytab", "run/hv1"), to = load("other.keytab", "run/hv2");
        Error err;

        assert_int_equal(machine_ensure(&from, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(gss_peer_freep) GssPeer *acceptor = NULL;
                auto_(token_done) Token token = { 0 }, back = { 0 };
                bool done = false;

                foreign_token(&from, rows[i].flags, rows[i].binding, &token);
                assert_int_equal(gss_peer_accept(&to, ours, &acceptor, &err), 0);
                int r = gss_peer_step(acceptor, token.data, token.size, &back.data, &back.size, &done, &err);
                if (rows[i].says ? r != -1 || err.kind != ERROR_DENIED || !strstr(err.text, rows[i].says) : r != 0)
                        fail_msg("%s: %d '%s'", rows[i].why, r, err.text);
        }
}

static void test_bad_tokens(void **state) {
        static uint8_t huge[GSS_TOKEN_MAX + 1];
        static const struct { const char *why; const void *data; size_t size; ErrorKind kind; } rows[] = {
                { "nothing",        "",                 0,             ERROR_PROTOCOL },
                { "text",           "GET / HTTP/1.1",   14,            ERROR_PROTOCOL },
                { "too long",       huge,               sizeof huge,   ERROR_LIMIT },
                { "zeros",          huge,               GSS_TOKEN_MAX, ERROR_PROTOCOL },
                { "NTLM",           "NTLMSSP\0\1\0\0",  12,            ERROR_PROTOCOL },
        };
        Machine to = load("other.keytab", "run/hv2");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(gss_peer_freep) GssPeer *acceptor = NULL;
                auto_(token_done) Token back = { 0 };
                bool done = false;
                Error err = { 0 };
                assert_int_equal(gss_peer_accept(&to, ours, &acceptor, &err), 0);
                int r = gss_peer_step(acceptor, rows[i].data, rows[i].size, &back.data, &back.size, &done, &err);
                if (r != -1 || err.kind != rows[i].kind)
                        fail_msg("%s: %d %s '%s'", rows[i].why, r, error_kind_name(err.kind), err.text);
        }
}

static void test_bad_targets(void **state) {
        static const struct { const char *why, *host; ErrorKind kind; const char *says; } rows[] = {
                { "never joined", "hv9.lab.test", ERROR_NOT_FOUND, "knows no host hv9.lab.test" },
                { "realm smuggled in", "hv2.lab.test@OTHER.TEST", ERROR_INVALID, "is not a host name" },
                { "component smuggled in", "hv2/x", ERROR_INVALID, "is not a host name" },
                { "escape", "hv2\\", ERROR_INVALID, "is not a host name" },
                { "empty", "", ERROR_INVALID, "is not a host name" },
        };
        Machine from = load("keytab", "run/hv1");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(gss_peer_freep) GssPeer *p = NULL;
                auto_(token_done) Token there = { 0 };
                bool done;
                Error err = { 0 };
                int r = gss_peer_initiate(&from, rows[i].host, ours, &p, &err);
                if (r == 0)
                        r = gss_peer_step(p, NULL, 0, &there.data, &there.size, &done, &err);
                if (r != -1 || err.kind != rows[i].kind || !strstr(err.text, rows[i].says))
                        fail_msg("%s: %d %s '%s'", rows[i].why, r, error_kind_name(err.kind), err.text);
        }
}

/* The right ticket brought to a host without that key. */
static void test_wrong_host(void **state) {
        Machine from = load("keytab", "run/hv1");
        auto_(pair_done) Pair p = { 0 };
        auto_(token_done) Token there = { 0 }, back = { 0 };
        bool done;
        Error err;

        if (gss_peer_initiate(&from, "hv2.lab.test", ours, &p.initiator, &err) < 0 ||
            gss_peer_accept(&from, ours, &p.acceptor, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(gss_peer_step(p.initiator, NULL, 0, &there.data, &there.size, &done, &err), 0);
        assert_int_equal(gss_peer_step(p.acceptor, there.data, there.size, &back.data, &back.size, &done, &err),
                         -1);
        if (err.kind != ERROR_DENIED || !strstr(err.text, "does not have the key"))
                fail_msg("%s '%s'", error_kind_name(err.kind), err.text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refresh),         cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_pinned), cmocka_unit_test(test_settle), cmocka_unit_test(test_controller),
                cmocka_unit_test(test_conversation),    cmocka_unit_test(test_binding),
                cmocka_unit_test(test_weak_initiator),  cmocka_unit_test(test_bad_tokens),
                cmocka_unit_test(test_bad_targets),     cmocka_unit_test(test_wrong_host),
        };
        if (!getenv("KDC"))
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
