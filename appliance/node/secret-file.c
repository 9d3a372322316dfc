#include "appliance/node/secret-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

void secret_file_close(SecretFile *file) {
        if (file->data)
                explicit_bzero(file->data, file->size);
        free(take_ptr(file->data));
        if (file->fd >= 0)
                (void)close(file->fd);
        file->fd = -1;
}

int secret_file_read(const char *path, size_t most, SecretFile *ret, Error *err) {
        auto_(secret_file_close) SecretFile file = { .path = path };
        struct stat st;

        file.fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (file.fd < 0)
                return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID, errno,
                                 "the file %s on this host cannot be opened: %m", path);
        if (fstat(file.fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > most)
                return error_set(err, ERROR_INVALID, 0, "%s is not a plain file of 1 to %zu bytes", path, most);
        file.data = malloc((size_t)st.st_size);
        if (!file.data)
                return error_oom(err);
        file.size = (size_t)st.st_size;
        if (pread(file.fd, file.data, file.size, 0) != (ssize_t)file.size)
                return error_set(err, ERROR_INTERNAL, errno, "the file %s cannot be read", path);
        *ret = file;
        file = (SecretFile){ .fd = -1 };
        return 0;
}

int secret_file_destroy(SecretFile *file, Error *err) {
        static const char zeroes[4096];

        for (size_t at = 0; at < file->size;) {
                size_t n = file->size - at < sizeof zeroes ? file->size - at : sizeof zeroes;
                ssize_t wrote = pwrite(file->fd, zeroes, n, (off_t)at);
                if (wrote <= 0)
                        return error_set(err, ERROR_INTERNAL, errno, "the file %s cannot be overwritten; delete it by hand",
                                         file->path);
                at += (size_t)wrote;
        }
        if (fsync(file->fd) < 0 || unlink(file->path) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "the file %s cannot be deleted; delete it by hand", file->path);
        return 0;
}
