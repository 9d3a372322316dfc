#include "appliance/cli/subsystem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/packet.h"
#include "appliance/psrp/runner.h"

enum {
        READ_SIZE = 64 * 1024,
        OUT_ENOUGH = 256 * 1024, /* bytes waiting for the client before no more is taken from the pool */
        OUT_MAX = 1024 * 1024, /* … before no more is read from it: acknowledgements wait here too */
};

typedef struct Subsystem {
        sd_event *event;
        sd_event_source *in, *out;
        Runner *runner;
        PsrpPool *pool;
        char *line; /* what came of the next packet */
        size_t line_size, line_room;
        char *waiting; /* for standard output */
        size_t waiting_size, waiting_at;
        bool closed;   /* the client said Close: it ends the connection when it has our answer, not before */
        bool ending;   /* an empty line: write what waits, then end */
        Error failure; /* ERROR_NONE: none */
} Subsystem;

static void subsystem_clear(Subsystem *s) {
        psrp_pool_free(s->pool);
        runner_free(s->runner);
        (void)sd_event_source_disable_unref(s->in);
        (void)sd_event_source_disable_unref(s->out);
        (void)sd_event_unref(s->event);
        free(s->line);
        free(s->waiting);
}

static int give_up(Subsystem *s, const Error *err) {
        s->failure = *err;
        return sd_event_exit(s->event, 0);
}

/* ---- to the client ------------------------------------------------------------------------------------- */

/* Takes what the pool and its pipelines have, in turn; false when there was nothing. */
static bool take_some(Subsystem *s, FILE *to) {
        uint8_t fragment[PSRP_FRAGMENT_MAX + PSRP_FRAGMENT_HEAD];
        PsrpGuid id;
        bool any = false;

        size_t size = psrp_take(s->pool, NULL, fragment, sizeof fragment);
        if (size > 0) {
                packet_write_data(to, NULL, fragment, size);
                any = true;
        }
        for (size_t i = 0; psrp_pipeline_at(s->pool, i, &id); i++) {
                size = psrp_take(s->pool, &id, fragment, sizeof fragment);
                if (size == 0)
                        continue;
                packet_write_data(to, &id, fragment, size);
                any = true;
        }
        return any;
}

/* Fills s->waiting once it is empty: with @ack, and with data as long as there is room. */
static int gather(Subsystem *s, PacketKind ack, const PsrpGuid *id, Error *err) {
        auto_free char *more = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&more, &size);

        if (!to)
                return error_oom(err);
        if (s->waiting_size > s->waiting_at)
                (void)fwrite(s->waiting + s->waiting_at, 1, s->waiting_size - s->waiting_at, to);
        while (fflush(to) == 0 && size < OUT_ENOUGH && take_some(s, to))
                ;
        if (ack < PACKET_KIND_COUNT)
                packet_write_ack(to, ack, id);
        if (fclose(to) != 0)
                return error_oom(err);
        free(s->waiting);
        s->waiting = take_ptr(more);
        s->waiting_size = size;
        s->waiting_at = 0;
        return 0;
}

static int flush_out(Subsystem *s, Error *err) {
        for (;;) {
                if (s->waiting_at == s->waiting_size && gather(s, PACKET_KIND_COUNT, NULL, err) < 0)
                        return -1;
                if (s->waiting_at == s->waiting_size)
                        break;
                ssize_t n = write(STDOUT_FILENO, s->waiting + s->waiting_at, s->waiting_size - s->waiting_at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        return error_set(err, ERROR_UNREACHABLE, errno, "the client is gone: %m");
                s->waiting_at += (size_t)n;
        }
        bool left = s->waiting_at < s->waiting_size;
        if (!left && s->ending)
                return sd_event_exit(s->event, 0) < 0 ? error_oom(err) : 0;
        bool full = s->waiting_size - s->waiting_at > OUT_MAX;
        int r = sd_event_source_set_enabled(s->out, left ? SD_EVENT_ON : SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->in, full ? SD_EVENT_OFF : SD_EVENT_ON);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot wait for the client: %s", strerror(-r)) : 0;
}

static int on_out(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Subsystem *s = userdata;
        Error err = { 0 };
        return flush_out(s, &err) < 0 ? give_up(s, &err) : 0;
}

/* Output goes when the loop comes round: what asks for it may be in the middle of something. */
static void on_ready(void *userdata, const PsrpGuid *pipeline) {
        Subsystem *s = userdata;
        (void)sd_event_source_set_enabled(s->out, SD_EVENT_ON);
}

/* ---- from the client ------------------------------------------------------------------------------------- */

static int take_packet(Subsystem *s, const Packet *p, Error *err) {
        const PsrpGuid *id = p->is_pool ? NULL : &p->id;
        PsrpGuid left;

        switch (p->kind) {
        case PACKET_DATA:
                if (psrp_receive(s->pool, id, p->stream, p->data, p->size, err) < 0 && err->kind != ERROR_NOT_FOUND)
                        return -1;
                break;
        case PACKET_COMMAND:
                if (!id)
                        return error_set(err, ERROR_PROTOCOL, 0, "the client opens a pipeline without an id");
                if (psrp_pipeline_open(s->pool, id, err) < 0)
                        return -1;
                break;
        case PACKET_SIGNAL:
                if (!id)
                        return error_set(err, ERROR_PROTOCOL, 0, "the client signals no pipeline");
                psrp_pipeline_stop(s->pool, id);
                break;
        case PACKET_CLOSE:
                if (id)
                        psrp_pipeline_close(s->pool, id);
                s->closed = !id;
                while (s->closed && psrp_pipeline_at(s->pool, 0, &left))
                        psrp_pipeline_close(s->pool, &left);    /* what still runs is stopped */
                break;
        case PACKET_KIND_COUNT:
        default:
                break;
        }
        if (gather(s, p->kind, id, err) < 0)
                return -1;
        return flush_out(s, err);
}

static int take_line(Subsystem *s, char *line, size_t size, Error *err) {
        auto_(packet_clear) Packet packet = { 0 };

        if (size > 0 && line[size - 1] == '\r')
                size--;
        if (size == 0) { /* PowerShell's way to say that it is done */
                s->ending = true;
                return flush_out(s, err);
        }
        if (packet_read(line, size, &packet, err) < 0)
                return -1;
        if (s->closed)
                return error_set(err, ERROR_PROTOCOL, 0, "the client closed the session and goes on");
        return take_packet(s, &packet, err);
}

static int take_bytes(Subsystem *s, Error *err) {
        size_t start = 0;
        char *newline;

        while (!s->ending && (newline = memchr(s->line + start, '\n', s->line_size - start))) {
                if (take_line(s, s->line + start, (size_t)(newline - s->line) - start, err) < 0)
                        return -1;
                start = (size_t)(newline - s->line) + 1;
        }
        s->line_size -= start;
        memmove(s->line, s->line + start, s->line_size);
        if (s->line_size > PACKET_LINE_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a PowerShell packet is longer than %d bytes",
                                 PACKET_LINE_MAX);
        return 0;
}

static int on_in(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Subsystem *s = userdata;
        Error err = { 0 };

        if (s->line_room - s->line_size < READ_SIZE) {
                char *more = realloc(s->line, s->line_room + 2 * READ_SIZE);
                if (!more) {
                        (void)error_oom(&err);
                        return give_up(s, &err);
                }
                s->line = more;
                s->line_room += 2 * READ_SIZE;
        }
        ssize_t n = read(fd, s->line + s->line_size, READ_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) /* the client is gone; so is everything it runs */
                return sd_event_exit(s->event, 0);
        s->line_size += (size_t)n;
        return take_bytes(s, &err) < 0 ? give_up(s, &err) : 0;
}

static int start(Subsystem *s, const char *address, const char *origin, Error *err) {
        auto_(sd_json_variant_unrefp) sd_json_variant *extra = NULL;
        const PsrpTransport transport = { .ready = on_ready, .userdata = s };
        int r = sd_event_new(&s->event);

        if (r >= 0)
                r = fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0 || fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) < 0
                            ? -errno
                            : 0;
        if (r >= 0)
                r = sd_event_add_io(s->event, &s->in, STDIN_FILENO, EPOLLIN, on_in, s);
        if (r >= 0)
                r = sd_event_add_io(s->event, &s->out, STDOUT_FILENO, EPOLLOUT, on_out, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->out, SD_EVENT_OFF);
        if (r == -EPERM) /* files and /dev/null cannot be waited for */
                return error_set(err, ERROR_INVALID, -r,
                                 "standard input and output must be pipes or sockets; sshd starts "
                                 "this as its subsystem powershell");
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot wait for the client: %s", strerror(-r));
        if (origin && sd_json_variant_set_field_string(&extra, "Origin", origin) < 0)
                return error_oom(err);
        if (runner_new(s->event, address, extra, &s->runner, err) < 0)
                return -1;
        const PsrpRunner runner = runner_hooks(s->runner);
        return psrp_pool_new(&transport, &runner, &s->pool, err);
}

int subsystem_run(const char *address, const char *origin, Error *err) {
        auto_(subsystem_clear) Subsystem s = { 0 };

        (void)signal(SIGPIPE, SIG_IGN);
        if (start(&s, address, origin, err) < 0)
                return -1;
        int r = sd_event_loop(s.event);
        if (s.failure.kind != ERROR_NONE) {
                *err = s.failure;
                return -1;
        }
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "cannot wait for the client: %s", strerror(-r)) : 0;
}
