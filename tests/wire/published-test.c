/* Recorded and published bytes: Microsoft's Open Specifications blog,
 *   [1] "Encryption in SMB 3.0: A protocol perspective" (2012-10),
 *   [2] "SMB 3.1.1 Pre-authentication integrity in Windows 10" (2015-08),
 *   [3] "SMB 3.1.1 Encryption in Windows 10" (2015-09),
 *   [4] "SMB 2 and SMB 3 security in Windows 10: the anatomy of signing and cryptographic keys" (2017-05),
 * and RFC 4493 for AES-CMAC.  Two Windows machines made them, so they also tell how Windows speaks. */
#include "tests/unit/test.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/negotiate.h"
#include "smb/engine/seal.h"
#include "smb/engine/wire.h"
#include "tests/wire/hex.h"

static const char preauth_4[] = "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F36909DB7928622DDDAD522D97"
                                "51640A459762C5A9D6BB084CBB3CE6BDADEF5D5BCE3C6C01";
static const char preauth_3[] = "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDBA7DB256BA2EA30E9"
                                "77F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770";

static void test_key_derivation(void **state) {
        (void)state;
        static const struct {
                const char *why, *key, *label;
                size_t label_size;
                const char *context;
                size_t context_size;
                bool hash;
                const char *expected;
        } rows[] = {
#define TEXT(s) s, sizeof(s)
                { "[4] 3.0 signing", "7CD451825D0450D235424E44BA6E78CC", TEXT("SMB2AESCMAC"), TEXT("SmbSign"),
                  false, "0B7E9C5CAC36C0F6EA9AB275298CEDCE" },
                { "[4] 3.0 client to server", "7CD451825D0450D235424E44BA6E78CC", TEXT("SMB2AESCCM"),
                  TEXT("ServerIn "), false, "FAD27796665B313EBB578F388632B4F7" },
                { "[4] 3.0 server to client", "7CD451825D0450D235424E44BA6E78CC", TEXT("SMB2AESCCM"),
                  TEXT("ServerOut"), false, "B0F0427F7CEB416D1D9DCC0CD4F99447" },
                { "[4] 3.0 second channel", "4E01A2B313BCF660CC250BEF021AEDE6", TEXT("SMB2AESCMAC"),
                  TEXT("SmbSign"), false, "BA1A17DBBFEC349BCA105563D598952F" },
                { "[4] 3.1.1 signing", "270E1BA896585EEB7AF3472D3B4C75A7", TEXT("SMBSigningKey"), preauth_4, 0,
                  true, "73FE7A9A77BEF0BDE49C650D8CCB5F76" },
                { "[4] 3.1.1 client to server", "270E1BA896585EEB7AF3472D3B4C75A7", TEXT("SMBC2SCipherKey"),
                  preauth_4, 0, true, "629BCBC54422A0F572B97F45989B6073" },
                { "[4] 3.1.1 server to client", "270E1BA896585EEB7AF3472D3B4C75A7", TEXT("SMBS2CCipherKey"),
                  preauth_4, 0, true, "E2AF0DCEFAC68DA71A0DFBD0D1350D74" },
                { "[3] 3.1.1 signing", "419FDDF34C1E001909D362AE7FB6AF79", TEXT("SMBSigningKey"), preauth_3, 0,
                  true, "8765949DFEAEE105CE9118B45BE988F0" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t key[16], expected[16], got[16], context[64];
                Error err = { 0 };
                size_t size = rows[i].context_size;
                hex(rows[i].key, key, sizeof key);
                hex(rows[i].expected, expected, sizeof expected);
                if (rows[i].hash)
                        size = hex(rows[i].context, context, sizeof context);
                else
                        memcpy(context, rows[i].context, size);
                assert_int_equal(
                        seal_derive(key, 16, rows[i].label, rows[i].label_size, context, size, got, 16, &err), 0);
                if (memcmp(got, expected, 16) != 0)
                        fail_msg("%s: another key", rows[i].why);
        }
}

/* [2]: a whole sign-in, message by message, and the hash after each. */
static const struct { const char *message, *hash; } sign_in[] = {
        { "FE534D4240000100000000000000800000000000000000000100000000000000FFFE000000000000"
          "00000000000000000000000000000000000000000000000024000500000000003F000000ECD86F32"
          "6276024F9F7752B89BB33F3A70000000020000000202100200030203110300000100260000000000"
          "010020000100FA49E6578F1F3A9F4CD3E9CC14A67AA884B3D05844E0E5A118225C15887F32FF0000"
          "0200060000000000020002000100",
          "DD94EFC5321BB618A2E208BA8920D2F422992526947A409B5037DE1E0FE8C7362B8C47122594CDE0"
          "CE26AA9DFC8BCDBDE0621957672623351A7540F1E54A0426" },
        { "FE534D4240000100000000000000010001000000000000000100000000000000FFFE000000000000"
          "000000000000000000000000000000000000000000000000410001001103020039CBCAF329714942"
          "BDCE5D60F09AB3FB2F000000000080000000800000008000D8DAE5ADCBAED00109094AB095AED001"
          "80004001C00100006082013C06062B0601050502A08201303082012CA01A3018060A2B0601040182"
          "3702021E060A2B06010401823702020AA282010C048201084E45474F455854530100000000000000"
          "60000000700000007C7CC0FD06D6362D02DDE1CF343BFE292900F49750B4AA97934D9C4296B26E51"
          "FD370471B235E15A50DAE15BD5489C87000000000000000060000000010000000000000000000000"
          "5C33530DEAF90D4DB2EC4AE3786EC3084E45474F4558545303000000010000004000000098000000"
          "7C7CC0FD06D6362D02DDE1CF343BFE295C33530DEAF90D4DB2EC4AE3786EC3084000000058000000"
          "3056A05430523027802530233121301F06035504031318546F6B656E205369676E696E6720507562"
          "6C6963204B65793027802530233121301F06035504031318546F6B656E205369676E696E67205075"
          "626C6963204B6579010026000000000001002000010060A3C3B95C3C7CCD51EC536648D9B3AC74C4"
          "83CA5B65385A251117BEB30712E50000020004000000000001000200",
          "324BFA92A4F3A190E466EBEA08D9C110DC88BFED758D9846ECC6F541CC1D02AE3C94A79F36011E99"
          "7E13F841B91B50957AD07B19C8E2539C0B23FDAE09D2C513" },
        { "FE534D4240000100000000000100800000000000000000000200000000000000FFFE000000000000"
          "00000000000000000000000000000000000000000000000019000001010000000000000058004A00"
          "0000000000000000604806062B0601050502A03E303CA00E300C060A2B06010401823702020AA22A"
          "04284E544C4D5353500001000000978208E200000000000000000000000000000000060380250000"
          "000F",
          "AC0B0F2B9986257700365E416D142A6EDC96DF03594A19E52A15F6BD0D041CD5D432F8ED42C55E33"
          "197A50C9EC00F1462B50C592211B1471A04B56088FDFD5F9" },
        { "FE534D4240000100160000C00100010001000000000000000200000000000000FFFE000000000000"
          "190000000010000000000000000000000000000000000000090000004800B300A181B03081ADA003"
          "0A0101A10C060A2B06010401823702020AA281970481944E544C4D53535000020000000C000C0038"
          "00000015828AE20D1D8BA31179D008000000000000000050005000440000000A0092270000000F53"
          "005500540033003100310002000C0053005500540033003100310001000C00530055005400330031"
          "00310004000C0053005500540033003100310003000C0053005500540033003100310007000800A1"
          "A1F5ADCBAED00100000000",
          "2729E3440DFDDD839E37193F6E8F20C20CEFB3469E453A70CD980EEC06B8835740A7376008563336"
          "4C8989895ECE81BF102DEEB14D4B7D48AFA76901A7A38387" },
};

static void test_recorded_sign_in(void **state) {
        (void)state;
        uint8_t hash[SEAL_HASH_SIZE] = { 0 }, expected[SEAL_HASH_SIZE], message[1024];
        Error err = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(sign_in); i++) {
                size_t size = hex(sign_in[i].message, message, sizeof message);
                assert_int_equal(seal_hash(hash, message, size, &err), 0);
                hex(sign_in[i].hash, expected, sizeof expected);
                assert_memory_equal(hash, expected, sizeof hash);
        }
}

/* What Windows answered decodes, and its first bytes alone never do. */
static void test_recorded_replies(void **state) {
        (void)state;
        uint8_t message[1024];
        Error err = { 0 };
        NegotiateReply n;
        size_t size = hex(sign_in[1].message, message, sizeof message);
        assert_int_equal(negotiate_decode((Span){ message, size }, &n, &err), 0);
        assert_int_equal(n.dialect, DIALECT_311);
        assert_int_equal(n.cipher, CIPHER_AES_128_GCM);
        assert_int_equal(n.signing, SIGNING_AES_CMAC);          /* Windows 10 of 2015 sent no signing context */
        assert_int_equal(n.max_read, 8 * 1024 * 1024);
        assert_int_equal(n.capabilities, 0x2F);
        for (size_t cut = 0; cut < size; cut++)
                assert_int_equal(negotiate_decode((Span){ message, cut }, &n, &err), -1);

        WireSessionReply s;
        size = hex(sign_in[3].message, message, sizeof message);
        assert_int_equal(wire_session_reply_decode((Span){ message, size }, &s, &err), 0);
        assert_int_equal(s.token.size, 0xB3);
        assert_ptr_equal(s.token.data, message + 0x48);
        for (size_t cut = 0; cut < 0x48 + 0xB3; cut++)
                assert_int_equal(wire_session_reply_decode((Span){ message, cut }, &s, &err), -1);
}

/* Published sessions: what the client sealed opens at the server's end, and what the server sealed at ours. */
static const struct {
        const char *why;
        uint16_t dialect, cipher;
        const char *session_key, *hash;
        uint64_t session_id;
        bool from_client;
        const char *sealed, *clear;
} sealed_rows[] = {
        { "[1] WRITE", DIALECT_300, CIPHER_AES_128_CCM, "B4546771B515F766A86735532DD6C4F0", NULL, 0x8E40014000011,
          true,
          "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A"
          "744DA3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD5"
          "2DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A4"
          "4C29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5"
          "AA1DB43050B33B49182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6"
          "C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB",
          "FE534D4240000100000000000900400008000000000000000400000000000000"
          "FFFE0000010000001100001400E4080000000000000000000000000000000000"
          "3100700017000000000000000000000015010000390000020100000039020000"
          "00000000000000007000000000000000536D623320656E6372797074696F6E20"
          "74657374696E67" },
        { "[1] WRITE reply", DIALECT_300, CIPHER_AES_128_CCM, "B4546771B515F766A86735532DD6C4F0", NULL,
          0x8E40014000011, false,
          "FD534D42A6015530A18F6D9AFFE22AFAE8E66484860000000000000011000014"
          "00E4080050000000000001001100001400E40800DBF46435C5F14169293CE079"
          "E344479BF670227E49873F458672C3098DAC467DD5809F369D67409166515787"
          "1483E01F7BECD02064EAC3E235F913668BBC2F097980D4B378F1993EFF6E60D1"
          "77309E5B",
          "FE534D4240000100000000000900210009000000000000000400000000000000"
          "FFFE0000010000001100001400E4080000000000000000000000000000000000"
          "11000000170000000000000000000000" },
        { "[3] WRITE", DIALECT_311, CIPHER_AES_128_GCM, "419FDDF34C1E001909D362AE7FB6AF79", preauth_3,
          0x100000000025, true,
          "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000"
          "0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02"
          "D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4"
          "4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9"
          "1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8",
          "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000"
          "25000000001000000000000000000000000000000000000031007000170000000000000000000000"
          "0600000004000000010000000400000000000000000000007000000000000000536D623320656E63"
          "72797074696F6E2074657374696E67" },
        { "[3] WRITE reply", DIALECT_311, CIPHER_AES_128_GCM, "419FDDF34C1E001909D362AE7FB6AF79", preauth_3,
          0x100000000025, false,
          "FD534D42ACBE1CB7ED343ADF1725EF144D90D4B0E06831DD2E8EB7B4000000000000000050000000"
          "00000100250000000010000026BBBF949983A6C1C796559D0F2C510CB651D1F7B6AC8DED32A2A0B8"
          "F2D793A815C6F6B848D69767A215841A42D400AE6DDB5F0B44173A014973321FDD7950DA6179159B"
          "82E03C9E18A050FF0EA1C967",
          "FE534D4240000100000000000900010001000000000000000500000000000000FFFE000001000000"
          "25000000001000000000000000000000000000000000000011000000170000000000000000000000" },
};

static Seal *make(uint16_t dialect, uint16_t cipher, uint16_t signing, const char *session_key,
                  const char *preauth) {
        uint8_t key[32] = { 0 }, hash[SEAL_HASH_SIZE] = { 0 };
        Error err = { 0 };
        Seal *seal = NULL;
        size_t key_size = hex(session_key, key, sizeof key);
        if (preauth)
                hex(preauth, hash, sizeof hash);
        SealConfig config = { dialect, cipher, signing, key, key_size, hash };
        assert_int_equal(seal_new(&config, &seal, &err), 0);
        return seal;
}

static void test_published_sealing(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(sealed_rows); i++) {
                uint8_t sealed[512], clear[512], copy[512];
                Error err = { 0 };
                Seal *seal = make(sealed_rows[i].dialect, sealed_rows[i].cipher, SIGNING_AES_CMAC,
                                  sealed_rows[i].session_key, sealed_rows[i].hash);
                if (sealed_rows[i].from_client)
                        seal_play_server(seal);
                size_t size = hex(sealed_rows[i].sealed, sealed, sizeof sealed);
                size_t clear_size = hex(sealed_rows[i].clear, clear, sizeof clear);
                assert_int_equal(size, clear_size + WIRE_TRANSFORM_SIZE);
                /* Any bit that somebody turns is noticed, those of the header too. */
                for (size_t at = 0; at < size; at++) {
                        memcpy(copy, sealed, size);
                        copy[at] ^= 0x10;
                        if (seal_decrypt(seal, sealed_rows[i].session_id, copy, size, &err) == 0)
                                fail_msg("%s: change of byte %zu not noticed", sealed_rows[i].why, at);
                }
                if (seal_decrypt(seal, sealed_rows[i].session_id, sealed, size, &err) < 0)
                        fail_msg("%s: %s", sealed_rows[i].why, err.text);
                assert_memory_equal(sealed + WIRE_TRANSFORM_SIZE, clear, clear_size);
                seal_free(seal);
        }
}

/* The last SESSION_SETUP replies of [4] and [3], signed with AES-CMAC. */
static void test_published_signatures(void **state) {
        (void)state;
        static const struct { const char *key, *hash, *message; } rows[] = {
                { "270E1BA896585EEB7AF3472D3B4C75A7", preauth_4,
                  "FE534D4240000100000000000100800009000000000000000300000000000000FFFE000000000000"
                  "1900000000100000EBE146DA120BA25FC3376A49DFE31BC10900000048001D00A11B3019A0030A01"
                  "00A3120410010000003B453CDC3524164200000000" },
                { "419FDDF34C1E001909D362AE7FB6AF79", preauth_3,
                  "FE534D4240000100000000000100800009000000000000000200000000000000FFFE000000000000"
                  "25000000001000006B85A4519A0F3EEA35BA946DD3AFE6B80900000048001D00A11B3019A0030A01"
                  "00A3120410010000003932A87523AB660100000000" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t message[256], signature[16];
                Error err = { 0 };
                Seal *seal = make(DIALECT_311, CIPHER_AES_128_GCM, SIGNING_AES_CMAC, rows[i].key, rows[i].hash);
                size_t size = hex(rows[i].message, message, sizeof message);
                memcpy(signature, message + 48, 16);
                memset(message + 48, 0, 16);
                struct iovec parts[2] = { { message, 70 }, { message + 70, size - 70 } };
                SealSigned what = { parts, 2, 0, true, false };
                assert_int_equal(seal_verify(seal, &what, signature, &err), 0);
                message[66] ^= 1;
                assert_int_equal(seal_verify(seal, &what, signature, &err), -1);
                assert_int_equal(err.kind, ERROR_DENIED);
                seal_free(seal);
        }
}

/* GMAC is computed as GCM here; GnuTLS has another implementation to compare with. */
static void test_gmac(void **state) {
        (void)state;
        uint8_t key[16], session_key[16], hash[64], message[3000], got[16], expected[16],
                nonce[12] = { 0x88, 0x77 };
        Error err = { 0 };
        hex("270E1BA896585EEB7AF3472D3B4C75A7", session_key, sizeof session_key);
        hex(preauth_4, hash, sizeof hash);
        assert_int_equal(seal_derive(session_key, 16, TEXT("SMBSigningKey"), hash, 64, key, 16, &err), 0);
        Seal *seal =
                make(DIALECT_311, CIPHER_NONE, SIGNING_AES_GMAC, "270E1BA896585EEB7AF3472D3B4C75A7", preauth_4);
        for (size_t i = 0; i < sizeof message; i++)
                message[i] = (uint8_t)(i * 11);
        for (int server = 0; server < 2; server++) {
                for (size_t cut = 64; cut < sizeof message; cut += 977) {
                        struct iovec parts[2] = { { message, cut }, { message + cut, sizeof message - cut } };
                        SealSigned what = { parts, 2, 0x7788, server, false };
                        gnutls_hmac_hd_t h;
                        assert_int_equal(seal_sign(seal, &what, got, &err), 0);
                        nonce[8] = (uint8_t)server;
                        assert_int_equal(gnutls_hmac_init(&h, GNUTLS_MAC_AES_GMAC_128, key, 16), 0);
                        gnutls_hmac_set_nonce(h, nonce, sizeof nonce);
                        assert_int_equal(gnutls_hmac(h, message, sizeof message), 0);
                        gnutls_hmac_deinit(h, expected);
                        assert_memory_equal(got, expected, 16);
                }
        }
        seal_free(seal);
}

/* A nonce never comes twice, and a key that is used up says so. */
static void test_nonces(void **state) {
        (void)state;
        uint8_t message[64] = { 0xFE, 'S', 'M', 'B' }, a[WIRE_TRANSFORM_SIZE + 64 + 16], b[sizeof a];
        Error err = { 0 };
        struct iovec part = { message, sizeof message };
        Seal *seal = make(DIALECT_311, CIPHER_AES_256_GCM, SIGNING_AES_GMAC,
                          "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", preauth_4);
        assert_int_equal(seal_encrypt(seal, 1, &part, 1, a, &err), 0);
        assert_int_equal(seal_encrypt(seal, 1, &part, 1, b, &err), 0);
        assert_memory_not_equal(a + 20, b + 20, 16);
        assert_memory_not_equal(a + 52, b + 52, 64);
        seal_set_counter(seal, UINT64_C(1) << 62);
        assert_int_equal(seal_encrypt(seal, 1, &part, 1, b, &err), -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
        seal_free(seal);

        uint8_t key[16] = { 1 }, hash[64] = { 0 };
        SealConfig narrow = { DIALECT_311, CIPHER_AES_256_GCM, SIGNING_AES_GMAC, key, sizeof key, hash };
        assert_int_equal(seal_new(&narrow, &seal, &err), -1);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_key_derivation),
                cmocka_unit_test(test_recorded_sign_in),
                cmocka_unit_test(test_recorded_replies),
                cmocka_unit_test(test_published_sealing),
                cmocka_unit_test(test_published_signatures),
                cmocka_unit_test(test_gmac),
                cmocka_unit_test(test_nonces),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
