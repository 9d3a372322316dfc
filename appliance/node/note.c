#include "appliance/node/note.h"

#include <stdio.h>
#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"

typedef struct Note {
        int priority;
        const char *message_id;
        char vm[VM_NAME_SIZE], vm_id[UUID_TEXT_SIZE], job[UUID_TEXT_SIZE];
        char text[ERROR_TEXT_MAX + VM_NAME_SIZE + 64];
} Note;

static const struct { int priority; const char *text; } happened[] = {
        [VM_EVENT_STARTED] = { LOG_NOTICE, "started" },
        [VM_EVENT_STOPPED] = { LOG_NOTICE, "stopped" },
        [VM_EVENT_CRASHED] = { LOG_ERR, "crashed" },
        [VM_EVENT_SUSPENDED] = { LOG_INFO, "is paused" },
        [VM_EVENT_RESUMED] = { LOG_INFO, "runs on" },
        [VM_EVENT_DEFINED] = { LOG_INFO, "is known to this host" },
        [VM_EVENT_UNDEFINED] = { LOG_INFO, "is no longer known to this host" },
        [VM_EVENT_DISK_ERROR] = { LOG_ERR, "has a disk error" },
        [VM_EVENT_GUEST_REBOOTED] = { LOG_INFO, "was restarted by its guest" },
        [VM_EVENT_TROUBLE] = { LOG_WARNING, "needs attention" },
};

static void write_note(void *userdata) {
        auto_free Note *note = userdata;
        const LogField fields[] = { { "VM", *note->vm ? note->vm : NULL },
                                    { "VM_ID", *note->vm_id ? note->vm_id : NULL },
                                    { "JOB", *note->job ? note->job : NULL },
                                    { NULL, NULL } };
        log_write(note->priority, note->message_id, fields, "%s", note->text);
}

/* The journal may make its writers wait; libvirt's thread must not. */
static void post(Node *node, const Note *note) {
        Error err = { 0 };
        Note *copy = malloc(sizeof *copy);
        if (!copy)
                return;
        *copy = *note;
        if (pool_post(node->notes, write_note, copy, &err) < 0)
                free(copy);
}

void note_machine(void *userdata, const VmEvent *event) {
        Note note = { .message_id = LOG_ID_MACHINE };

        if ((size_t)event->kind >= ARRAY_SIZE(happened) || !happened[event->kind].text)
                return;
        note.priority = happened[event->kind].priority;
        (void)snprintf(note.vm, sizeof note.vm, "%s", event->name);
        (void)snprintf(note.vm_id, sizeof note.vm_id, "%s", event->id);
        if (*event->name)
                (void)snprintf(note.text, sizeof note.text, "virtual machine \"%s\" %s%s%s", event->name,
                               happened[event->kind].text, *event->text ? ": " : "", event->text);
        else
                (void)snprintf(note.text, sizeof note.text, "%s", event->text);
        post(userdata, &note);
}

void note_move(void *userdata, bool warning, const char *token, const char *vm, const char *text) {
        Note note = { .message_id = LOG_ID_MIGRATION, .priority = warning ? LOG_WARNING : LOG_INFO };

        (void)snprintf(note.vm, sizeof note.vm, "%s", vm ? vm : "");
        (void)snprintf(note.job, sizeof note.job, "%s", token ? token : "");
        (void)snprintf(note.text, sizeof note.text, "%s", text);
        post(userdata, &note);
}
