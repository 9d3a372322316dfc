#include "smb/engine/engine.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/request.h"
#include "smb/engine/status.h"

enum {
        ROUNDS_MAX = 8,       /* of SESSION_SETUP; Kerberos needs two */
        MESSAGE_SLACK = 4096, /* a message is at most its payload and this */
};

static Request *new_request(SmbSession *session, uint16_t command, size_t size, RequestDone done, Writer *w,
                            Error *err) {
        Request *r = request_new(&session->connection, command, size, w, err);
        if (r) {
                r->done = done;
                r->owner.session = session;
        }
        return r;
}

/* What is left to say when a reply of the conversation was not good.  A lost connection has told already. */
static void give_up(SmbSession *session, const Error *err) {
        if (session->connection.open)
                session_fail(session, err);
}

static uint32_t at_most(uint32_t a, uint32_t b) {
        return a < b ? a : b;
}

/* ---- tree ------------------------------------------------------------------------------------ */

static void unc_of(const SmbSession *session, char *to, size_t size) {
        (void)snprintf(to, size, "\\\\%s\\%s", session->config.host, session->config.share);
}

static int take_tree(SmbSession *session, const Reply *reply, Error *err) {
        char unc[SMB_UNC_MAX];
        WireTreeReply tree;
        Connection *c = &session->connection;
        unc_of(session, unc, sizeof unc);
        if (reply->header.status != STATUS_SUCCESS)
                return status_error(reply->header.status, "connect to share", unc, err);
        if (wire_tree_reply_decode(reply->message, &tree, err) < 0)
                return -1;
        if (tree.type != (session->config.pipes ? SHARE_TYPE_PIPE : SHARE_TYPE_DISK))
                return error_set(err, ERROR_INVALID, 0, "%s is no file share; name a share that holds files", unc);
        c->tree_id = reply->header.tree_id;
        SmbFacts *facts = &session->facts;
        facts->share_flags = tree.flags;
        facts->share_capabilities = tree.capabilities;
        facts->maximal_access = tree.maximal_access;
        if (tree.flags & SHARE_FLAG_ENCRYPT) {
                if (!seal_can_encrypt(c->seal))
                        return error_set(err, ERROR_UNSUPPORTED, 0,
                                         "%s demands encryption and the server offers no cipher for "
                                         "it; update the file server",
                                         unc);
                c->protect = PROTECT_SEAL;
        }
        facts->sealed = c->protect == PROTECT_SEAL;
        return 0;
}

static void ready(SmbSession *session) {
        session->state = SESSION_UP;
        Error none = { 0 };
        SmbDone done = take_ptr(session->connected);
        done(session->connected_userdata, &none);
}

static void on_validated(Request *r, const Reply *reply, const Error *lost) {
        SmbSession *session = r->owner.session;
        Error err = { 0 };
        Span out;
        if (lost)
                return;
        /* An error is no excuse: every server that speaks 3.0 can answer ([MS-SMB2] 3.3.5.15.12). */
        if (reply->header.status != STATUS_SUCCESS)
                (void)status_error(reply->header.status, "confirm the negotiation with", session->config.host,
                                   &err);
        else if (wire_ioctl_reply_decode(reply->message, &out, &err) == 0 &&
                 negotiate_validate_check(out, &session->agreed, &err) == 0) {
                ready(session);
                return;
        }
        give_up(session, &err);
}

/* 3.0 and 3.0.2 negotiate unprotected: have the server repeat under its signature what it said. */
static int validate(SmbSession *session, Error *err) {
        const uint64_t no_file[2] = { UINT64_MAX, UINT64_MAX };
        uint8_t in[VALIDATE_SIZE];
        Writer data = writer_of(in, sizeof in), w;
        negotiate_validate_encode(&data, &session->offer);
        assert(writer_ok(&data));
        Request *r = new_request(session, SMB2_IOCTL, REQUEST_INLINE, on_validated, &w, err);
        if (!r)
                return -1;
        r->must_sign = true;
        wire_ioctl_encode(&w, no_file, FSCTL_VALIDATE_NEGOTIATE_INFO, (Span){ in, data.at }, VALIDATED_SIZE);
        return connection_submit(&session->connection, r, &w, 0, err);
}

static void on_tree(Request *r, const Reply *reply, const Error *lost) {
        SmbSession *session = r->owner.session;
        Error err = { 0 };
        if (lost)
                return;
        if (take_tree(session, reply, &err) < 0) {
                give_up(session, &err);
                return;
        }
        if (session->agreed.dialect == DIALECT_311)
                ready(session);
        else if (validate(session, &err) < 0)
                give_up(session, &err);
}

static int connect_tree(SmbSession *session, Error *err) {
        char unc[SMB_UNC_MAX];
        Writer w;
        unc_of(session, unc, sizeof unc);
        Request *r = new_request(session, SMB2_TREE_CONNECT, 1024, on_tree, &w, err);
        if (!r)
                return -1;
        r->must_sign = true; /* [MS-SMB2] 3.2.4.1.1: always, for 3.1.1 */
        session->state = SESSION_JOINING_TREE;
        if (wire_tree_connect_encode(&w, unc, err) < 0) {
                request_drop(&session->connection, r);
                return -1;
        }
        return connection_submit(&session->connection, r, &w, 0, err);
}

/* ---- session setup --------------------------------------------------------------------------- */

static int make_keys(SmbSession *session, Error *err) {
        const AuthStep *step = &session->job.step;
        SealConfig config = {
                .dialect = session->agreed.dialect,
                .cipher = session->agreed.cipher,
                .signing = session->agreed.signing,
                .session_key = step->session_key,
                .session_key_size = step->session_key_size,
                .preauth_hash = session->preauth,
        };
        return seal_new(&config, &session->connection.seal, err);
}

/* The last reply is signed with keys that exist only now ([MS-SMB2] 3.2.5.3.1).  This is also where
 * the pre-authentication hash proves itself: had anybody changed NEGOTIATE, the keys would differ. */
static int check_final(SmbSession *session, Error *err) {
        WireHeader h;
        auto_free uint8_t *final = take_ptr(session->final);
        if (wire_header_decode(final, session->final_size, &h, err) < 0)
                return -1;
        if (session->session_flags & (SESSION_IS_GUEST | SESSION_IS_NULL))
                return error_set(err, ERROR_DENIED, 0,
                                 "it let this host in as a guest only, which is never accepted; have the "
                                 "server know this host's computer account");
        if (!(h.flags & WIRE_SIGNED))
                return error_set(err, ERROR_DENIED, 0,
                                 "its sign-in reply is not signed; somebody on the network may be forging it");
        return request_verify(&session->connection, final, session->final_size, NULL, &h, err);
}

static int choose_protection(SmbSession *session, Error *err) {
        Connection *c = &session->connection;
        SmbProtection wanted = session->config.protection;
        bool seal = wanted == SMB_PROTECT_ENCRYPT || session->session_flags & SESSION_ENCRYPT;
        bool sign = wanted == SMB_PROTECT_SIGN || session->agreed.security_mode & SIGNING_REQUIRED;
        if (seal && !seal_can_encrypt(c->seal))
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "it offers no encryption this host can use; update the file "
                                 "server or enable SMB encryption on it");
        c->protect = seal ? PROTECT_SEAL : sign ? PROTECT_SIGN : PROTECT_NOTHING;
        return 0;
}

int session_signed_in(SmbSession *session, Error *err) {
        AuthStep *step = &session->job.step;
        if (!step->complete)
                return error_set(err, ERROR_DENIED, 0, "it ended the sign-in before proving its own identity");
        if (session->signing_in_again) { /* keys stay ([MS-SMB2] 3.2.5.3.2); the reply was checked with them */
                free(take_ptr(session->final));
                auth_step_reset(step);
                session->signing_in_again = false;
                connection_hold(&session->connection, false);
                return 0;
        }
        int r = make_keys(session, err);
        auth_step_reset(step);
        if (r < 0 || check_final(session, err) < 0 || choose_protection(session, err) < 0)
                return -1;
        session->facts.cipher = session->agreed.cipher;
        session->facts.signing = session->agreed.signing;
        return connect_tree(session, err);
}

static int keep_final(SmbSession *session, const Reply *reply, Error *err) {
        session->final = malloc(reply->message.size);
        if (!session->final)
                return error_oom(err);
        memcpy(session->final, reply->message.data, reply->message.size);
        session->final_size = reply->message.size;
        return 0;
}

static int take_setup(SmbSession *session, const Reply *reply, Error *err) {
        WireSessionReply setup;
        uint32_t status = reply->header.status;
        if (status != STATUS_SUCCESS && status != STATUS_MORE_PROCESSING_REQUIRED)
                return status_error(status, "sign in to", session->config.host, err);
        if (wire_session_reply_decode(reply->message, &setup, err) < 0)
                return -1;
        if (!session->signing_in_again) {
                if (session->connection.session_id != 0 &&
                    session->connection.session_id != reply->header.session_id)
                        return error_set(err, ERROR_PROTOCOL, 0, "it changed the session during sign-in");
                session->connection.session_id = reply->header.session_id;
        }
        if (status == STATUS_SUCCESS) {
                session->session_flags = setup.flags;
                if (keep_final(session, reply, err) < 0)
                        return -1;
                if (session->job.step.complete && setup.token.size == 0)
                        return session_signed_in(session, err);
        } else if (!session->signing_in_again &&
                   seal_hash(session->preauth, reply->message.data, reply->message.size, err) < 0) {
                return -1;
        }
        if (session->job.step.complete)
                return error_set(err, ERROR_PROTOCOL, 0, "it goes on with a sign-in that is complete");
        return session_run_job(session, false, setup.token, err);
}

static void on_setup(Request *r, const Reply *reply, const Error *lost) {
        SmbSession *session = r->owner.session;
        Error err = { 0 };
        if (!lost && take_setup(session, reply, &err) < 0)
                give_up(session, &err);
}

int session_send_setup(SmbSession *session, Error *err) {
        const AuthStep *step = &session->job.step;
        if (++session->rounds > ROUNDS_MAX)
                return error_set(err, ERROR_PROTOCOL, 0, "its sign-in never ends");
        Writer w;
        Request *r =
                new_request(session, SMB2_SESSION_SETUP, WIRE_HEADER_SIZE + 24 + step->out_size, on_setup, &w, err);
        if (!r)
                return -1;
        r->urgent = true;
        if (!session->signing_in_again)
                session->state = SESSION_SIGNING_IN;
        if (session->agreed.dialect == DIALECT_311 && !session->signing_in_again)
                r->hash = session->preauth;
        r->must_sign = session->signing_in_again;
        WireSessionSetup setup = {
                .security_mode = (uint8_t)session->offer.security_mode,
                .capabilities = 0,
                .previous_session_id = session->signing_in_again ? 0 : session->config.previous_session,
                .token = { step->out, step->out_size },
        };
        wire_session_setup_encode(&w, &setup);
        return connection_submit(&session->connection, r, &w, 0, err);
}

/* ---- negotiate ------------------------------------------------------------------------------- */

static void note_facts(SmbSession *session) {
        const NegotiateReply *n = &session->agreed;
        SmbFacts *facts = &session->facts;
        bool large = n->capabilities & CAP_LARGE_MTU;
        uint32_t most = large ? (uint32_t)SMB_IO_MAX : (uint32_t)WIRE_UNIT;
        facts->dialect = n->dialect;
        facts->max_read = at_most(n->max_read, most);
        facts->max_write = at_most(n->max_write, most);
        facts->max_transact = at_most(n->max_transact, most);
        facts->server_capabilities = n->capabilities;
        memcpy(facts->server_guid, n->server_guid, 16);
        Connection *c = &session->connection;
        c->large_mtu = large;
        uint32_t largest = facts->max_read > facts->max_transact ? facts->max_read : facts->max_transact;
        c->transport.message_max = (size_t)largest + MESSAGE_SLACK;
}

static int take_negotiate(SmbSession *session, const Reply *reply, Error *err) {
        if (reply->header.status == STATUS_NOT_SUPPORTED)
                return error_set(err, ERROR_UNSUPPORTED, (int)STATUS_NOT_SUPPORTED,
                                 "it speaks SMB 2.1 or older only; enable "
                                 "SMB 3 on the file server");
        if (reply->header.status != STATUS_SUCCESS)
                return status_error(reply->header.status, "negotiate with", session->config.host, err);
        if (negotiate_decode(reply->message, &session->agreed, err) < 0)
                return -1;
        if (session->agreed.dialect == DIALECT_311 &&
            seal_hash(session->preauth, reply->message.data, reply->message.size, err) < 0)
                return -1;
        if (session->config.protection == SMB_PROTECT_ENCRYPT && session->agreed.cipher == CIPHER_NONE)
                return error_set(err, ERROR_UNSUPPORTED, 0,
                                 "it offers no encryption; enable SMB encryption on the file server");
        note_facts(session);
        return session_send_setup(session, err);
}

static void on_negotiate(Request *r, const Reply *reply, const Error *lost) {
        SmbSession *session = r->owner.session;
        Error err = { 0 };
        if (!lost && take_negotiate(session, reply, &err) < 0)
                give_up(session, &err);
}

int session_negotiate(SmbSession *session, Error *err) {
        Negotiate *offer = &session->offer;
        offer->security_mode =
                session->config.protection == SMB_PROTECT_SERVER ? SIGNING_ENABLED : SIGNING_REQUIRED;
        offer->capabilities = CAP_LEASING | CAP_LARGE_MTU | CAP_PERSISTENT_HANDLES | CAP_ENCRYPTION;
        offer->host = session->config.host;
        memcpy(offer->client_guid, session->config.client_guid, 16);
        int n = gnutls_rnd(GNUTLS_RND_NONCE, offer->salt, sizeof offer->salt);
        if (n < 0)
                return error_set(err, ERROR_INTERNAL, n, "no random numbers: %s", gnutls_strerror(n));
        Writer w;
        Request *r = new_request(session, SMB2_NEGOTIATE, NEGOTIATE_SIZE_MAX, on_negotiate, &w, err);
        if (!r)
                return -1;
        r->hash = session->preauth;
        if (negotiate_encode(&w, offer, err) < 0) {
                request_drop(&session->connection, r);
                return -1;
        }
        return connection_submit(&session->connection, r, &w, 0, err);
}
