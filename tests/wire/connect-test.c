/* Connecting: every way of speaking SMB 3 that we accept, and every one that we refuse. */
#include "tests/wire/client.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/status.h"

enum { SIZE = 1 << 20, TIMEOUT_US = 5 * 1000 * 1000 };

static const struct {
        const char *why;
        uint16_t dialect, cipher, signing;
        SmbProtection protection;
        uint16_t security_mode, session_flags;
        uint32_t share_flags;
        bool sealed;            /* expected */
} good[] = {
        { "3.1.1 GCM-128", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_ENCRYPT, 1, 0, 0, true },
        { "3.1.1 GCM-256", DIALECT_311, CIPHER_AES_256_GCM, SIGNING_AES_CMAC, SMB_PROTECT_ENCRYPT, 1, 0, 0, true },
        { "3.1.1 CCM-128", DIALECT_311, CIPHER_AES_128_CCM, SIGNING_AES_CMAC, SMB_PROTECT_ENCRYPT, 1, 0, 0, true },
        { "3.1.1 CCM-256", DIALECT_311, CIPHER_AES_256_CCM, SIGNING_AES_GMAC, SMB_PROTECT_ENCRYPT, 1, 0, 0, true },
        { "3.1.1 signed, GMAC", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_SIGN, 1, 0, 0,
          false },
        { "3.1.1 signed, CMAC", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_CMAC, SMB_PROTECT_SIGN, 1, 0, 0,
          false },
        { "3.1.1 plain", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_SERVER, 1, 0, 0, false },
        { "server demands signing", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_SERVER, 3, 0, 0,
          false },
        { "server demands sealing", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_SIGN, 1, 4, 0,
          true },
        { "share demands sealing", DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_GMAC, SMB_PROTECT_SIGN, 1, 0,
          0x8000, true },
        { "3.0.2 sealed", DIALECT_302, 0, 0, SMB_PROTECT_ENCRYPT, 1, 0, 0, true },
        { "3.0.2 signed", DIALECT_302, 0, 0, SMB_PROTECT_SIGN, 1, 0, 0, false },
        { "3.0 plain", DIALECT_300, 0, 0, SMB_PROTECT_SERVER, 1, 0, 0, false },
};

static void test_good(void **state) {
        (void)state;
        auto_free uint8_t *to = malloc(SIZE), *from = malloc(SIZE);
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                Fake fake = fake_default();
                Client client;
                fake.dialect = good[i].dialect;
                fake.cipher = good[i].cipher;
                fake.signing = good[i].signing;
                fake.security_mode = good[i].security_mode;
                fake.session_flags = good[i].session_flags;
                fake.share_flags = good[i].share_flags;
                if (client_connect(&client, &fake, good[i].protection, TIMEOUT_US) < 0)
                        fail_msg("%s: %s", good[i].why, client.err.text);
                const SmbFacts *facts = smb_session_facts(client.session);
                assert_int_equal(facts->dialect, good[i].dialect);
                assert_int_equal(facts->sealed, good[i].sealed);
                client_open(&client);
                assert_int_equal(client.opened.size_bytes, FAKE_FILE_SIZE);
                assert_int_equal(client.opened.lease, SMB_LEASE_READ | SMB_LEASE_HANDLE);
                memset(from, (int)i + 1, SIZE);
                assert_int_equal(client_write(&client, 4096, from, SIZE - 5), 0);
                if (client_read(&client, 4000, to, SIZE) < 0)
                        fail_msg("%s: %s", good[i].why, client.err.text);
                assert_int_equal(client.size, SIZE);
                assert_memory_equal(to, fake.file + 4000, SIZE);
                assert_memory_equal(to + 96, from, 1000);
                assert_int_equal(client_read(&client, 17, to, 100), 0);
                assert_memory_equal(to, fake.file + 17, 100);
                assert_int_equal(client_read(&client, FAKE_FILE_SIZE - 10, to, SIZE), 0);
                assert_int_equal(client.size, 10);
                assert_int_equal(client_read(&client, FAKE_FILE_SIZE, to, 1), 0);
                assert_int_equal(client.size, 0);
                assert_int_equal(client.lost, 0);
                client_free(&client, &fake);
        }
}

typedef struct BadRow {
        const char *why;
        Fake with;
        SmbProtection protection;
        ErrorKind kind;
        const char *says;
} BadRow;

#define FAKE(...)                                                                                                  \
        { .dialect = DIALECT_311,                                                                                  \
          .cipher = CIPHER_AES_128_GCM,                                                                            \
          .signing = SIGNING_AES_GMAC,                                                                             \
          .max_size = 1 << 20,                                                                                     \
          .credits = -1,                                                                                           \
          .capabilities = CAP_LARGE_MTU | CAP_ENCRYPTION,                                                          \
          .security_mode = 1,                                                                                      \
          __VA_ARGS__ }
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif

static const BadRow bad[] = {
        { "2.1", FAKE(.dialect = 0x0210), SMB_PROTECT_ENCRYPT, ERROR_UNSUPPORTED, "SMB 2.1 only; enable SMB 3" },
        { "wildcard", FAKE(.dialect = 0x02FF), SMB_PROTECT_ENCRYPT, ERROR_UNSUPPORTED,
          "SMB 2.1 only; enable SMB 3" },
        { "2.0.2", FAKE(.dialect = 0x0202), SMB_PROTECT_ENCRYPT, ERROR_UNSUPPORTED, "SMB 2.0.2 only" },
        { "invented dialect", FAKE(.dialect = 0x0312), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "not offered" },
        { "no dialect in common", FAKE(.negotiate_status = STATUS_NOT_SUPPORTED), SMB_PROTECT_ENCRYPT,
          ERROR_UNSUPPORTED, "enable SMB 3 on the file server" },
        { "signs with SMB 2's HMAC", FAKE(.signing = SIGNING_HMAC_SHA256), SMB_PROTECT_SIGN, ERROR_PROTOCOL,
          "not offered" },
        { "strange cipher", FAKE(.strange_cipher = true), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "not offered" },
        { "context twice", FAKE(.context_twice = true), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "twice" },
        { "no integrity hash", FAKE(.no_preauth = true), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "integrity" },
        { "no cipher", FAKE(.cipher = CIPHER_NONE), SMB_PROTECT_ENCRYPT, ERROR_UNSUPPORTED, "no encryption" },
        { "share demands what nobody has", FAKE(.cipher = CIPHER_NONE, .share_flags = 0x8000), SMB_PROTECT_SIGN,
          ERROR_UNSUPPORTED, "demands encryption" },
        { "3.0 without cipher", FAKE(.dialect = DIALECT_300, .capabilities = CAP_LARGE_MTU), SMB_PROTECT_ENCRYPT,
          ERROR_UNSUPPORTED, "no encryption" },
        { "tiny maximum", FAKE(.max_size = 4096), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "64 KiB" },
        { "changed on the way, 3.1.1", FAKE(.lies_about_negotiation = true), SMB_PROTECT_ENCRYPT, ERROR_DENIED,
          "wrong signature" },
        { "changed on the way, 3.0.2", FAKE(.dialect = DIALECT_302, .lies_about_negotiation = true),
          SMB_PROTECT_SIGN, ERROR_PROTOCOL, "tampers" },
        { "refuses to confirm, 3.0",
          FAKE(.dialect = DIALECT_300, .fault = FAULT_STATUS, .fault_command = SMB2_IOCTL,
               .status = STATUS_NOT_SUPPORTED),
          SMB_PROTECT_SIGN, ERROR_UNSUPPORTED, "confirm" },
        { "confirms unsigned, 3.0",
          FAKE(.dialect = DIALECT_300, .fault = FAULT_STRIP_SIGNATURE, .fault_command = SMB2_IOCTL),
          SMB_PROTECT_SERVER, ERROR_DENIED, "without the signature" },
        { "guest", FAKE(.session_flags = 1), SMB_PROTECT_SIGN, ERROR_DENIED, "guest" },
        { "anonymous", FAKE(.session_flags = 2), SMB_PROTECT_SIGN, ERROR_DENIED, "guest" },
        { "sign-in unsigned", FAKE(.unsigned_sign_in = true), SMB_PROTECT_SERVER, ERROR_DENIED, "not signed" },
        { "no proof of identity", FAKE(.no_token = true), SMB_PROTECT_ENCRYPT, ERROR_DENIED, "proving" },
        { "sign-in refused", FAKE(.fault = FAULT_STATUS, .fault_command = SMB2_SESSION_SETUP, .status = 0xC000006D),
          SMB_PROTECT_ENCRYPT, ERROR_DENIED, "Kerberos ticket" },
        { "no such share", FAKE(.fault = FAULT_STATUS, .fault_command = SMB2_TREE_CONNECT, .status = 0xC00000CC),
          SMB_PROTECT_ENCRYPT, ERROR_NOT_FOUND, "\\\\fs1.lab.test\\vms" },
        { "tree unsigned", FAKE(.fault = FAULT_STRIP_SIGNATURE, .fault_command = SMB2_TREE_CONNECT),
          SMB_PROTECT_SERVER, ERROR_DENIED, "without the signature" },
        { "tree in clear", FAKE(.fault = FAULT_CLEAR, .fault_command = SMB2_TREE_CONNECT), SMB_PROTECT_ENCRYPT,
          ERROR_DENIED, "unencrypted" },
        { "hangs up at once", FAKE(.fault = FAULT_HANG_UP, .fault_command = SMB2_NEGOTIATE), SMB_PROTECT_ENCRYPT,
          ERROR_UNREACHABLE, "closed the connection" },
        { "malformed negotiate", FAKE(.fault = FAULT_SHORT_BODY, .fault_command = SMB2_NEGOTIATE),
          SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "malformed" },
        { "malformed sign-in", FAKE(.fault = FAULT_SHORT_BODY, .fault_command = SMB2_SESSION_SETUP),
          SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "malformed" },
        { "malformed tree", FAKE(.fault = FAULT_SHORT_BODY, .fault_command = SMB2_TREE_CONNECT),
          SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "malformed" },
        { "never answers", FAKE(.fault = FAULT_SILENT, .fault_command = SMB2_SESSION_SETUP), SMB_PROTECT_ENCRYPT,
          ERROR_TIMEOUT, "no answer" },
        { "no credits", FAKE(.credits = 0), SMB_PROTECT_ENCRYPT, ERROR_PROTOCOL, "no credits" },
};

static void test_bad(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Fake fake = bad[i].with;
                Client client;
                bool waits = bad[i].kind == ERROR_TIMEOUT;
                if (client_connect(&client, &fake, bad[i].protection, waits ? 200000 : TIMEOUT_US) == 0)
                        fail_msg("%s: was accepted", bad[i].why);
                if (client.err.kind != bad[i].kind || !strstr(client.err.text, bad[i].says) ||
                    !strstr(client.err.text, "fs1.lab.test"))
                        fail_msg("%s: kind %d, %s", bad[i].why, (int)client.err.kind, client.err.text);
                assert_int_equal(client.lost, 0);
                client_free(&client, &fake);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
