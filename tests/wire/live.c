/* live — the engine against a real file server: one line per fact, exit 0 when all hold
 *
 *      live HOST SHARE FOLDER [--port N] [--ccache NAME] [--protect encrypt|sign|server] [--expire SECONDS]
 *
 * FOLDER exists on the share and may be written to.  --expire keeps reading for that long, for
 * tickets that expire meanwhile.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/sync.h"

enum { DATA_SIZE = 3 * 1024 * 1024 + 17 };

typedef struct Live {
        SmbConfig config;
        const char *folder;
        int expire_s;
        SmbSync *a, *b; /* two clients, as two hosts would be */
        SmbOpenHow how;
        unsigned checks, failures;
        Error err;
} Live;

static void check(Live *l, bool holds, const char *what) {
        l->checks++;
        l->failures += !holds;
        (void)printf("%s - %s%s%s\n", holds ? "ok" : "not ok", what, holds ? "" : ": ", holds ? "" : l->err.text);
        l->err = (Error){ 0 };
}

typedef struct Answer {
        bool there, more, ack;
        Error err;
        size_t count;
        SmbRange ranges[16];
        uint32_t now;
        SmbFile *file;
        SmbOpened opened;
} Answer;

static void on_done(void *userdata, const Error *err) {
        Answer *a = userdata;
        a->there = true;
        a->err = *err;
}

static void on_ranges(void *userdata, const SmbRange *ranges, size_t count, bool more, const Error *err) {
        Answer *a = userdata;
        a->count = count;
        a->more = more;
        for (size_t i = 0; i < count && i < ARRAY_SIZE(a->ranges); i++)
                a->ranges[i] = ranges[i];
        on_done(a, err);
}

static void on_broken(void *userdata, uint32_t now, bool ack_required) {
        Answer *a = userdata;
        a->there = true;
        a->now = now;
        a->ack = ack_required;
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Answer *a = userdata;
        a->file = file;
        a->opened = *opened;
        on_done(a, err);
}

static int wait_for(SmbSync *sync, Answer *a, int started, Error *err) {
        while (started == 0 && !a->there)
                if (smb_sync_turn(sync, UINT64_MAX, err) < 0)
                        return -1;
        if (started == 0)
                *err = a->err;
        return started == 0 && a->err.kind == ERROR_NONE ? 0 : -1;
}

static int connect_one(Live *l, SmbSync **ret) {
        if (getrandom(l->config.client_guid, 16, 0) != 16)
                return -1;
        return smb_sync_connect(&l->config, ret, &l->err);
}

static void check_data(Live *l, SmbFile *file) {
        auto_free uint8_t *from = malloc(DATA_SIZE), *to = malloc(DATA_SIZE + 100);
        size_t got = 0;
        for (size_t i = 0; from && i < DATA_SIZE; i++)
                from[i] = (uint8_t)(i * 31 + i / 4096);
        check(l, from && to && smb_sync_write(l->a, file, 0, from, DATA_SIZE, &l->err) == 0,
              "write 3 MiB and 17 bytes");
        check(l, smb_sync_flush(l->a, file, &l->err) == 0, "flush");
        bool same = smb_sync_read(l->a, file, 0, to, DATA_SIZE + 100, &got, &l->err) == 0 && got == DATA_SIZE &&
                    memcmp(from, to, DATA_SIZE) == 0;
        check(l, same, "read it back, up to the end of the file");
        same = smb_sync_read(l->a, file, 1000001, to, 70001, &got, &l->err) == 0 && got == 70001 &&
               memcmp(from + 1000001, to, 70001) == 0;
        check(l, same, "read at an odd place");
}

static void check_ranges(Live *l, SmbFile *file) {
        Answer a = { 0 };
        uint8_t to[64];
        size_t got;
        check(l, smb_sync_set_size(l->a, file, 64 << 20, &l->err) == 0, "grow to 64 MiB");
        check(l, wait_for(l->a, &a, smb_set_sparse(file, on_done, &a, &l->err), &l->err) == 0, "mark sparse");
        a = (Answer){ 0 };
        check(l, wait_for(l->a, &a, smb_zero(file, 1 << 20, 1 << 20, on_done, &a, &l->err), &l->err) == 0,
              "punch a hole");
        bool zero = smb_sync_read(l->a, file, (1 << 20) + 5, to, sizeof to, &got, &l->err) == 0 && got == sizeof to;
        for (size_t i = 0; i < sizeof to; i++)
                zero = zero && to[i] == 0;
        check(l, zero, "the hole reads as zeroes");
        a = (Answer){ 0 };
        int r = wait_for(l->a, &a, smb_allocated_ranges(file, 0, 64 << 20, on_ranges, &a, &l->err), &l->err);
        check(l,
              r == 0 && a.count == 2 && a.ranges[0].offset == 0 && a.ranges[0].size_bytes == 1 << 20 &&
                      a.ranges[1].offset == 2 << 20,
              "two allocated ranges, the hole between them");
}

static void check_names(Live *l, SmbFile *file) {
        uint8_t info[256];
        uint32_t size = 0;
        char name[SMB_PATH_MAX + 1];
        SmbFile *other = NULL;
        check(l,
              smb_sync_query(l->a, file, SMB_INFO_FILE, 5, 0, info, sizeof info, &size, &l->err) == 0 && size == 24,
              "query standard information");
        (void)snprintf(name, sizeof name, "%s\\live-renamed.bin", l->folder);
        check(l, smb_sync_rename(l->a, file, name, &l->err) == 0, "rename");
        check(l, smb_sync_rename(l->a, file, l->how.path, &l->err) == 0, "rename back");
        SmbOpenHow how = { .access = SMB_READ_DATA, .share = 7, .disposition = SMB_OPEN };
        (void)snprintf(how.path, sizeof how.path, "%s\\no-such-file", l->folder);
        check(l, smb_sync_open(l->b, &how, &other, NULL, &l->err) < 0 && l->err.kind == ERROR_NOT_FOUND,
              "a missing file is NotFound");
}

/* Design §5 rule A, and the second doorbell of §6: the open of the other host breaks our lease. */
static void check_single_writer(Live *l, SmbFile **file) {
        Answer broken = { 0 }, opened = { 0 }, acked = { 0 };
        SmbFile *reader = NULL;
        SmbOpenHow how = l->how;
        how.access = SMB_READ_DATA;
        how.share = 7;
        how.disposition = SMB_OPEN;
        how.lease = 0;
        how.durable = false;
        check(l, smb_sync_open(l->b, &how, &reader, NULL, &l->err) == 0, "another host may read");
        if (reader)
                (void)!smb_sync_close(l->b, reader, &l->err);
        how = l->how;
        how.disposition = SMB_OPEN;
        how.lease_key[0] ^= 0xFF;
        smb_file_on_lease_broken(*file, on_broken, &broken);
        int r = smb_open(smb_sync_session(l->b), &how, on_opened, &opened, &l->err);
        while (r == 0 && !broken.there)
                if (smb_sync_turn(l->a, 10000, &l->err) < 0 || smb_sync_turn(l->b, 10000, &l->err) < 0)
                        break;
        check(l, broken.there && broken.ack && !opened.there, "a second writer breaks the handle lease and waits");
        check(l, wait_for(l->a, &acked, smb_lease_ack(*file, on_done, &acked, &l->err), &l->err) == 0,
              "acknowledge, keep the file");
        check(l,
              wait_for(l->b, &opened, r, &l->err) < 0 && l->err.kind == ERROR_CONFLICT &&
                      (uint32_t)l->err.cause == 0xC0000043,
              "the second writer gets a sharing violation");
        check(l, smb_sync_close(l->a, *file, &l->err) == 0, "close");
        check(l, smb_sync_open(l->b, &how, file, &opened.opened, &l->err) == 0 && *file != NULL,
              "now the other host may write");
        if (*file)
                (void)!smb_sync_close(l->b, *file, &l->err);
}

/* The connection breaks, the handle survives. */
static void check_durable(Live *l) {
        SmbOpened opened = { 0 }, again = { 0 };
        SmbFile *file = NULL;
        SmbOpenHow how = l->how;
        how.disposition = SMB_OPEN;
        int r = smb_sync_open(l->a, &how, &file, &opened, &l->err);
        check(l, r == 0 && opened.durable && (opened.lease & SMB_LEASE_HANDLE), "a durable handle is granted");
        smb_sync_free(l->a);
        l->a = NULL;
        check(l, smb_sync_connect(&l->config, &l->a, &l->err) == 0, "connect again with the same client guid");
        how.reconnect = true;
        how.reconnect_id[0] = opened.file_id[0];
        how.reconnect_id[1] = opened.file_id[1];
        r = l->a ? smb_sync_open(l->a, &how, &file, &again, &l->err) : -1;
        check(l, r == 0 && again.durable && again.size_bytes == opened.size_bytes, "the handle is there again");
        if (r == 0)
                (void)!smb_sync_close(l->a, file, &l->err);
}

static void check_expiry(Live *l) {
        uint8_t to[512];
        size_t got;
        unsigned reads = 0;
        SmbFile *file = NULL;
        SmbOpenHow how = l->how;
        how.disposition = SMB_OPEN;
        time_t end = time(NULL) + l->expire_s;
        int r = smb_sync_open(l->a, &how, &file, NULL, &l->err);
        while (r == 0 && time(NULL) < end) {
                r = smb_sync_read(l->a, file, 0, to, sizeof to, &got, &l->err);
                reads++;
                (void)nanosleep(&(struct timespec){ .tv_nsec = 200 * 1000 * 1000 }, NULL);
        }
        check(l, r == 0 && reads > 0, "reads go on past the end of the ticket");
        if (file)
                (void)!smb_sync_close(l->a, file, &l->err);
}

static void run(Live *l) {
        SmbFile *file = NULL;
        SmbOpened opened;
        check(l, connect_one(l, &l->b) == 0 && connect_one(l, &l->a) == 0, "two clients connect");
        if (!l->a || !l->b)
                return;
        const SmbFacts *facts = smb_sync_facts(l->a);
        (void)printf("# dialect %04x, cipher %u, signing %u, sealed %d, share access %08x\n", facts->dialect,
                     facts->cipher, facts->signing, facts->sealed, facts->maximal_access);
        l->how = (SmbOpenHow){ .access = SMB_READ_DATA | SMB_WRITE_DATA | SMB_READ_ATTRIBUTES | SMB_DELETE,
                               .share = SMB_SHARE_READ,
                               .disposition = SMB_OVERWRITE_IF,
                               .options = SMB_OPTION_NON_DIRECTORY,
                               .lease = SMB_LEASE_READ | SMB_LEASE_HANDLE,
                               .durable = true };
        (void)snprintf(l->how.path, sizeof l->how.path, "%s\\live.bin", l->folder);
        memset(l->how.lease_key, 0x31, 16);
        memset(l->how.create_guid, 0x32, 16);
        int r = smb_sync_open(l->a, &l->how, &file, &opened, &l->err);
        check(l, r == 0, "create a file");
        if (r < 0)
                return;
        check(l, opened.has_disk_id && opened.maximal_access != 0, "its disk id and our maximal access are told");
        check_data(l, file);
        check_ranges(l, file);
        check_names(l, file);
        check_single_writer(l, &file);
        check_durable(l);
        if (l->expire_s && l->a)
                check_expiry(l);
}

static int parse(int argc, char **argv, Live *l) {
        static const struct option options[] = { { "port", 1, NULL, 'P' },
                                                 { "ccache", 1, NULL, 'c' },
                                                 { "protect", 1, NULL, 'p' },
                                                 { "expire", 1, NULL, 'e' },
                                                 { 0 } };
        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                switch (o) {
                case 'P':
                        l->config.port = (uint16_t)strtoul(optarg, NULL, 10);
                        break;
                case 'c':
                        l->config.ccache = optarg;
                        break;
                case 'e':
                        l->expire_s = (int)strtol(optarg, NULL, 10);
                        break;
                case 'p':
                        l->config.protection = *optarg == 'e'                ? SMB_PROTECT_ENCRYPT
                                               : strcmp(optarg, "sign") == 0 ? SMB_PROTECT_SIGN
                                                                             : SMB_PROTECT_SERVER;
                        break;
                default:
                        return -1;
                }
        }
        if (optind != argc - 3 || strlen(argv[optind]) > SMB_HOST_MAX || strlen(argv[optind + 1]) > SMB_SHARE_MAX)
                return -1;
        (void)strcpy(l->config.host, argv[optind]);
        (void)strcpy(l->config.share, argv[optind + 1]);
        l->folder = argv[optind + 2];
        return 0;
}

int main(int argc, char **argv) {
        Live l = { .config = { .protection = SMB_PROTECT_ENCRYPT } };
        if (parse(argc, argv, &l) < 0) {
                (void)fprintf(
                        stderr,
                        "usage: live HOST SHARE FOLDER [--port N] [--ccache NAME] [--protect encrypt|sign|server] "
                        "[--expire SECONDS]\n");
                return 2;
        }
        run(&l);
        smb_sync_free(l.a);
        smb_sync_free(l.b);
        (void)printf("%u checks, %u failed\n", l.checks, l.failures);
        return l.failures == 0 ? 0 : 1;
}
