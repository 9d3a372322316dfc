#include "auth/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "auth/join.h"

#define SCRATCH "/run/holdfast-join-"

static void name(Scratch *s, const char *folder) {
        (void)snprintf(s->folder, sizeof s->folder, "%.31s", folder);
        (void)snprintf(s->ccache, sizeof s->ccache, "%s/tickets", s->folder);
        (void)snprintf(s->conf, sizeof s->conf, "%s/krb5.conf", s->folder);
}

void scratch_done(Scratch *s) {
        if (!s->folder[0])
                return;
        (void)unlink(s->ccache);
        (void)unlink(s->conf);
        (void)rmdir(s->folder);
}

int scratch_make(Scratch *s, const char *domain, const char *server, Error *err) {
        char folder[] = SCRATCH "XXXXXX", text[2048];

        if (!mkdtemp(folder))
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a folder in /run");
        name(s, folder);
        if (join_krb5_conf_pinned(domain, server, s->ccache, text, sizeof text, err) < 0)
                return -1;
        auto_fd int fd = open(s->conf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
                return error_set(err, ERROR_INTERNAL, errno, "cannot write %s", s->conf);
        return 0;
}

void scratch_clean_up(void) {
        glob_t found = { 0 };

        if (glob(SCRATCH "??????", 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        Scratch left;
                        name(&left, found.gl_pathv[i]);
                        scratch_done(&left);
                }
        globfree(&found);
}
