#include "migrate/vhd-program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/child.h"

enum { OUT, ERR, ASK_EVERY_MS = 250 };

typedef struct Tail {                   /* the line being read, and the last one that was not empty */
        char line[256], last[256];
        size_t used;
} Tail;

/* qemu-img -p writes "    (12.34/100%)\r". */
static void on_line(const Tail *tail, const VhdProgram *watch) {
        double percent;
        if (watch && watch->progress && sscanf(tail->line, " (%lf/100%%)", &percent) == 1 && percent >= 0 &&
            percent <= 100)
                watch->progress(watch->progress_userdata, (int)percent);
}

/* False: end of file. */
static bool read_some(int fd, Tail *tail, const VhdProgram *watch) {
        char buffer[1024];
        ssize_t n = read(fd, buffer, sizeof buffer);

        if (n <= 0)
                return n < 0 && errno == EINTR;
        for (ssize_t i = 0; i < n; i++) {
                char c = buffer[i];
                if (c != '\r' && c != '\n') {
                        if (tail->used + 1 < sizeof tail->line)
                                tail->line[tail->used++] = c >= ' ' && c <= '~' ? c : '?';
                        continue;
                }
                tail->line[tail->used] = '\0';
                on_line(tail, watch);
                if (tail->used > 0)
                        (void)memcpy(tail->last, tail->line, tail->used + 1);
                tail->used = 0;
        }
        return true;
}

/* Until both ends are closed or the caller is gone.  False: gone. */
static bool follow(const int fd[2], Tail tails[2], const VhdProgram *watch) {
        struct pollfd polled[2] = { { .fd = fd[OUT], .events = POLLIN }, { .fd = fd[ERR], .events = POLLIN } };

        while (polled[OUT].fd >= 0 || polled[ERR].fd >= 0) {
                int n = poll(polled, 2, ASK_EVERY_MS);
                if (watch && watch->cancelled && watch->cancelled(watch->cancelled_userdata))
                        return false;
                for (int i = OUT; n > 0 && i <= ERR; i++)
                        if (polled[i].fd >= 0 && polled[i].revents &&
                            !read_some(fd[i], &tails[i], i == OUT ? watch : NULL))
                                polled[i].fd = -1;
        }
        return true;
}

int vhd_program_run(const char *const argv[], const VhdProgram *watch, Error *err) {
        int out[2], error[2], status = 0;
        pid_t pid = -1;

        if (pipe2(out, O_CLOEXEC) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a pipe: %m");
        auto_fd int out_read = out[0];
        auto_fd int out_write = out[1];
        if (pipe2(error, O_CLOEXEC) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a pipe: %m");
        auto_fd int error_read = error[0];
        auto_fd int error_write = error[1];
        auto_fd int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (nothing < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot open /dev/null: %m");
        if (child_start(argv, NULL, (const int[]){ nothing, out_write, error_write }, &pid, err) < 0)
                return -1;
        (void)close(take_fd(out_write));
        (void)close(take_fd(error_write));

        Tail tails[2] = { 0 };
        bool finished = follow((const int[]){ out_read, error_read }, tails, watch);
        if (!finished)
                (void)kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (!finished)
                return error_set(err, ERROR_CANCELLED, 0, "it was cancelled");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        tails[ERR].line[tails[ERR].used] = '\0';
        return error_set(err, ERROR_INTERNAL, status, "%s", tails[ERR].used ? tails[ERR].line :
                         *tails[ERR].last ? tails[ERR].last : "it ended without a word");
}
