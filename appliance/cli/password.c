#include "appliance/cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

void password_erase(Password *password) { explicit_bzero(password, sizeof *password); }

/* Byte by byte, so that nothing behind the line is taken from the next reader. */
static int read_line(int fd, Password *ret, Error *err) {
        size_t size = 0;
        for (;;) {
                char ch;
                ssize_t n = read(fd, &ch, 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set(err, ERROR_INTERNAL, errno, "the password cannot be read: %m");
                if (n == 0 && size == 0)
                        return error_set(err, ERROR_INVALID, 0,
                                         "no password was given: standard input is empty; pass it as one "
                                         "line, or run holdfast on a terminal");
                if (n == 0 || ch == '\n')
                        break;
                if (size + 1 >= sizeof ret->text)
                        return error_set(err, ERROR_LIMIT, 0, "the password is longer than %d bytes",
                                         PASSWORD_MAX - 1);
                ret->text[size++] = ch;
        }
        if (size > 0 && ret->text[size - 1] == '\r')
                size--;
        ret->text[size] = '\0';
        return 0;
}

static int ask(int tty, const char *user, Password *ret, Error *err) {
        struct termios was, quiet;
        sigset_t block, before;

        if (tcgetattr(tty, &was) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "the terminal cannot be asked for a password: %m");
        quiet = was;
        quiet.c_lflag &= (tcflag_t)~ECHO;
        /* Ctrl+Z between the two calls would leave the user's shell without echo. */
        (void)sigemptyset(&block);
        (void)sigaddset(&block, SIGTSTP);
        (void)sigprocmask(SIG_BLOCK, &block, &before);
        (void)tcsetattr(tty, TCSAFLUSH, &quiet);
        (void)dprintf(tty, "Password for %s: ", user);
        int r = read_line(tty, ret, err);
        (void)dprintf(tty, "\n");
        (void)tcsetattr(tty, TCSAFLUSH, &was);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int password_read(const char *user, bool from_stdin, Password *ret, Error *err) {
        auto_fd int tty = from_stdin ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        auto_(password_erase) Password password = { 0 };

        if ((tty >= 0 ? ask(tty, user, &password, err) : read_line(STDIN_FILENO, &password, err)) < 0)
                return -1;
        *ret = password;
        return 0;
}
