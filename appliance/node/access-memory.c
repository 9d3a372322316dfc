#include "appliance/node/access-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define HEAD "holdfast-access 1 "

enum { NAME_MAX_BYTES = 512, HASH_SIZE = 32, LINE_FIXED_MAX = 64 };

typedef struct Entry {
        const char *path; /* into text */
        AccessNote note;
} Entry;

struct AccessMemory {
        char file[NAME_MAX_BYTES], folder[NAME_MAX_BYTES];
        char *text;     /* of the last proof; the entries point into it */
        Entry *entries; /* sorted by path and layer */
        size_t count;
        uint64_t when_us;
        char *next; /* of the proof under way */
        size_t next_size, next_room;
};

void access_digest(const void *data, size_t size, char to[static ACCESS_DIGEST_SIZE]) {
        uint8_t hash[HASH_SIZE];

        (void)snprintf(to, ACCESS_DIGEST_SIZE, "-");
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, size, hash) == 0)
                text_hex(hash, (ACCESS_DIGEST_SIZE - 1) / 2, to);
}

/* ---- the last proof ---------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
        const Entry *x = a, *y = b;
        int r = strcmp(x->path, y->path);

        return r ? r : (int)x->note.layer - (int)y->note.layer;
}

/* Cuts the text into lines; what is no line of ours ends it. */
static void parse(AccessMemory *m) {
        size_t lines = 0, head = strlen(HEAD);
        char *next;

        for (const char *p = m->text; (p = strchr(p, '\n')); p++)
                lines++;
        if (strncmp(m->text, HEAD, head) != 0 || !(m->entries = calloc(lines + 1, sizeof *m->entries)))
                return;
        m->when_us = strtoull(m->text + head, &next, 10);
        for (char *line = strchr(m->text, '\n'); line && *++line; line = next) {
                Entry *e = &m->entries[m->count];
                int path_at = 0;
                next = strchr(line, '\n');
                if (!next)
                        break;
                *next = '\0';
                if (sscanf(line, "%u %" SCNx32 " %16s %n", &e->note.layer, &e->note.granted, e->note.digest,
                           &path_at) != 3 ||
                    path_at == 0)
                        break;
                e->path = line + path_at;
                m->count++;
        }
        if (m->count > 0)
                qsort(m->entries, m->count, sizeof *m->entries, by_path);
}

static void load(AccessMemory *m) {
        auto_file FILE *f = fopen(m->file, "re");
        struct stat st;

        if (!f || fstat(fileno(f), &st) < 0 || st.st_size > ACCESS_MEMORY_SIZE_MAX ||
            !(m->text = malloc((size_t)st.st_size + 1)))
                return;
        m->text[fread(m->text, 1, (size_t)st.st_size, f)] = '\0';
        parse(m);
}

int access_memory_open(const char *folder, const char *account, const char *unc, AccessMemory **ret, Error *err) {
        AccessMemory *m = calloc(1, sizeof *m);
        auto_free char *key = text_format("%s\n%s", account, unc);
        char digest[ACCESS_DIGEST_SIZE];

        if (!m || !key) {
                free(m);
                return error_oom(err);
        }
        for (char *p = key; *p; p++)
                *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        access_digest(key, strlen(key), digest);
        (void)snprintf(m->folder, sizeof m->folder, "%.400s", folder);
        (void)snprintf(m->file, sizeof m->file, "%.400s/%s", folder, digest);
        load(m);
        *ret = m;
        return 0;
}

void access_memory_free(AccessMemory *m) {
        if (!m)
                return;
        free(m->text);
        free(m->entries);
        free(m->next);
        free(m);
}

uint64_t access_memory_when(const AccessMemory *m) {
        return m->when_us;
}

bool access_memory_find(const AccessMemory *m, const char *path, unsigned layer, AccessNote *ret) {
        const Entry key = { .path = path, .note.layer = layer };
        const Entry *e = m->count > 0 ? bsearch(&key, m->entries, m->count, sizeof key, by_path) : NULL;

        if (e)
                *ret = e->note;
        return e != NULL;
}

/* ---- the proof under way ------------------------------------------------------------------------------- */

int access_memory_note(AccessMemory *m, const char *path, const AccessNote *note, Error *err) {
        size_t size = strlen(path) + LINE_FIXED_MAX;

        for (const char *p = path; *p; p++)
                if ((unsigned char)*p < ' ')
                        return 0;
        if (m->next_size + size > m->next_room) {
                size_t room = 2 * (m->next_size + size) + 4096;
                char *bigger = realloc(m->next, room);
                if (!bigger)
                        return error_oom(err);
                m->next = bigger;
                m->next_room = room;
        }
        m->next_size += (size_t)snprintf(m->next + m->next_size, m->next_room - m->next_size,
                                         "%u %" PRIx32 " %s %s\n", note->layer, note->granted, note->digest, path);
        return 0;
}

typedef struct TempFile {
        const char *path;
} TempFile;

static void temp_file_done(TempFile *t) {
        if (t->path)
                (void)unlink(t->path);
}

int access_memory_keep(AccessMemory *m, uint64_t realtime_us, Error *err) {
        char temp[NAME_MAX_BYTES + UUID_TEXT_SIZE + 1], uuid[UUID_TEXT_SIZE];

        if (text_uuid(uuid, err) < 0)
                return -1;
        (void)snprintf(temp, sizeof temp, "%s.%s", m->file, uuid);
        if (mkdir(m->folder, 0700) < 0 && errno != EEXIST)
                return error_set(err, ERROR_INTERNAL, errno, "cannot make the folder %s", m->folder);
        auto_(temp_file_done) TempFile guard = { temp };
        auto_file FILE *f = fopen(temp, "wxe");
        if (!f || fprintf(f, HEAD "%" PRIu64 "\n", realtime_us) < 0 ||
            (m->next_size > 0 && fwrite(m->next, 1, m->next_size, f) != m->next_size) || fflush(f) != 0 ||
            rename(temp, m->file) < 0)
                return error_set(err, ERROR_INTERNAL, errno, "cannot keep what was proven in %s", m->file);
        guard.path = NULL;
        return 0;
}
