/* channel.h — everything two nodes say to each other: TCP 6600
 *
 * TLS 1.3 with throw-away certificates; inside it both machine accounts prove themselves by
 * GSSAPI (Kerberos, host/ service), bound to this TLS connection by its exporter (RFC 9266), and
 * both ends check that the other is in the fabric group before a single request is served.  Over it:
 * calls (JSON in, JSON out) and byte streams, each with its own flow-control window.  A heartbeat
 * (2 s, three misses) ends a dead channel.
 *
 * A channel runs on a thread of its own; all functions here are thread-safe and block as stated.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"
#include "auth/directory.h"
#include "auth/machine.h"

enum { CHANNEL_PORT = 6600 };
/* Error.cause of a refusal by another host than the one that was wanted */
enum { CHANNEL_CAUSE_OTHER_HOST = -6600 };

typedef struct Channel Channel;
typedef struct ChannelServer ChannelServer;

typedef struct ChannelPeer {
        char account[MACHINE_NAME_MAX];         /* HV2$, proven */
        char host[MACHINE_NAME_MAX];            /* hv2.lab.test */
        char cipher[64];                        /* TLS1.3-AES-256-GCM … */
        struct in6_addr here, there;            /* the connection's ends, ours and its; IPv4 as ::ffff:… */
} ChannelPeer;

typedef struct ChannelHandlers {
        /* Serve a call from @peer on a thread that may block.  *ret is owned by the channel afterwards. */
        int (*call)(void *userdata, Channel *channel, const char *method, sd_json_variant *parameters,
                    sd_json_variant **ret, Error *err);
        /* The peer opens a stream to a named service of ours ("libvirt", "memory/JOB"): give a connected
         * descriptor (the channel closes it). */
        int (*stream)(void *userdata, Channel *channel, const char *service, int *ret_fd, Error *err);
        /* The channel ended; called once, after the last call/stream returned. */
        void (*closed)(void *userdata, Channel *channel, const Error *why);
        /* Somebody connected to the server and was refused; for the journal.  May be NULL, as may all. */
        void (*refused)(void *userdata, const Error *why);
        void *userdata;
} ChannelHandlers;

/* Connect, authenticate both ways, check the group.  Blocks up to 10 s.  Errors name the host and the
 * next step: ERROR_UNREACHABLE, ERROR_DENIED (not in the group, wrong clock, no key). */
int channel_connect(const Machine *machine, Directory *directory, const char *host,
                    const ChannelHandlers *handlers, Channel **ret, Error *err) FAILS;
/* The same over an address of @host that somebody told us; whoever answers there proves to be @host as always.
 * ERROR_UNREACHABLE when nobody answers within 3 s. */
int channel_connect_at(const Machine *machine, Directory *directory, const char *host, const struct in6_addr *address,
                       const ChannelHandlers *handlers, Channel **ret, Error *err) FAILS;
/* Ends it and waits for its thread and handlers; accepts NULL.  Only what channel_connect() gave, and
 * never from one of its own handlers.  Channels a server accepted belong to the server and may be used
 * until their closed() has returned. */
void channel_free(Channel *channel);
/* Begins to end it, whoever made it; any thread. */
void channel_end(Channel *channel);
const ChannelPeer *channel_peer(const Channel *channel);

/* The other side's error comes back with its kind and text.  @ret may be NULL. */
int channel_call(Channel *channel, const char *method, sd_json_variant *parameters, uint64_t timeout_us,
                 sd_json_variant **ret, Error *err) FAILS;
/* Listen on unix @path (made, mode 0600; removed at the end); every connection becomes a stream to the
 * peer's @service. */
int channel_forward(Channel *channel, const char *path, const char *service, Error *err) FAILS;
/* Opens a stream to the peer's @service; *ret_fd is our end, closing it ends the stream.  Does not wait: a service that
 * the peer refuses, and a channel that ends, show as an end of the stream. */
int channel_open(Channel *channel, const char *service, int *ret_fd, Error *err) FAILS;
/* Bytes carried in streams so far, both directions. */
uint64_t channel_stream_bytes(const Channel *channel);

/* Serves on a thread of its own; at most 16 connections may be unproven at once. */
int channel_server_new(const Machine *machine, Directory *directory, int consumed_listen_fd,
                       const ChannelHandlers *handlers, ChannelServer **ret, Error *err) FAILS;
void channel_server_free(ChannelServer *server);
