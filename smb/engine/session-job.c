#include "smb/engine/engine.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"

/* ---- on the session's thread ----------------------------------------------------------------- */

/* A connected socket, or -1 with errno. */
static int dial_one(const struct addrinfo *address, int cancel_fd, uint64_t deadline_us) {
        auto_fd int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -1;
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
                return -1;
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        struct pollfd polls[2] = { { .fd = fd, .events = POLLOUT }, { .fd = cancel_fd, .events = POLLIN } };
        int n = poll(polls, 2, now < deadline_us ? (int)((deadline_us - now) / 1000) : 0);
        if (n < 0)
                return -1;
        if (n == 0 || polls[1].revents) {
                errno = polls[1].revents ? ECANCELED : ETIMEDOUT;
                return -1;
        }
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
                errno = error;
                return -1;
        }
        return take_fd(fd);
}

static void free_addresses(struct addrinfo **list) {
        if (*list)
                freeaddrinfo(*list);
}

static int dial(SessionJob *job, Error *err) {
        char port[8];
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        auto_(free_addresses) struct addrinfo *list = NULL;
        (void)snprintf(port, sizeof port, "%u", job->port);
        int r = getaddrinfo(job->host, port, &hints, &list);
        if (r != 0)
                return error_set(err, r == EAI_NONAME ? ERROR_NOT_FOUND : ERROR_UNREACHABLE, r,
                                 "its name does not resolve (%s); check the name and this host's DNS server",
                                 gai_strerror(r));
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + job->timeout_us, left = 0;
        for (const struct addrinfo *a = list; a; a = a->ai_next)
                left++;
        errno = EADDRNOTAVAIL;
        for (const struct addrinfo *a = list; a && job->fd < 0; a = a->ai_next) {
                /* One address that swallows what we send leaves the others their share of the time. */
                uint64_t now = clock_us(CLOCK_MONOTONIC), share = now < deadline_us ? (deadline_us - now) / left-- : 0;
                job->fd = dial_one(a, job->cancel_fd, now + share);
                if (job->fd < 0 && errno == ECANCELED)
                        break;
        }
        if (job->fd >= 0)
                return 0;
        if (errno == ECANCELED)
                return error_set(err, ERROR_CANCELLED, errno, "connecting was cancelled");
        return error_set(
                err, errno == ETIMEDOUT ? ERROR_TIMEOUT : ERROR_UNREACHABLE, errno,
                "TCP port %u does not answer (%s); check that the server runs and that its firewall lets SMB in",
                job->port, strerror(errno));
}

static void work(void *userdata) {
        SmbSession *session = userdata;
        SessionJob *job = &session->job;
        job->result = 0;
        if (job->dial)
                job->result = dial(job, &job->err);
        if (job->result == 0)
                job->result = job->take(&job->step, &job->err);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

/* Not taken in here: the pool is on the stack, and what follows may free the session. */
static void worked(void *userdata) {
        SmbSession *session = userdata;
        session->job.ready = true;
        if (!session->connection.released)
                connection_wake(&session->connection);
}

int session_run_job(SmbSession *session, bool dial_too, Span token, Error *err) {
        SessionJob *job = &session->job;
        if (job->busy)
                return error_set(err, ERROR_INTERNAL, 0, "a sign-in is under way already");
        free(take_ptr(session->token));
        if (token.size > 0) {
                session->token = malloc(token.size);
                if (!session->token)
                        return error_oom(err);
                memcpy(session->token, token.data, token.size);
        }
        job->step.in = (Span){ session->token, token.size };
        job->dial = dial_too && session->given_fd < 0;
        if (dial_too && session->given_fd >= 0)
                job->fd = take_fd(session->given_fd);
        job->err = (Error){ 0 };
        if (pool_run(session->pool, work, worked, session, err) < 0)
                return -1;
        job->busy = true;
        return 0;
}

/* The thread has made the socket and the first token, or answered the server's last token. */
static int take_job(SmbSession *session, Error *err) {
        SessionJob *job = &session->job;
        if (job->result < 0) {
                *err = job->err;
                return -1;
        }
        if (session->state == SESSION_DIALLING) {
                if (connection_start(&session->connection, take_fd(job->fd), err) < 0)
                        return -1;
                session->state = SESSION_NEGOTIATING;
                return session_negotiate(session, err);
        }
        if (!session->connection.open) /* lost while the thread worked; everybody knows */
                return 0;
        if (session->final)
                return session_signed_in(session, err);
        return session_send_setup(session, err);
}

void session_take_job(SmbSession *session) {
        Error err = { 0 };
        if (session->state != SESSION_DOWN && take_job(session, &err) < 0)
                session_fail(session, &err);
}
