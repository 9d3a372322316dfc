/* What an NBD client may say to a disk process.  The first byte chooses how far the client is and whether the disk
 * answers at once; the rest is the stream, cut into pieces as the bytes themselves say.  The disk behind it aborts when
 * it is asked for anything outside itself. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smb/disk/nbd-wire.h"
#include "tests/wire/memory-disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVED = 1, STRUCTURED = 2, ALLOCATION = 4, HOLDS = 8, FAILS_ALL = 16, HANGS_UP = 32 };
enum { PIECES_MAX = 64, STREAM_MAX = 64 * 1024 };

typedef struct Target {
        sd_event *event;
        Nbd *nbd;
        MemoryDisk disk;
        int fd;
} Target;

static void hear(Target *t) {
        static uint8_t waste[256 * 1024];
        do
                while (sd_event_run(t->event, 0) > 0)
                        ;
        while (recv(t->fd, waste, sizeof waste, MSG_DONTWAIT) > 0);
}

static void say(Target *t, const void *data, size_t size) {
        const uint8_t *at = data;
        while (size > 0) {
                ssize_t n = send(t->fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n <= 0)
                        break;          /* it hung up, or is not reading because enough is under way */
                at += n;
                size -= (size_t)n;
                hear(t);
        }
}

static void say_option(Target *t, uint32_t code, const char *words, size_t size) {
        uint8_t head[NBD_OPTION_SIZE] = "IHAVEOPT";
        head[11] = (uint8_t)code;
        head[15] = (uint8_t)size;
        say(t, head, sizeof head);
        say(t, words, size);
}

static void begin(Target *t, uint8_t how) {
        static const char contexts[] = "\0\0\0\0\0\0\0\1\0\0\0\17base:allocation", go[6];

        if (!(how & SERVED))
                return;
        say(t, "\0\0\0\3", 4);
        if (how & STRUCTURED)
                say_option(t, NBD_OPT_STRUCTURED_REPLY, "", 0);
        if (how & ALLOCATION)
                say_option(t, NBD_OPT_SET_META_CONTEXT, contexts, sizeof contexts - 1);
        say_option(t, NBD_OPT_GO, go, sizeof go);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Target t;
        Error err;
        int ends[2];

        if (size < 1 || size > STREAM_MAX)
                return 0;
        memory_disk_init(&t.disk);
        if (sd_event_new(&t.event) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0 ||
            nbd_new(t.event, -1, &memory_disk_backend, &t.disk, &t.nbd, &err) < 0 || nbd_adopt(t.nbd, ends[0], &err) < 0)
                abort();
        t.fd = ends[1];
        uint8_t how = data[0];
        begin(&t, how);
        t.disk.holds = how & HOLDS;
        t.disk.error = how & FAILS_ALL ? 5 : 0;
        size_t at = 1;
        for (unsigned pieces = 0; at < size; pieces++) {
                size_t n = pieces < PIECES_MAX ? (size_t)data[at] + 1 : size - at;
                say(&t, data + at, n < size - at ? n : size - at);
                at += n;
        }
        if (how & HANGS_UP)
                (void)shutdown(t.fd, SHUT_WR);
        hear(&t);
        memory_disk_release(&t.disk);
        hear(&t);
        nbd_free(t.nbd);
        (void)sd_event_unref(t.event);
        (void)close(t.fd);
        return 0;
}
