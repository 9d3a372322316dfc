/* drive-state.h — what the three files of a drive share
 *
 *      drive.c       ownership: what the node asks for, what the table answers
 *      drive-link.c  the way to the server: session, handles, reconnecting
 *      drive-io.c    guest requests: gate, parts, parking, answering
 */
#pragma once

#include "smb/disk/drive.h"

typedef enum LinkState { LINK_DOWN, LINK_CONNECTING, LINK_OPENING, LINK_UP } LinkState;

typedef struct Handle {
        SmbFile *file;                  /* NULL: not open */
        unsigned busy;                  /* requests on it */
} Handle;

typedef enum GiveStep { GIVE_DRAIN, GIVE_FLUSH, GIVE_CLOSE } GiveStep;

typedef struct Caller { DriveDone done; void *userdata; } Caller;
enum { DRIVE_GIVERS_MAX = 8 };

struct Drive {
        sd_event *event;
        DiskConfig config;
        uint8_t client_guid[16];
        sd_event_source *retry, *keep_alive, *stop_timer;
        void (*changed)(void *userdata);
        void *changed_userdata;

        /* ownership */
        Ownership own;
        Error reason;
        Caller taker, givers[DRIVE_GIVERS_MAX], stopper;
        unsigned giver_count;
        GiveStep give_step;
        bool give_unsure;               /* a CLOSE was sent and its answer never came */
        bool stopping, stop_flushed;

        /* link */
        SmbSession *session;
        uint64_t previous_session;      /* the last one that came up; see SmbConfig */
        LinkState link;
        Error link_error;               /* why it is down */
        bool take_when_up;
        bool marked, must_be_unchanged; /* see drive_mark() */
        uint64_t mark;                  /* the file's LastWriteTime */
        bool raising, echoing;          /* a lease upgrade, an ECHO is under way */
        bool broken_meanwhile;          /* since the upgrade was asked for */
        Handle reader, writer;
        SmbOpenHow term; /* how the writer was opened, for opening it again after a broken connection */
        SmbOpened term_opened;
        uint64_t down_since_us;         /* CLOCK_MONOTONIC; 0: not down */
        unsigned attempts;

        /* the file */
        bool has_file;
        uint64_t size_bytes;
        uint8_t file_id[8], volume_id[8];
        bool has_disk_id;
        uint32_t maximal_access;

        /* guest requests */
        RequestList unready;            /* READY, before there is a size */
        RequestList parked;             /* writes without ownership */
        RequestList stalled;            /* accepted, waiting for a handle to come back */
        uint64_t acked_writes, flushed_writes;          /* marks for `dirty` */
        uint64_t bytes_read, bytes_written, writes_parked;
        bool wanted;
};

/* ---- drive.c ---- */
static inline void drive_changed(Drive *d) {
        if (d->changed)
                d->changed(d->changed_userdata);
}
/* The write handle is (or should be) open. */
bool drive_holds_writer(const Drive *d);
void drive_reader_up(Drive *d);
void drive_start_failed(Drive *d, const Error *why);    /* no reader, and there never was one */
void drive_taken(Drive *d);
void drive_refused(Drive *d, const Error *why);
void drive_gone(Drive *d, const Error *why);            /* the server does not know the write handle */
void drive_lease_broken(Drive *d);
/* Goes on with giving or stopping as far as it can; called when requests end and when the link comes back. */
void drive_step(Drive *d);

/* ---- drive-link.c ---- */
void link_start(Drive *d);
/* The connection or session is no good any more: throw it away (from the loop, not here) and build a new one. */
void link_suspect(Drive *d, const Error *why);
void link_open_writer(Drive *d);
void link_keep_lease(Drive *d);
/* Asks for what is missing of the writer's lease; without effect while somebody reads. */
void link_raise_lease(Drive *d);
/* Requests end with these when nobody said no: the same request may succeed over a new connection. */
bool link_is_broken_by(const Error *err);
/* The server says that this handle is not open. */
bool link_handle_is_gone(const Error *err);
int link_init(Drive *d, Error *err) FAILS;
void link_done(Drive *d);

/* ---- drive-io.c ---- */
void io_init(Drive *d);
void io_unpark(Drive *d);
void io_ready(Drive *d);                                /* answers READY */
void io_resume(Drive *d);                               /* the handle is back */
void io_fail_all(Drive *d, int error);                  /* what is parked and stalled */
/* Closes the reader as soon as nothing uses it and the writer is there. */
void io_retire_reader(Drive *d);
