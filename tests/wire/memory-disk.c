#include "tests/wire/memory-disk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void memory_disk_init(MemoryDisk *disk) {
        *disk = (MemoryDisk){ 0 };
        list_init(&disk->held);
}

static bool is_empty(const MemoryDisk *d, uint64_t at) {
        for (size_t i = 0; i < MEMORY_DISK_GRAIN; i++)
                if (d->data[at + i])
                        return false;
        return true;
}

static void find_ranges(const MemoryDisk *d, Request *r) {
        r->range_count = 0;
        r->covered = d->knows_nothing ? 0 : r->size;
        for (uint64_t at = 0; at < MEMORY_DISK_SIZE && !d->knows_nothing; at += MEMORY_DISK_GRAIN)
                if (!is_empty(d, at))
                        r->ranges[r->range_count++] = (SmbRange){ at, MEMORY_DISK_GRAIN };
}

static void answer(MemoryDisk *d, Request *r) {
        uint8_t *at = d->data + r->offset;

        if (d->error) {
                (void)error_set(&r->why, ERROR_INTERNAL, 0, "the memory disk was told to fail");
                request_answer(r, d->error);
                return;
        }
        assert(r->offset <= MEMORY_DISK_SIZE && r->size <= MEMORY_DISK_SIZE - r->offset);
        d->fua += r->fua;
        switch (r->kind) {
        case REQUEST_READ:
                (void)memcpy(r->to, at, r->size);
                break;
        case REQUEST_WRITE:
                if (r->from)
                        (void)memcpy(at, r->from, r->size);
                else
                        (void)memset(at, 0, r->size);
                break;
        case REQUEST_ZERO:
                d->fast = r->fast;
                __attribute__((fallthrough));
        case REQUEST_TRIM:
                (void)memset(at, 0, r->size);
                break;
        case REQUEST_FLUSH:
                d->flushes++;
                break;
        case REQUEST_EXTENTS:
                find_ranges(d, r);
                break;
        case REQUEST_READY:
                r->size = MEMORY_DISK_SIZE;
                break;
        }
        request_answer(r, 0);
}

static void on_submit(void *userdata, Request *r) {
        MemoryDisk *d = userdata;

        r->error = 0;
        r->why = (Error){ 0 };
        if (!d->holds) {
                answer(d, r);
                return;
        }
        d->held_count++;
        list_push(&d->held, r);
}

static void on_withdraw(void *userdata, const void *client) {
        MemoryDisk *d = userdata;
        RequestList taken;

        list_init(&taken);
        list_withdraw(&d->held, client, &taken);
        for (Request *r; (r = list_pop(&taken)); d->withdrawn++)
                request_answer(r, ESHUTDOWN);
}

static void on_complain(void *userdata, const Error *why) {
        assert(why->kind != ERROR_NONE && *why->text);
        ((MemoryDisk *)userdata)->complaints++;
}

void memory_disk_release(MemoryDisk *d) {
        d->holds = false;
        for (Request *r; (r = list_pop(&d->held));)
                answer(d, r);
}

const NbdBackend memory_disk_backend = { on_submit, on_withdraw, on_complain };
