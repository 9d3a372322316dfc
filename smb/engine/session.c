#include "smb/engine/engine.h"

#include <arpa/inet.h>
#include <assert.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/eventfd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

enum { TIMEOUT_DEFAULT_US = 30 * 1000 * 1000, PORT_SMB = 445 };

static bool is_address(const char *host) {
        uint8_t address[16];
        return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1 ||
               strchr(host, ':');
}

static int check_config(const SmbConfig *config, Error *err) {
        if (!config->host[0])
                return error_set(err, ERROR_INVALID, 0,
                                 "the file server has no name; give it as \\\\server\\share");
        if (is_address(config->host))
                return error_set(err, ERROR_INVALID, 0,
                                 "%s is an address, and Kerberos needs a name; use the file "
                                 "server's host name",
                                 config->host);
        if (!config->share[0] || strpbrk(config->share, "\\/"))
                return error_set(err, ERROR_INVALID, 0, "%s is no share name; give it as \\\\server\\share",
                                 config->share);
        if (!text_is_utf8(config->host, strlen(config->host)) ||
            !text_is_utf8(config->share, strlen(config->share)))
                return error_set(err, ERROR_INVALID, 0, "the name of the file server or of the share is not UTF-8");
        return 0;
}

static void on_lease_break(void *userdata, const WireLeaseBreak *lease_break) {
        SmbSession *session = userdata;
        if (lease_break->is_lease) /* we hold no oplocks, so a break of one is nobody's */
                files_break_lease(session, lease_break);
}

static void on_expired(void *userdata) {
        SmbSession *session = userdata;
        Error err = { 0 };
        session->signing_in_again = true;
        session->rounds = 0;
        auth_step_reset(&session->job.step);
        if (session_run_job(session, false, (Span){ NULL, 0 }, &err) < 0)
                session_fail(session, &err);
}

static void on_lost(void *userdata, const Error *why) {
        SmbSession *session = userdata;
        bool was_up = session->state == SESSION_UP;
        session->state = SESSION_DOWN;
        if (session->connected) {
                SmbDone done = take_ptr(session->connected);
                done(session->connected_userdata, why);
        } else if (was_up && session->lost) {
                session->lost(session->lost_userdata, why);
        }
}

static void on_woken(void *userdata) {
        SmbSession *session = userdata;
        if (session->job.ready) {
                session->job.ready = session->job.busy = false;
                session_take_job(session);
        }
}

/* Nobody works for it any more; perhaps not on the loop's thread. */
static void end(void *userdata) {
        SmbSession *session = userdata;
        union {
                const char *in;
                char *out;
        } ccache = { .in = session->config.ccache };
        cleanup_closep(&session->job.fd);
        cleanup_closep(&session->job.cancel_fd);
        cleanup_closep(&session->given_fd);
        auth_step_reset(&session->job.step);
        free(session->token);
        free(session->final);
        free(ccache.out);
        free(session);
}

/* The thread may be waiting for DNS or a KDC, which nothing can hurry: it is left to it. */
static void on_release(void *userdata) {
        SmbSession *session = userdata;
        connection_done(&session->connection);
        pool_leave(session->pool, end, session);
}

static const ConnectionOps connection_ops = {
        .lease_break = on_lease_break,
        .expired = on_expired,
        .lost = on_lost,
        .woken = on_woken,
        .release = on_release,
};

DEFINE_FREEP(SmbSession, smb_session_free);

int smb_session_new(sd_event *event, const SmbConfig *config, SmbSession **ret, Error *err) {
        if (check_config(config, err) < 0)
                return -1;
        SmbSession *made = calloc(1, sizeof *made);
        if (!made)
                return error_oom(err);
        made->config = *config;
        made->config.ccache = NULL;
        made->job = (SessionJob){ .fd = -1, .cancel_fd = -1 };
        made->given_fd = -1;
        LIST_INIT(&made->files);
        made->connection.peer = made->config.host;
        made->connection.timeout_us = config->timeout_us ? config->timeout_us : TIMEOUT_DEFAULT_US;
        int r = connection_init(&made->connection, event, &connection_ops, made, err);
        auto_(smb_session_freep) SmbSession *session = made;
        if (r < 0)
                return -1;
        if (config->ccache && !(session->config.ccache = strdup(config->ccache)))
                return error_oom(err);
        SessionJob *job = &session->job;
        memcpy(job->host, session->config.host, sizeof job->host);
        job->port = config->port ? config->port : PORT_SMB;
        job->timeout_us = session->connection.timeout_us;
        job->take = kerberos_take;
        job->step = (AuthStep){ .host = job->host, .ccache = session->config.ccache };
        job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (job->cancel_fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make an event descriptor: %m");
        *ret = take_ptr(session);
        return 0;
}

void smb_session_free(SmbSession *session) {
        if (!session)
                return;
        Connection *c = &session->connection;
        uint64_t one = 1;
        if (session->job.cancel_fd >= 0)
                (void)!write(session->job.cancel_fd, &one, sizeof one); /* cannot block at a count of one */
        connection_enter(c);
        connection_release(c);
        if (session->connected) {
                SmbDone done = take_ptr(session->connected);
                Error err = { 0 };
                (void)error_set(&err, ERROR_CANCELLED, 0, "connecting to file server %s was cancelled", c->peer);
                done(session->connected_userdata, &err);
        }
        for (SmbFile *file; (file = LIST_FIRST(&session->files));) {
                LIST_REMOVE(file, link);
                file->refs = 1; /* what was under way has been answered */
                file->session = NULL;
                file_unref(file);
        }
        connection_leave(c);
}

int smb_session_connect(SmbSession *session, SmbDone done, void *userdata, Error *err) {
        if (session->state != SESSION_NEW)
                return error_set(err, ERROR_CONFLICT, 0, "this session was connected before; make a new one");
        if (pool_new(session->connection.event, 1, 1, &session->pool, err) < 0)
                return -1;
        session->state = SESSION_DIALLING;
        if (session_run_job(session, true, (Span){ NULL, 0 }, err) < 0) {
                session->state = SESSION_DOWN;
                return -1;
        }
        session->connected = done;
        session->connected_userdata = userdata;
        return 0;
}

void smb_session_on_lost(SmbSession *session, SmbLost lost, void *userdata) {
        session->lost = lost;
        session->lost_userdata = userdata;
}

const SmbFacts *smb_session_facts(const SmbSession *session) {
        return &session->facts;
}

uint64_t smb_session_id(const SmbSession *session) {
        return session->connection.session_id;
}

void session_fake(SmbSession *session, int consumed_fd, AuthTake take) {
        assert(session->state == SESSION_NEW);
        session->given_fd = consumed_fd;
        session->job.take = take;
}

void session_fail(SmbSession *session, const Error *why) {
        if (session->connection.open) {
                connection_lose(&session->connection, why);
                return;
        }
        connection_enter(&session->connection);
        Error err = *why;
        (void)error_wrap(&err, "file server %s", session->config.host);
        on_lost(session, &err);
        connection_leave(&session->connection);
}
