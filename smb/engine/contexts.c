#include "smb/engine/contexts.h"

#include <string.h>

enum { CONTEXTS_MAX = 16, DURABLE_PERSISTENT = 2 };

static const uint8_t app_instance_id_name[16] = {
        0x45, 0xBC, 0xA6, 0x6A, 0xEF, 0xA7, 0xF7, 0x4A, 0x90, 0x08, 0xFA, 0x46, 0x2E, 0x14, 0x4D, 0x74,
};
static const uint8_t app_instance_version_name[16] = {
        0xB9, 0x82, 0xD0, 0xB7, 0x3B, 0x56, 0x07, 0x4F, 0xA0, 0x7B, 0x52, 0x4A, 0x81, 0x16, 0xA0, 0x10,
};

typedef struct Chain {
        Writer *w;
        size_t last; /* where the previous context starts */
        bool any;
} Chain;

static void add(Chain *chain, const void *name, size_t name_size, uint32_t data_size) {
        Writer *w = chain->w;
        write_align(w, 8);
        if (chain->any)
                write_u32_at(w, chain->last, (uint32_t)(w->at - chain->last));
        chain->last = w->at;
        chain->any = true;
        size_t data_offset = (16 + name_size + 7) & ~(size_t)7;
        write_u32(w, 0);  /* Next */
        write_u16(w, 16); /* NameOffset */
        write_u16(w, (uint16_t)name_size);
        write_u16(w, 0);
        write_u16(w, data_size ? (uint16_t)data_offset : 0);
        write_u32(w, data_size);
        write_bytes(w, name, name_size);
        if (data_size)
                write_align(w, 8);
}

static void add_lease(Chain *chain, const SmbOpenHow *how) {
        add(chain, "RqLs", 4, 52); /* 2.2.13.2.10 */
        write_bytes(chain->w, how->lease_key, 16);
        write_u32(chain->w, how->lease);
        write_zero(chain->w, 4 + 8 + 16 + 2 + 2);
}

static void add_durable(Chain *chain, const SmbOpenHow *how) {
        add(chain, "DH2Q", 4, 32); /* 2.2.13.2.11 */
        write_u32(chain->w, how->durable_timeout_ms);
        write_u32(chain->w, how->persistent ? DURABLE_PERSISTENT : 0);
        write_u64(chain->w, 0);
        write_bytes(chain->w, how->create_guid, 16);
}

static void add_reconnect(Chain *chain, const SmbOpenHow *how) {
        add(chain, "DH2C", 4, 36); /* 2.2.13.2.12 */
        write_u64(chain->w, how->reconnect_id[0]);
        write_u64(chain->w, how->reconnect_id[1]);
        write_bytes(chain->w, how->create_guid, 16);
        write_u32(chain->w, how->persistent ? DURABLE_PERSISTENT : 0);
}

static void add_app_instance(Chain *chain, const SmbOpenHow *how, uint16_t dialect) {
        add(chain, app_instance_id_name, 16, 20); /* 2.2.13.2.13 */
        write_u16(chain->w, 20);
        write_u16(chain->w, 0);
        write_bytes(chain->w, how->app_instance_id, 16);
        if (dialect < 0x0311)
                return;
        add(chain, app_instance_version_name, 16, 24); /* 2.2.13.2.15 */
        write_u16(chain->w, 24);
        write_u16(chain->w, 0);
        write_u32(chain->w, 0);
        write_u64(chain->w, how->app_instance_version);
        write_u64(chain->w, 0);
}

void contexts_encode(Writer *w, const SmbOpenHow *how, uint16_t dialect) {
        Chain chain = { .w = w };
        if (how->reconnect) { /* 3.2.4.4: a reconnect names the handle and its lease, nothing else */
                add_reconnect(&chain, how);
                if (how->lease)
                        add_lease(&chain, how);
                return;
        }
        if (how->lease)
                add_lease(&chain, how);
        if (how->durable)
                add_durable(&chain, how);
        if (how->app_instance)
                add_app_instance(&chain, how, dialect);
        add(&chain, "MxAc", 4, 0); /* 2.2.13.2.5 */
        add(&chain, "QFid", 4, 0); /* 2.2.13.2.9 */
}

static bool named(Span name, const char *tag) {
        return name.size == 4 && memcmp(name.data, tag, 4) == 0;
}

static bool take_one(Span name, Span data, const SmbOpenHow *how, SmbOpened *opened) {
        Reader r = reader_of(data.data, data.size);
        if (named(name, "MxAc")) { /* 2.2.14.2.5 */
                uint32_t status = read_u32(&r);
                uint32_t access = read_u32(&r);
                opened->maximal_access = status == 0 ? access : 0;
        } else if (named(name, "QFid")) { /* 2.2.14.2.9 */
                read_bytes(&r, opened->disk_file_id, 8);
                read_bytes(&r, opened->volume_id, 8);
                opened->has_disk_id = true;
        } else if (named(name, "RqLs")) { /* 2.2.14.2.11 */
                uint8_t key[16];
                read_bytes(&r, key, 16);
                uint32_t state = read_u32(&r);
                /* A lease on a key that is not ours could never be broken to us. */
                if (!how->lease || memcmp(key, how->lease_key, 16) != 0)
                        return false;
                opened->lease = state & (SMB_LEASE_READ | SMB_LEASE_HANDLE | SMB_LEASE_WRITE);
        } else if (named(name, "DH2Q")) { /* 2.2.14.2.12 */
                opened->durable_timeout_ms = read_u32(&r);
                opened->persistent = read_u32(&r) & DURABLE_PERSISTENT;
                opened->durable = true;
        }
        return reader_ok(&r);
}

int contexts_decode(Span contexts, const SmbOpenHow *how, SmbOpened *opened, Error *err) {
        size_t at = 0;
        if (how->reconnect) /* the reply of a reconnect has no DH2Q: it succeeded, so it is */
                opened->durable = true;
        if (contexts.size == 0)
                return 0;
        for (unsigned i = 0; i < CONTEXTS_MAX; i++) {
                Reader r = reader_of(contexts.data + at, contexts.size - at);
                uint32_t next = read_u32(&r);
                uint16_t name_offset = read_u16(&r), name_size = read_u16(&r);
                (void)read_u16(&r);
                uint16_t data_offset = read_u16(&r);
                uint32_t data_size = read_u32(&r);
                Span name = read_span_at(&r, name_offset, name_size);
                Span data = data_size ? read_span_at(&r, data_offset, data_size) : (Span){ NULL, 0 };
                if (!reader_ok(&r) || !take_one(name, data, how, opened))
                        break;
                if (next == 0)
                        return 0;
                if (next < 16 || next >= contexts.size - at) /* forwards only, so the walk ends */
                        break;
                at += next;
        }
        return error_set(err, ERROR_PROTOCOL, 0, "the file server sent malformed create contexts");
}
