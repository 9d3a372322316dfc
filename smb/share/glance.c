#include "smb/share/glance.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "appliance/base/cleanup.h"
#include "smb/engine/smb.h"
#include "smb/share/unc.h"

enum { READER_ACCESS = SMB_READ_DATA | SMB_READ_ATTRIBUTES | SMB_SYNCHRONIZE };

typedef struct Glance Glance;

typedef struct Door {                   /* one share */
        Glance *glance;
        SmbSession *session;
        Unc unc;                        /* host and share */
} Door;

typedef struct Eye {                    /* one file */
        Glance *glance;
        GlanceFile *file;
        Door *door;
        Unc unc;
} Eye;

struct Glance {
        sd_event *event;
        Door doors[GLANCE_FILES_MAX];
        Eye eyes[GLANCE_FILES_MAX];
        size_t door_count, eye_count;
        size_t waiting;                 /* sign-ins, opens and closes without an answer */
};

static void glance_freep(Glance **glance) {
        for (size_t i = 0; *glance && i < (*glance)->door_count; i++)
                smb_session_free((*glance)->doors[i].session);
        if (*glance)
                sd_event_unref((*glance)->event);
        free(*glance);
}

static void on_closed(void *userdata, const Error *outcome) {
        Eye *eye = userdata;
        eye->glance->waiting--;         /* the answer about the file is there already */
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *outcome) {
        Eye *eye = userdata;
        GlanceFile *to = eye->file;
        Error ignored;

        eye->glance->waiting--;
        to->why = *outcome;
        if (!file)
                return;
        const SmbFacts *facts = smb_session_facts(eye->door->session);
        to->size_bytes = opened->size_bytes;
        to->last_write = opened->last_write;
        (void)memcpy(to->file_id, opened->disk_file_id, sizeof to->file_id);
        (void)memcpy(to->volume_id, opened->volume_id, sizeof to->volume_id);
        to->maximal_access = opened->maximal_access;
        to->dialect = facts->dialect;
        to->cipher = facts->cipher;
        to->sealed = facts->sealed;
        if (smb_close(file, on_closed, eye, &ignored) == 0)
                eye->glance->waiting++;
}

/* All opens of a share leave in one go; the server answers them in its own order. */
static void on_connected(void *userdata, const Error *outcome) {
        Door *door = userdata;
        Glance *g = door->glance;

        g->waiting--;
        for (size_t i = 0; i < g->eye_count; i++) {
                Eye *eye = &g->eyes[i];
                SmbOpenHow how = { .access = READER_ACCESS, .disposition = SMB_OPEN, .options = SMB_OPTION_NON_DIRECTORY,
                                   .share = SMB_SHARE_READ | SMB_SHARE_WRITE | SMB_SHARE_DELETE };
                if (eye->door != door)
                        continue;
                eye->file->why = *outcome;
                (void)memcpy(how.path, eye->unc.path, sizeof how.path);
                if (outcome->kind == ERROR_NONE &&
                    smb_open(door->session, &how, on_opened, eye, &eye->file->why) == 0)
                        g->waiting++;
        }
}

static Door *door_of(Glance *g, const Unc *unc) {
        for (size_t i = 0; i < g->door_count; i++)
                if (strcmp(g->doors[i].unc.host, unc->host) == 0 && strcasecmp(g->doors[i].unc.share, unc->share) == 0)
                        return &g->doors[i];
        Door *door = &g->doors[g->door_count++];
        *door = (Door){ .glance = g, .unc = *unc };
        return door;
}

static int knock(Door *door, Error *err) {
        SmbConfig config = { .protection = SMB_PROTECT_ENCRYPT };

        if (gnutls_rnd(GNUTLS_RND_NONCE, config.client_guid, sizeof config.client_guid) < 0)
                return error_set(err, ERROR_INTERNAL, 0, "no random numbers");
        (void)snprintf(config.host, sizeof config.host, "%s", door->unc.host);
        (void)snprintf(config.share, sizeof config.share, "%s", door->unc.share);
        if (smb_session_new(door->glance->event, &config, &door->session, err) < 0)
                return -1;
        return smb_session_connect(door->session, on_connected, door, err);
}

int glance(GlanceFile *files, size_t count, Error *err) {
        auto_(glance_freep) Glance *g = calloc(1, sizeof *g);

        if (!g)
                return error_oom(err);
        if (count > GLANCE_FILES_MAX)
                return error_set(err, ERROR_LIMIT, 0, "more than %d files at once", GLANCE_FILES_MAX);
        int r = sd_event_new(&g->event);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make an event loop: %s", strerror(-r));
        for (size_t i = 0; i < count; i++) {
                Eye *eye = &g->eyes[g->eye_count];
                files[i] = (GlanceFile){ .unc = files[i].unc };
                *eye = (Eye){ .glance = g, .file = &files[i] };
                if (unc_parse(files[i].unc, &eye->unc, &files[i].why) < 0)
                        continue;
                eye->door = door_of(g, &eye->unc);
                g->eye_count++;
        }
        for (size_t i = 0; i < g->door_count; i++) {
                Error why = { 0 };
                g->waiting++;
                if (knock(&g->doors[i], &why) < 0)
                        on_connected(&g->doors[i], &why);
        }
        while (g->waiting > 0)
                if ((r = sd_event_run(g->event, UINT64_MAX)) < 0)
                        return error_set(err, ERROR_INTERNAL, -r, "the event loop failed: %s", strerror(-r));
        return 0;
}
