/* smbread — how fast the engine reads or writes one file; prints one JSON object
 *
 *      smbread '\\host\share\path' [--size 1M] [--depth 8] [--total 1G] [--seconds S] [--random] [--write]
 *              [--protect encrypt|sign|server] [--ccache NAME] [--port N]
 *
 * Sequential reading goes through the file once (or until --total); --random picks aligned
 * offsets.  --write overwrites what is there.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/sync.h"

typedef struct Bench {
        SmbConfig config;
        SmbOpenHow how;
        uint32_t size;
        unsigned depth, in_flight;
        uint64_t total, at, file_size, bytes, ops, random_state;
        double seconds, started;
        bool random, write, failed;
        SmbFile *file;
} Bench;

typedef struct Slot {
        Bench *bench;
        uint8_t *data;
} Slot;

static double now(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t parse_size(const char *text) {
        char *end;
        uint64_t n = strtoull(text, &end, 10);
        switch (*end) {
        case 'k':
        case 'K':
                return n << 10;
        case 'm':
        case 'M':
                return n << 20;
        case 'g':
        case 'G':
                return n << 30;
        default:
                return *end ? 0 : n; /* 0: refused */
        }
}

static void report(Bench *b, const Error *err) {
        if (!b->failed)
                (void)fprintf(stderr, "smbread: %s\n", err->text);
        b->failed = true;
}

static void next(Slot *slot);

static void done(Slot *slot, uint32_t size, const Error *err) {
        Bench *b = slot->bench;
        b->in_flight--;
        if (err->kind != ERROR_NONE) {
                report(b, err);
                return;
        }
        b->bytes += size;
        b->ops++;
        next(slot);
}

static void on_read(void *userdata, uint32_t size, const Error *err) {
        done(userdata, size, err);
}

static void on_write(void *userdata, const Error *err) {
        Slot *slot = userdata;
        done(slot, slot->bench->size, err);
}

static uint64_t pick(Bench *b) {
        if (!b->random)
                return b->at % (b->file_size / b->size) * b->size;
        b->random_state = b->random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (b->random_state >> 20) % (b->file_size / b->size) * b->size;
}

static void next(Slot *slot) {
        Bench *b = slot->bench;
        Error err = { 0 };
        if (b->failed || b->at * b->size >= b->total || (b->seconds > 0 && now() - b->started > b->seconds))
                return;
        uint64_t offset = pick(b);
        b->at++;
        int r = b->write ? smb_write(b->file, offset, slot->data, b->size, false, on_write, slot, &err)
                         : smb_read(b->file, offset, slot->data, b->size, on_read, slot, &err);
        if (r < 0)
                report(b, &err);
        else
                b->in_flight++;
}

static int parse_unc(const char *unc, Bench *b) {
        char copy[2048], *save = NULL;
        if (strncmp(unc, "\\\\", 2) != 0 || strlen(unc) >= sizeof copy)
                return -1;
        (void)strcpy(copy, unc + 2);
        const char *host = strtok_r(copy, "\\", &save), *share = strtok_r(NULL, "\\", &save);
        if (!host || !share || !save || !*save || strlen(host) > SMB_HOST_MAX || strlen(share) > SMB_SHARE_MAX ||
            strlen(save) > SMB_PATH_MAX)
                return -1;
        (void)strcpy(b->config.host, host);
        (void)strcpy(b->config.share, share);
        (void)strcpy(b->how.path, save);
        return 0;
}

static int parse(int argc, char **argv, Bench *b) {
        static const struct option options[] = {
                { "size", required_argument, NULL, 's' },    { "depth", required_argument, NULL, 'd' },
                { "total", required_argument, NULL, 't' },   { "seconds", required_argument, NULL, 'S' },
                { "random", no_argument, NULL, 'r' },        { "write", no_argument, NULL, 'w' },
                { "protect", required_argument, NULL, 'p' }, { "ccache", required_argument, NULL, 'c' },
                { "port", required_argument, NULL, 'P' },    { 0 },
        };
        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                switch (o) {
                case 's':
                        b->size = (uint32_t)parse_size(optarg);
                        break;
                case 'd':
                        b->depth = (unsigned)parse_size(optarg);
                        break;
                case 't':
                        b->total = parse_size(optarg);
                        break;
                case 'S':
                        b->seconds = strtod(optarg, NULL);
                        break;
                case 'r':
                        b->random = true;
                        break;
                case 'w':
                        b->write = true;
                        break;
                case 'c':
                        b->config.ccache = optarg;
                        break;
                case 'P':
                        b->config.port = (uint16_t)parse_size(optarg);
                        break;
                case 'p':
                        b->config.protection = *optarg == 'e'                ? SMB_PROTECT_ENCRYPT
                                               : strcmp(optarg, "sign") == 0 ? SMB_PROTECT_SIGN
                                                                             : SMB_PROTECT_SERVER;
                        break;
                default:
                        return -1;
                }
        }
        return optind == argc - 1 && b->size > 0 && b->depth > 0 && b->depth <= 1024 ? parse_unc(argv[optind], b)
                                                                                     : -1;
}

static int run(SmbSync *sync, Bench *b, Error *err) {
        SmbOpened opened;
        b->how.access = SMB_READ_DATA | (b->write ? (uint32_t)SMB_WRITE_DATA : 0) | SMB_READ_ATTRIBUTES;
        b->how.share = SMB_SHARE_READ | SMB_SHARE_WRITE;
        b->how.disposition = SMB_OPEN;
        if (smb_sync_open(sync, &b->how, &b->file, &opened, err) < 0)
                return -1;
        b->file_size = opened.size_bytes;
        if (b->file_size < b->size)
                return error_set(err, ERROR_INVALID, 0, "the file is smaller than one request");
        if (b->total == 0)
                b->total = b->random && b->seconds > 0 ? UINT64_MAX : b->file_size / b->size * b->size;
        auto_free Slot *slots = calloc(b->depth, sizeof *slots);
        auto_free uint8_t *memory = aligned_alloc(4096, ((size_t)b->depth * b->size + 4095) & ~(size_t)4095);
        if (!slots || !memory)
                return error_oom(err);
        memset(memory, 0x5A, (size_t)b->depth * b->size);
        b->started = now();
        for (unsigned i = 0; i < b->depth; i++) {
                slots[i] = (Slot){ b, memory + (size_t)i * b->size };
                next(&slots[i]);
        }
        while (b->in_flight > 0)
                if (smb_sync_turn(sync, UINT64_MAX, err) < 0)
                        return -1;
        b->seconds = now() - b->started;
        return b->failed ? error_set(err, ERROR_INTERNAL, 0, "a request failed")
                         : smb_sync_close(sync, b->file, err);
}

static void free_sync(SmbSync **sync) {
        smb_sync_free(*sync);
}

int main(int argc, char **argv) {
        Bench b = { .config = { .protection = SMB_PROTECT_ENCRYPT }, .size = 1 << 20, .depth = 8 };
        Error err = { 0 };
        if (parse(argc, argv, &b) < 0) {
                (void)fprintf(
                        stderr,
                        "usage: smbread '\\\\host\\share\\path' [--size 1M] [--depth 8] [--total 1G] [--seconds S] "
                        "[--random] [--write] [--protect encrypt|sign|server] [--ccache NAME] [--port N]\n");
                return 2;
        }
        if (getrandom(b.config.client_guid, sizeof b.config.client_guid, 0) < 0)
                return 1;
        auto_(free_sync) SmbSync *sync = NULL;
        if (smb_sync_connect(&b.config, &sync, &err) < 0 || run(sync, &b, &err) < 0) {
                (void)fprintf(stderr, "smbread: %s\n", err.text);
                return 1;
        }
        const SmbFacts *facts = smb_sync_facts(sync);
        (void)printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"ops\": %" PRIu64
                     ", \"mib_s\": %.1f, \"iops\": %.0f, "
                     "\"dialect\": \"%04x\", \"cipher\": %u, \"signing\": %u, \"sealed\": %s}\n",
                     b.bytes, b.seconds, b.ops, (double)b.bytes / b.seconds / 1048576, (double)b.ops / b.seconds,
                     facts->dialect, facts->cipher, facts->signing, facts->sealed ? "true" : "false");
        return 0;
}
