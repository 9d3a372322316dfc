#include "smb/engine/sync.h"

#include <string.h>

#include "appliance/base/cleanup.h"

struct SmbSync {
        sd_event *event;
        SmbSession *session;
};

/* One call's answer; lives on the caller's stack. */
typedef struct Answer {
        bool there;
        Error err;
        SmbFile *file;
        SmbOpened opened;
        void *to;
        uint32_t size;
} Answer;

DEFINE_FREEP(SmbSync, smb_sync_free);

void smb_sync_free(SmbSync *sync) {
        if (!sync)
                return;
        smb_session_free(sync->session);
        sd_event_unref(sync->event);
        free(sync);
}

int smb_sync_turn(SmbSync *sync, uint64_t timeout_us, Error *err) {
        int r = sd_event_run(sync->event, timeout_us);
        return r < 0 ? error_set(err, ERROR_INTERNAL, -r, "the event loop failed: %s", strerror(-r)) : 0;
}

/* @started: what the asynchronous call returned; when it failed, *err is filled already. */
static int wait_for(SmbSync *sync, const Answer *answer, int started, Error *err) {
        if (started < 0)
                return -1;
        while (!answer->there)
                if (smb_sync_turn(sync, UINT64_MAX, err) < 0)
                        return -1;
        if (answer->err.kind == ERROR_NONE)
                return 0;
        *err = answer->err;
        return -1;
}

static void on_done(void *userdata, const Error *err) {
        Answer *answer = userdata;
        answer->there = true;
        answer->err = *err;
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Answer *answer = userdata;
        answer->file = file;
        answer->opened = *opened;
        on_done(answer, err);
}

static void on_size(void *userdata, uint32_t size, const Error *err) {
        Answer *answer = userdata;
        answer->size = size;
        on_done(answer, err);
}

static void on_data(void *userdata, const void *out, uint32_t size, const Error *err) {
        Answer *answer = userdata;
        if (size > 0)
                memcpy(answer->to, out, size);
        on_size(answer, size, err);
}

int smb_sync_connect(const SmbConfig *config, SmbSync **ret, Error *err) {
        Answer answer = { 0 };
        auto_(smb_sync_freep) SmbSync *sync = calloc(1, sizeof *sync);
        if (!sync)
                return error_oom(err);
        int r = sd_event_new(&sync->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop: %s", strerror(-r));
        if (smb_session_new(sync->event, config, &sync->session, err) < 0 ||
            wait_for(sync, &answer, smb_session_connect(sync->session, on_done, &answer, err), err) < 0)
                return -1;
        *ret = take_ptr(sync);
        return 0;
}

const SmbFacts *smb_sync_facts(const SmbSync *sync) {
        return smb_session_facts(sync->session);
}
SmbSession *smb_sync_session(SmbSync *sync) {
        return sync->session;
}

int smb_sync_open(SmbSync *sync, const SmbOpenHow *how, SmbFile **ret, SmbOpened *opened, Error *err) {
        Answer answer = { 0 };
        if (wait_for(sync, &answer, smb_open(sync->session, how, on_opened, &answer, err), err) < 0)
                return -1;
        *ret = answer.file;
        if (opened)
                *opened = answer.opened;
        return 0;
}

int smb_sync_close(SmbSync *sync, SmbFile *file, Error *err) {
        Answer answer = { 0 };
        return wait_for(sync, &answer, smb_close(file, on_done, &answer, err), err);
}

static uint32_t piece(size_t left, uint32_t max) {
        return left < max ? (uint32_t)left : max;
}

int smb_sync_read(SmbSync *sync, SmbFile *file, uint64_t offset, void *data, size_t size, size_t *ret_size,
                  Error *err) {
        size_t got = 0;
        while (got < size) {
                Answer answer = { 0 };
                uint32_t n = piece(size - got, smb_sync_facts(sync)->max_read);
                int r = smb_read(file, offset + got, (uint8_t *)data + got, n, on_size, &answer, err);
                if (wait_for(sync, &answer, r, err) < 0)
                        return -1;
                got += answer.size;
                if (answer.size < n)
                        break;
        }
        *ret_size = got;
        return 0;
}

int smb_sync_write(SmbSync *sync, SmbFile *file, uint64_t offset, const void *data, size_t size, Error *err) {
        for (size_t at = 0; at < size;) {
                Answer answer = { 0 };
                uint32_t n = piece(size - at, smb_sync_facts(sync)->max_write);
                int r = smb_write(file, offset + at, (const uint8_t *)data + at, n, false, on_done, &answer, err);
                if (wait_for(sync, &answer, r, err) < 0)
                        return -1;
                at += n;
        }
        return 0;
}

int smb_sync_flush(SmbSync *sync, SmbFile *file, Error *err) {
        Answer answer = { 0 };
        return wait_for(sync, &answer, smb_flush(file, on_done, &answer, err), err);
}

int smb_sync_set_size(SmbSync *sync, SmbFile *file, uint64_t size_bytes, Error *err) {
        Answer answer = { 0 };
        return wait_for(sync, &answer, smb_set_size(file, size_bytes, on_done, &answer, err), err);
}

int smb_sync_rename(SmbSync *sync, SmbFile *file, const char *new_path, Error *err) {
        Answer answer = { 0 };
        return wait_for(sync, &answer, smb_rename(file, new_path, on_done, &answer, err), err);
}

int smb_sync_query(SmbSync *sync, SmbFile *file, uint8_t type, uint8_t info_class, uint32_t additional, void *to,
                   uint32_t size, uint32_t *ret_size, Error *err) {
        Answer answer = { .to = to };
        int r = smb_query_info(file, type, info_class, additional, size, on_data, &answer, err);
        if (wait_for(sync, &answer, r, err) < 0)
                return -1;
        *ret_size = answer.size;
        return 0;
}

int smb_sync_set_security(SmbSync *sync, SmbFile *file, uint32_t parts, const void *in, uint32_t size, Error *err) {
        Answer answer = { 0 };
        return wait_for(sync, &answer, smb_set_security(file, parts, in, size, on_done, &answer, err), err);
}

int smb_sync_ioctl(SmbSync *sync, SmbFile *file, uint32_t code, const void *in, uint32_t in_size, void *to,
                   uint32_t size, uint32_t *ret_size, Error *err) {
        Answer answer = { .to = to };
        int r = smb_ioctl(file, code, in, in_size, size, on_data, &answer, err);
        if (wait_for(sync, &answer, r, err) < 0)
                return -1;
        *ret_size = answer.size;
        return 0;
}
