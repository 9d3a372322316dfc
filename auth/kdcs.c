#include "auth/kdcs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

enum { TEXT_MAX = LOCATE_CONTROLLERS_MAX * 2 * (LOCATE_HOST_MAX + 40) + MACHINE_NAME_MAX + 128 };

enum { PATH_SIZE = MACHINE_NAME_MAX + 16 };

static void kdcs_path(const Machine *machine, char to[static PATH_SIZE]) {
        (void)snprintf(to, PATH_SIZE, "%s.kdcs", machine->ccache);
}

static bool is_written(const char *path, const char *text, size_t size) {
        auto_free char *there = malloc(size + 1);
        auto_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        return there && fd >= 0 && read(fd, there, size + 1) == (ssize_t)size && memcmp(there, text, size) == 0;
}

int kdcs_keep(const Machine *machine, const Controllers *all, Error *err) {
        /* to a domain all are alike; libkrb5 would look for the primary one in the DNS after each answer of another */
        static const char *const kinds[] = { "kdc", "primary_kdc" };
        char path[PATH_SIZE], temp[sizeof path + 8], *to;
        auto_free char *text = to = malloc(TEXT_MAX);

        if (!text)
                return error_oom(err);
        to += sprintf(to, "[realms]\n        %.255s = {\n", machine->realm);
        for (size_t i = 0; i < all->count + all->silent; i++) {
                const Controller *c = &all->list[i];
                bool six = strchr(c->address, ':');
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                        to += sprintf(to, "                %s = %s%s%s\n", kinds[k], six ? "[" : "",
                                      c->address[0] ? c->address : c->host, six ? "]" : "");
        }
        to = stpcpy(to, "        }\n");
        kdcs_path(machine, path);
        if (is_written(path, text, (size_t)(to - text)))
                return 0;
        (void)snprintf(temp, sizeof temp, "%s.XXXXXX", path);
        auto_fd int fd = mkostemp(temp, O_CLOEXEC);
        if (fd < 0 || write(fd, text, (size_t)(to - text)) != to - text || fchmod(fd, 0644) < 0 || rename(temp, path) < 0) {
                int cause = errno;
                if (fd >= 0)
                        (void)unlink(temp);
                return error_set(err, ERROR_INTERNAL, cause, "cannot write %s", path);
        }
        return 0;
}

void kdcs_forget(const Machine *machine) {
        char path[PATH_SIZE];
        kdcs_path(machine, path);
        (void)unlink(path);
}
