/* engine.h — inside the engine: the session object, for its own files and for tests
 */
#pragma once

#include "appliance/base/pool.h"
#include "smb/engine/connection.h"
#include "smb/engine/kerberos.h"
#include "smb/engine/negotiate.h"

enum { SMB_UNC_MAX = SMB_HOST_MAX + SMB_SHARE_MAX + SMB_PATH_MAX + 8 };

typedef enum SessionState {
        SESSION_NEW, SESSION_DIALLING, SESSION_NEGOTIATING, SESSION_SIGNING_IN, SESSION_JOINING_TREE,
        SESSION_UP, SESSION_DOWN,
} SessionState;

/* What the session's own thread works on; nobody else touches it while busy. */
typedef struct SessionJob {
        bool busy, ready;               /* ready: its end waits to be taken in on the loop */
        bool dial;                      /* also open the TCP connection */
        char host[SMB_HOST_MAX + 1];
        uint16_t port;
        uint64_t timeout_us;
        int cancel_fd;                  /* readable: stop dialling */
        int fd;                         /* out: the connected socket */
        AuthTake take;
        AuthStep step;
        int result;
        Error err;
} SessionJob;

struct SmbSession {
        Connection connection;
        SmbConfig config;               /* ccache is our copy */
        SmbFacts facts;
        SessionState state;
        Pool *pool;
        SessionJob job;
        int given_fd;                   /* tests: instead of dialling */
        Negotiate offer;
        NegotiateReply agreed;
        uint8_t preauth[SEAL_HASH_SIZE];
        bool signing_in_again;          /* the ticket expired on a live session */
        uint8_t *token;                 /* the server's last token, copied for the thread */
        uint8_t *final;                 /* the last SESSION_SETUP reply, kept until its signature can be checked */
        size_t final_size;
        uint16_t session_flags;
        unsigned rounds;                /* SESSION_SETUPs of this sign-in */
        SmbDone connected;
        void *connected_userdata;
        SmbLost lost;
        void *lost_userdata;
        LIST_HEAD(, SmbFile) files;
};

struct SmbFile {
        LIST_ENTRY(SmbFile) link;
        SmbSession *session;
        unsigned refs;                  /* the caller's one and one per request under way */
        bool closed;
        uint64_t id[2];
        bool has_lease;
        uint8_t lease_key[16];
        uint32_t lease;
        SmbLeaseBroken broken;
        void *broken_userdata;
        char unc[SMB_UNC_MAX];          /* for errors */
};

/* For tests: a connected socket instead of dialling, and a sign-in instead of Kerberos. */
void session_fake(SmbSession *session, int consumed_fd, AuthTake take);

/* session-job.c: runs @session->job on the session's thread, then session_take_job() on the loop */
int session_run_job(SmbSession *session, bool dial, Span token, Error *err) FAILS;
void session_take_job(SmbSession *session);
/* Ends the connecting or the connection with *why. */
void session_fail(SmbSession *session, const Error *why);
/* session-setup.c: the conversation from NEGOTIATE to TREE_CONNECT */
int session_negotiate(SmbSession *session, Error *err) FAILS;
int session_send_setup(SmbSession *session, Error *err) FAILS;
int session_signed_in(SmbSession *session, Error *err) FAILS;
/* file.c */
void files_break_lease(SmbSession *session, const WireLeaseBreak *lease_break);
void file_unref(SmbFile *file);
