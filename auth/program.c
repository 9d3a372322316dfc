#include "auth/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/child.h"
#include "appliance/base/clock.h"

/* Keeps the end: the line that says what went wrong is the last. */
static void append(ProgramResult *r, const char *data, size_t size) {
        size_t have = strlen(r->output), room = sizeof r->output - 1;
        if (size > room) {
                data += size - room;
                size = room;
        }
        if (have + size > room) {
                size_t drop = have + size - room;
                memmove(r->output, r->output + drop, have - drop);
                have -= drop;
        }
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)data[i];
                r->output[have + i] = (char)(c == '\n' || (c >= ' ' && c <= '~') ? c : '?');
        }
        r->output[have + size] = '\0';
}

/* Feeds @input and collects output until the program has closed its end.  False: the time is over. */
static bool talk(int fd, const char *input, uint64_t deadline_us, ProgramResult *ret) {
        size_t left = input ? strlen(input) : 0;

        for (bool closed = false;;) {
                if (left == 0 && !closed) {
                        (void)shutdown(fd, SHUT_WR);
                        closed = true;
                }
                uint64_t now = clock_us(CLOCK_MONOTONIC);
                struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (closed ? 0 : POLLOUT)) };
                if (now >= deadline_us)
                        return false;
                if (poll(&p, 1, (int)((deadline_us - now) / 1000) + 1) < 0 && errno != EINTR)
                        return false;
                if (!closed && (p.revents & POLLOUT)) {
                        ssize_t n = send(fd, input, left, MSG_NOSIGNAL | MSG_DONTWAIT);
                        if (n > 0) {
                                input += n;
                                left -= (size_t)n;
                        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
                                left = 0;       /* it does not want the rest */
                        }
                }
                if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
                        char buffer[1024];
                        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
                        if (n > 0)
                                append(ret, buffer, (size_t)n);
                        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                                return true;
                }
        }
}

/* Closing its output is not ending: that, too, is waited for no longer than the deadline. */
static bool ends(pid_t pid, uint64_t deadline_us) {
        auto_fd int fd = pidfd_open(pid, 0);
        if (fd < 0)             /* cannot be watched, so it is believed */
                return true;
        for (;;) {
                uint64_t now = clock_us(CLOCK_MONOTONIC);
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int n = now < deadline_us ? poll(&p, 1, (int)((deadline_us - now) / 1000) + 1) : 0;
                if (n >= 0 || errno != EINTR)
                        return n > 0;
        }
}

int program_run(const char *const argv[], const char *input, const char *environment, uint64_t timeout_us,
                ProgramResult *ret, Error *err) {
        int pair[2], status = 0;
        pid_t pid = -1;

        ret->status = -1;
        ret->output[0] = '\0';
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket to %s", argv[0]);
        auto_fd int ours = pair[0];
        auto_fd int theirs = pair[1];
        /* one socket is its stdin, stdout and stderr; MSG_NOSIGNAL then keeps a program that does not read from killing us */
        if (child_start(argv, environment, (const int[]){ theirs, theirs, theirs }, &pid, err) < 0)
                return -1;
        (void)close(take_fd(theirs));

        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + timeout_us;
        bool ended = talk(ours, input, deadline_us, ret) && ends(pid, deadline_us);
        if (!ended)
                (void)kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set(err, ERROR_INTERNAL, errno, "cannot learn how %s ended", argv[0]);
        if (!ended)
                return error_set(err, ERROR_TIMEOUT, 0, "%s did not end within %llu s", argv[0],
                                 (unsigned long long)(timeout_us / 1000000));
        ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return 0;
}

const char *program_last_line(ProgramResult *result) {
        char *end = result->output + strlen(result->output);
        while (end > result->output && end[-1] == '\n')
                *--end = '\0';
        char *line = strrchr(result->output, '\n');
        line = line ? line + 1 : result->output;
        line += strspn(line, " !*");
        if (strncmp(line, "adcli: ", 7) == 0)
                line += 7;
        return line;
}
