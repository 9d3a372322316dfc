/* disk-probe.c — smb/disk/client.h and smb/share/files.h from a shell, for the cases of the lab
 *
 *      disk-probe disk start|stop|status|acquire|… UNC [TOKEN] [EPOCH|MICROSECONDS]
 *      disk-probe files read|write|list|… UNC [TEXT]
 *
 * Prints what it was told, or "KIND: sentence" and exits with 1.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "smb/disk/client.h"
#include "smb/share/files.h"

typedef struct Words { char **at; int left; } Words;

static const char *word(Words *w) { return w->left-- > 0 ? *w->at++ : ""; }

static uint64_t number(Words *w) { return strtoull(word(w), NULL, 10); }

static void print_status(const DiskStatus *s) {
        printf("%s epoch=%llu wanted=%d parked=%llu read=%llu written=%llu size=%llu durable=%d sealed=%d "
               "connected=%d "
               "dialect=%04x token=%s reason=%s\n",
               disk_state_name(s->state), (unsigned long long)s->epoch, s->wanted,
               (unsigned long long)s->writes_parked, (unsigned long long)s->bytes_read,
               (unsigned long long)s->bytes_written, (unsigned long long)s->size_bytes, s->durable, s->sealed,
               s->connected, s->dialect, s->token, s->reason);
}

static int disk_status_verb(const char *verb, const DiskName *name, Words *w, Error *err) {
        DiskStatus s = { 0 };
        int r;
        if (strcmp(verb, "start") == 0)
                r = disk_start(name, &s, err);
        else if (strcmp(verb, "mark") == 0)
                r = disk_mark(name, &s, err);
        else if (strcmp(verb, "acquire-unchanged") == 0)
                r = disk_acquire_unchanged(name, number(w), &s, err);
        else if (strcmp(verb, "acquire") == 0)
                r = disk_acquire(name, number(w), &s, err);
        else if (strcmp(verb, "wait") == 0)
                r = disk_wait(name, number(w), &s, err);
        else
                r = disk_status(name, &s, err);
        if (r == 0)
                print_status(&s);
        return r;
}

static int disk_verb(const char *verb, const char *unc, Words *w, Error *err) {
        DiskName name;
        if (disk_name(unc, &name, err) < 0)
                return -1;
        if (strcmp(verb, "id") == 0)
                return puts(name.id) < 0 ? -1 : 0;
        if (strcmp(verb, "uri") == 0)
                return printf("nbd+unix:///?socket=%s\n", name.nbd_socket) < 0 ? -1 : 0;
        if (strcmp(verb, "stop") == 0)
                return disk_stop(&name, err);
        if (strcmp(verb, "arm") == 0)
                return disk_arm(&name, word(w), err);
        if (strcmp(verb, "disarm") == 0)
                return disk_disarm(&name, word(w), err);
        if (strcmp(verb, "release") == 0)
                return disk_release(&name, word(w), err);
        if (strcmp(verb, "give") == 0) {
                const char *token = word(w);
                return disk_give(&name, token, number(w), err);
        }
        if (strcmp(verb, "take-back") == 0) {
                const char *token = word(w);
                return disk_take_back(&name, token, number(w), err);
        }
        return disk_status_verb(verb, &name, w, err);
}

static int files_print(const char *verb, const char *unc, Error *err) {
        if (strcmp(verb, "read") == 0) {
                auto_free char *text = NULL;
                if (files_read(unc, FILES_SIZE_MAX, &text, NULL, err) < 0)
                        return -1;
                return fputs(text, stdout) < 0 ? -1 : 0;
        }
        if (strcmp(verb, "exists") == 0) {
                bool exists = false, folder = false;
                if (files_exists(unc, &exists, &folder, err) < 0)
                        return -1;
                puts(folder ? "folder" : exists ? "file" : "nothing");
                return 0;
        }
        auto_free FilesEntry *list = NULL;
        size_t count = 0;
        if (files_list(unc, &list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                printf("%s %llu%s\n", list[i].name, (unsigned long long)list[i].size_bytes,
                       list[i].is_folder ? " folder" : "");
        return 0;
}

typedef struct Thread {
        pthread_t thread;
        char unc[DISK_UNC_MAX];
        unsigned rounds;
        Error err;
} Thread;

/* Writes, reads back, lists; everything another thread does at the same time, in the same folder. */
static void *hammer(void *userdata) {
        Thread *t = userdata;
        char folder[DISK_UNC_MAX], text[64];

        (void)snprintf(folder, sizeof folder, "%s", t->unc);
        *strrchr(folder, '\\') = '\0';
        for (unsigned i = 0; i < t->rounds; i++) {
                auto_free char *back = NULL;
                auto_free FilesEntry *list = NULL;
                size_t count;
                (void)snprintf(text, sizeof text, "round %u", i);
                if (files_write(t->unc, text, strlen(text), &t->err) < 0 ||
                    files_read(t->unc, 1000, &back, NULL, &t->err) < 0 ||
                    files_list(folder, &list, &count, &t->err) < 0)
                        return NULL;
                if (strcmp(back, text) != 0) {
                        (void)error_set(&t->err, ERROR_INTERNAL, 0, "wrote '%s' and read '%.40s'", text, back);
                        return NULL;
                }
        }
        return NULL;
}

enum { THREADS = 8 };

static int files_threads(const char *unc, unsigned rounds, Error *err) {
        auto_free Thread *threads = calloc(THREADS, sizeof *threads);
        if (!threads)
                return error_oom(err);
        for (int i = 0; i < THREADS; i++) {
                (void)snprintf(threads[i].unc, sizeof threads[i].unc, "%s\\thread%d", unc, i);
                threads[i].rounds = rounds;
                if (pthread_create(&threads[i].thread, NULL, hammer, &threads[i]) != 0)
                        return error_set(err, ERROR_LIMIT, 0, "cannot start a thread");
        }
        int r = 0;
        for (int i = 0; i < THREADS; i++) {
                (void)pthread_join(threads[i].thread, NULL);
                if (threads[i].err.kind != ERROR_NONE) {
                        *err = threads[i].err;
                        r = -1;
                }
        }
        return r;
}

static int files_verb(const char *verb, const char *unc, Words *w, Error *err) {
        const char *text = word(w);
        if (strcmp(verb, "write") == 0)
                return files_write(unc, text, strlen(text), err);
        if (strcmp(verb, "write-new") == 0)
                return files_write_new(unc, text, strlen(text), err);
        if (strcmp(verb, "make-folder") == 0)
                return files_make_folder(unc, err);
        if (strcmp(verb, "remove") == 0)
                return files_remove(unc, err);
        if (strcmp(verb, "remove-folder") == 0)
                return files_remove_folder(unc, err);
        if (strcmp(verb, "threads") == 0)
                return files_threads(unc, (unsigned)strtoul(text, NULL, 10), err);
        return files_print(verb, unc, err);
}

int main(int argc, char **argv) {
        Words w = { argv + 1, argc - 1 };
        Error err = { 0 };

        if (argc < 4) {
                fputs("usage: disk-probe disk|files VERB UNC [ARGUMENT…]\n", stderr);
                return 2;
        }
        bool disk = strcmp(word(&w), "disk") == 0;
        const char *verb = word(&w), *unc = word(&w);
        if ((disk ? disk_verb : files_verb)(verb, unc, &w, &err) == 0)
                return 0;
        printf("%s: %s\n", error_kind_name(err.kind), err.text);
        return 1;
}
