#include "auth/join-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"

typedef struct Names {
        char conf[JOIN_FILES_PATH_MAX + 32], temp[JOIN_FILES_PATH_MAX + 32];
        char before[JOIN_FILES_PATH_MAX + 32], decided[JOIN_FILES_PATH_MAX + 32];
        char keytab[JOIN_FILES_PATH_MAX + 32], keytab_new[JOIN_FILES_PATH_MAX + 32];
} Names;

static Names names_in(const char *folder) {
        Names n;
        (void)snprintf(n.conf, sizeof n.conf, "%.200s/krb5.conf", folder);
        (void)snprintf(n.temp, sizeof n.temp, "%.200s/krb5.conf.joining", folder);
        (void)snprintf(n.before, sizeof n.before, "%.200s/krb5.conf.before-join", folder);
        (void)snprintf(n.decided, sizeof n.decided, "%.200s/krb5.conf.decided", folder);
        (void)snprintf(n.keytab, sizeof n.keytab, "%.200s/krb5.keytab", folder);
        (void)snprintf(n.keytab_new, sizeof n.keytab_new, "%.200s/krb5.keytab.joining", folder);
        return n;
}

static int sync_path(const char *path, int flags) {
        auto_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
        return fd < 0 ? -1 : fsync(fd);
}

static int write_file(const char *temp, const char *path, const char *text, Error *err) {
        (void)unlink(temp);
        auto_fd int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        size_t size = strlen(text);
        if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, size) != (ssize_t)size || fsync(fd) < 0 ||
            rename(temp, path) < 0) {
                int cause = errno;
                (void)unlink(temp);
                return error_set(err, ERROR_INTERNAL, cause, "cannot write %s", path);
        }
        return 0;
}

/* A second name for the old file, whatever its size, mode and kind; an empty file stands for "there was none". */
static int keep_old(const Names *n, Error *err) {
        if (link(n->conf, n->before) == 0)
                return 0;
        if (errno != ENOENT)
                return error_set(err, ERROR_INTERNAL, errno, "cannot keep %s as %s", n->conf, n->before);
        auto_fd int fd = open(n->before, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make %s", n->before);
        return 0;
}

static void undo(const Names *n, const char *folder) {
        struct stat st;

        (void)unlink(n->keytab_new);
        (void)unlink(n->temp);
        if (lstat(n->before, &st) == 0) {
                if (S_ISREG(st.st_mode) && st.st_size == 0)
                        (void)unlink(n->conf);
                else
                        (void)rename(n->before, n->conf);
                (void)unlink(n->before);        /* a rename between two names of one file leaves both */
        }
        (void)sync_path(folder, O_DIRECTORY);
}

JoinLeft join_files_recover(const char *folder) {
        const Names n = names_in(folder);
        struct stat st;

        if (lstat(n.decided, &st) == 0) {
                (void)rename(n.keytab_new, n.keytab);
                (void)unlink(n.decided);
                (void)sync_path(folder, O_DIRECTORY);
                return JOIN_LEFT_ENDED;
        }
        bool under_way = lstat(n.before, &st) == 0 || lstat(n.keytab_new, &st) == 0;
        if (under_way)
                undo(&n, folder);
        return under_way ? JOIN_LEFT_UNDONE : JOIN_LEFT_NOTHING;
}

int join_files_begin(JoinFiles *files, const char *folder, const char *conf, Error *err) {
        const Names n = names_in(folder);

        (void)join_files_recover(folder);
        (void)snprintf(files->folder, sizeof files->folder, "%.200s", folder);
        (void)snprintf(files->keytab_new, sizeof files->keytab_new, "%.*s", JOIN_FILES_PATH_MAX - 1, n.keytab_new);
        if (keep_old(&n, err) < 0)
                return -1;
        files->begun = true;
        if (sync_path(folder, O_DIRECTORY) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s", folder);
        return write_file(n.temp, n.conf, conf, err);
}

int join_files_commit(JoinFiles *files, Error *err) {
        const Names n = names_in(files->folder);

        if (sync_path(n.keytab_new, 0) < 0 || rename(n.before, n.decided) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot store the new key as %s", n.keytab);
        (void)sync_path(files->folder, O_DIRECTORY);
        if (rename(n.keytab_new, n.keytab) < 0) {
                int cause = errno;
                (void)rename(n.decided, n.before);
                return error_set(err, ERROR_INTERNAL, cause, "cannot store the new key as %s", n.keytab);
        }
        (void)sync_path(files->folder, O_DIRECTORY);
        (void)unlink(n.decided);
        files->begun = false;
        return 0;
}

void join_files_done(JoinFiles *files) {
        if (files->begun) {
                const Names n = names_in(files->folder);
                undo(&n, files->folder);
        }
        files->begun = false;
}
