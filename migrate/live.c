#include "migrate/live.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <libvirt/virterror.h>

#include "appliance/base/clock.h"
#include "migrate/libvirt-error.h"
#include "migrate/live-internal.h"
#include "migrate/prove.h"

void live_say(Live *live, bool warning, const MoveRecord *record, const char *fmt, ...) {
        char text[ERROR_TEXT_MAX * 2];
        va_list ap;

        if (!live->config.say)
                return;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        live->config.say(live->config.userdata, warning, record ? record->token : "", record ? record->vm_name : "",
                         text);
}

bool live_wait(Live *live, uint64_t until_us) {
        struct timespec until = { .tv_sec = (time_t)(until_us / 1000000),
                                  .tv_nsec = (long)(until_us % 1000000) * 1000 };
        return pthread_cond_timedwait(&live->changed, &live->lock, &until) != ETIMEDOUT;
}

int live_who(Live *live, Machine *ret_machine, Directory **ret_directory, Error *err) {
        int r = 0;
        (void)pthread_mutex_lock(&live->lock);
        if (live->directory) {
                *ret_machine = live->machine;
                *ret_directory = live->directory;
        } else
                r = error_set(err, ERROR_NOT_FOUND, 0,
                              "this host is not a member of a domain; join it with Add-Computer -DomainName");
        (void)pthread_mutex_unlock(&live->lock);
        return r;
}

/* ---- JSON of the calls ------------------------------------------------------------------------- */

int live_token_json(const MoveRecord *record, sd_json_variant **ret, Error *err) {
        if (sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("Token", record->token),
                           SD_JSON_BUILD_PAIR_STRING("VMId", record->vm_id)) < 0)
                return error_oom(err);
        return 0;
}

const char *live_string(sd_json_variant *parameters, const char *name) {
        sd_json_variant *v = sd_json_variant_by_key(parameters, name);
        return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";
}

bool live_boolean(sd_json_variant *v, const char *name) {
        sd_json_variant *field = sd_json_variant_by_key(v, name);
        return field && sd_json_variant_is_boolean(field) && sd_json_variant_boolean(field);
}

uint64_t live_unsigned(sd_json_variant *v, const char *name) {
        sd_json_variant *field = sd_json_variant_by_key(v, name);
        return field && sd_json_variant_is_unsigned(field) ? sd_json_variant_unsigned(field) : 0;
}

/* ---- what the other host may ask for ----------------------------------------------------------- */

static int serve_adopt(Live *live, const Channel *channel, sd_json_variant *parameters, Error *err) {
        auto_free Findings *findings = calloc(1, sizeof *findings);
        auto_free VmDefinition *definition = calloc(1, sizeof *definition);
        if (!definition || !findings)
                return error_oom(err);
        vmhost_name(live->host, findings->host);
        live_check_way(live, channel, findings);
        if (findings_block(findings))
                return findings_error(findings, err);
        return vmhost_import(live->host, live_string(parameters, "File"), definition, err);
}

static int on_call(void *userdata, Channel *channel, const char *method, sd_json_variant *parameters,
                   sd_json_variant **ret, Error *err) {
        Live *live = userdata;
        const char *token = live_string(parameters, "Token");

        if (strcmp(method, "adopt") == 0)
                return serve_adopt(live, channel, parameters, err);
        if (strcmp(method, "addresses") == 0)
                return live_serve_addresses(live, ret, err);
        if (strcmp(method, "prove") == 0)
                return prove_serve(parameters, ret, err);
        if (move_token_check(token, err) < 0)
                return -1;
        if (strcmp(method, "compare") == 0)
                return live_serve_compare(live, channel, parameters, ret, err);
        if (strcmp(method, "abandon") == 0)
                return live_serve_abandon(live, channel_peer(channel)->host, parameters, ret, err);
        if (strcmp(method, "give") == 0)
                return live_give(live, channel_peer(channel)->host, parameters, ret, err);
        if (strcmp(method, "owned") == 0)
                return live_owned(live, channel_peer(channel)->host, parameters, err);
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "this host's version of Holdfast does not know the request \"%s\"", method);
}

static int connect_unix(const char *path, int *ret_fd, Error *err) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || (size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
                              sizeof address.sun_path)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket");
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return error_set(err, ERROR_UNREACHABLE, errno, "nothing answers at %s (%s)", path,
                                 strerror(errno));
        *ret_fd = take_fd(fd);
        return 0;
}

static int serve_commands(Live *live, const Channel *channel, int *ret_fd, Error *err) {
        int pair[2];

        if (!live->config.commands)
                return error_set(err, ERROR_UNSUPPORTED, 0, "this node runs no commands for other hosts");
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make a socket");
        auto_fd int channels = pair[0];
        if (live->config.commands(live->config.userdata, channel_peer(channel), pair[1], err) < 0)
                return -1;
        *ret_fd = take_fd(channels);
        return 0;
}

/* Only a channel whose host has a move prepared here reaches libvirt and that move's QEMU. */
static int on_stream(void *userdata, Channel *channel, const char *service, int *ret_fd, Error *err) {
        static const char memory[] = "memory/";
        Live *live = userdata;
        char path[MOVE_PATH_MAX];

        if (strcmp(service, LIVE_COMMANDS) == 0)
                return serve_commands(live, channel, ret_fd, err);
        if (strcmp(service, "libvirt") == 0 && live_has_incoming(live, channel, NULL))
                return connect_unix(LIVE_LIBVIRT_SOCKET, ret_fd, err);
        if (strncmp(service, memory, sizeof memory - 1) == 0 &&
            live_has_incoming(live, channel, service + sizeof memory - 1)) {
                move_path(service + sizeof memory - 1, "qemu/memory.sock", path);
                return connect_unix(path, ret_fd, err);
        }
        return error_set(err, ERROR_DENIED, 0, "no move that is prepared here needs the service \"%s\"", service);
}

static void on_closed(void *userdata, Channel *channel, const Error *why) {
        Live *live = userdata;

        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                if (live->outgoing[i] && live->outgoing[i]->channel == channel) {
                        live->outgoing[i]->lost = true;
                        live->outgoing[i]->why_lost = *why;
                }
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        live_incoming_closed(live, channel);
}

static void on_refused(void *userdata, const Error *why) {
        live_say(userdata, true, NULL, "a connection to port %d was refused: %s", CHANNEL_PORT, why->text);
}

const ChannelHandlers live_handlers = { .call = on_call, .stream = on_stream, .closed = on_closed,
                                        .refused = on_refused };

int live_connect(Live *live, const char *host, Channel **ret, Error *err) {
        ChannelHandlers handlers = live_handlers;
        Machine machine;
        Directory *directory = NULL;

        handlers.userdata = live;
        if (live_who(live, &machine, &directory, err) < 0)
                return -1;
        return channel_connect(&machine, directory, host, &handlers, ret, err);
}

/* ---- libvirt's events -------------------------------------------------------------------------- */

/* On libvirt's event thread: only notes what happened and when. */
static void on_event(void *userdata, const VmEvent *event) {
        Live *live = userdata;
        uint64_t now = clock_us(CLOCK_MONOTONIC);

        if (event->kind != VM_EVENT_SUSPENDED && event->kind != VM_EVENT_RESUMED && event->kind != VM_EVENT_MIGRATED)
                return;
        (void)pthread_mutex_lock(&live->lock);
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++) {
                Outgoing *out = live->outgoing[i];
                if (!out || strcmp(out->record.vm_id, event->id) != 0)
                        continue;
                if (event->kind == VM_EVENT_RESUMED)
                        out->complete = false;
                else if (event->kind == VM_EVENT_MIGRATED)
                        out->sent = true;
                else if (event->detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
                        out->stopped_us = now;
        }
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++) {
                Incoming *in = live->incoming[i];
                if (in && event->kind == VM_EVENT_RESUMED && strcmp(in->record.vm_id, event->id) == 0)
                        in->running = true;
        }
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
}

int live_remove_domain(Live *live, const char *vm_id, Error *err) {
        auto_(live_domain_freep) virDomainPtr domain = NULL;

        if (vmhost_domain(live->host, vm_id, &domain, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        if (virDomainIsActive(domain) == 1 && virDomainDestroy(domain) < 0) {
                virErrorPtr e = virGetLastError();
                /* it may have gone while we looked */
                if (!e || (e->code != VIR_ERR_NO_DOMAIN && e->code != VIR_ERR_OPERATION_INVALID))
                        return libvirt_error(err, "the virtual machine cannot be turned off here");
        }
        return vmhost_undefine(live->host, vm_id, err);
}

/* ---- the object -------------------------------------------------------------------------------- */

int live_new(VmHost *host, const LiveConfig *config, Live **ret, Error *err) {
        auto_(live_freep) Live *live = calloc(1, sizeof *live);
        pthread_condattr_t attr;

        if (!live)
                return error_oom(err);
        live->host = host;
        live->config = *config;
        (void)pthread_mutex_init(&live->lock, NULL);
        (void)pthread_mutex_init(&live->settle_lock, NULL);
        (void)pthread_mutex_init(&live->standing_lock, NULL);
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&live->changed, &attr);
        (void)pthread_condattr_destroy(&attr);
        if (vmhost_listen(host, on_event, live, err) < 0)
                return -1;
        *ret = take_ptr(live);
        return 0;
}

void live_stop(Live *live) {
        if (!live)
                return;
        (void)pthread_mutex_lock(&live->lock);
        live->stopping = true;
        (void)pthread_cond_broadcast(&live->changed);
        (void)pthread_mutex_unlock(&live->lock);
        live_settle_stop(live);
        /* their threads use this object: with a libvirt that never answers the service manager ends the process */
        live_tail_wait(live, NULL, UINT64_MAX / 2);
        channel_server_free(live->server);
        live->server = NULL;
        live_incoming_join(live, true);
}

void live_free(Live *live) {
        if (!live)
                return;
        live_stop(live);
        (void)pthread_cond_destroy(&live->changed);
        (void)pthread_mutex_destroy(&live->lock);
        (void)pthread_mutex_destroy(&live->settle_lock);
        (void)pthread_mutex_destroy(&live->standing_lock);
        free(live);
}

static int listen_on(uint16_t port, int *ret_fd, Error *err) {
        struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        auto_fd int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1, off = 0;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
            bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot listen on TCP port %u (%s)", port,
                                 strerror(errno));
        *ret_fd = take_fd(fd);
        return 0;
}

static bool is_busy(Live *live) {
        bool busy = false;
        for (size_t i = 0; i < LIVE_OUTGOING_MAX; i++)
                busy |= live->outgoing[i] != NULL;
        for (size_t i = 0; i < LIVE_INCOMING_MAX; i++)
                busy |= live->incoming[i] && !live->incoming[i]->finished;
        return busy;
}

int live_identity(Live *live, const Machine *machine, Directory *directory, Error *err) {
        ChannelHandlers handlers = live_handlers;
        ChannelServer *server;
        int fd = -1;

        handlers.userdata = live;
        (void)pthread_mutex_lock(&live->lock);
        bool busy = is_busy(live);
        ChannelServer *old = busy ? NULL : live->server;
        if (!busy) {
                live->server = NULL;
                live->directory = NULL;
        }
        (void)pthread_mutex_unlock(&live->lock);
        if (busy)
                return error_set(err, ERROR_CONFLICT, 0, "virtual machines are being moved; wait until that ends");
        channel_server_free(old);
        if (listen_on(live->config.port ?: CHANNEL_PORT, &fd, err) < 0 ||
            channel_server_new(machine, directory, fd, &handlers, &server, err) < 0)
                return -1;
        (void)pthread_mutex_lock(&live->lock);
        live->server = server;
        live->machine = *machine;
        live->directory = directory;
        (void)pthread_mutex_unlock(&live->lock);
        return 0;
}
