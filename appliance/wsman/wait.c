/* Receives that wait: answered when there is output, when the command is done, or at their OperationTimeout. */
#include "appliance/wsman/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        COALESCE_US = 20 * 1000,
        ROOM_SPARE = 4096, /* of an envelope, for what is not data */
};

struct WsmanWait {
        WsmanWait *next;
        Shell *shell;
        char command[WSMAN_ID_MAX];
        char *message_id;
        size_t envelope_max;
        sd_event_source *timer;
        WsmanAnswer answer;
        void *userdata;
};

static void wait_free(WsmanWait *wait) {
        (void)sd_event_source_disable_unref(wait->timer);
        free(wait->message_id);
        free(wait);
}

static void unlink_wait(WsmanWait *wait) {
        for (WsmanWait **at = &wait->shell->waits; *at; at = &(*at)->next)
                if (*at == wait) {
                        *at = wait->next;
                        return;
                }
}

void wsman_abandon(WsmanWait *wait) {
        unlink_wait(wait);
        wait_free(wait);
}

static Envelope reply_to(const WsmanWait *wait) {
        return (Envelope){ .action = ACTION_RECEIVE, .message_id = wait->message_id, .resource = "", .shell = "" };
}

static void end_with_fault(WsmanWait *wait, const WsmanFault *fault) {
        auto_(xml_writer_done) XmlWriter w = { 0 };
        Envelope envelope = reply_to(wait);

        reply_fault(&w, &envelope, fault);
        unlink_wait(wait);
        wait->answer(wait->userdata, 500, w.failed ? "" : w.text, w.failed ? 0 : w.size);
        wait_free(wait);
}

/* Data is sent as base64: four bytes for three. */
static size_t room_of(size_t envelope_max) {
        return (envelope_max - ROOM_SPARE) / 4 * 3;
}

/* Whether it was answered. */
static bool try_answer(WsmanWait *wait) {
        auto_(xml_writer_done) XmlWriter w = { 0 };
        Shell *shell = wait->shell;
        WsmanFault fault = { 0 };
        Envelope envelope = reply_to(wait);

        reply_begin(&w, &envelope);
        xml_write(&w, "<rsp:ReceiveResponse>");
        int r = shell->kind->receive(shell, wait->command, room_of(wait->envelope_max), &w, &fault);
        if (r == 0)
                return false;
        if (r < 0 || w.failed) {
                if (r >= 0)
                        (void)fault_set(&fault, FAULT_INTERNAL, "There is not enough memory for the reply.");
                end_with_fault(wait, &fault);
                return true;
        }
        xml_write(&w, "</rsp:ReceiveResponse>");
        reply_end(&w);
        unlink_wait(wait);
        wait->answer(wait->userdata, w.failed ? 500 : 200, w.failed ? "" : w.text, w.failed ? 0 : w.size);
        wait_free(wait);
        return true;
}

static void answer_all(Shell *shell) {
        (void)sd_event_source_set_enabled(shell->wake, SD_EVENT_OFF);
        (void)sd_event_source_set_enabled(shell->late, SD_EVENT_OFF);
        for (WsmanWait *wait = shell->waits, *next; wait; wait = next) {
                next = wait->next;
                (void)try_answer(wait);
        }
}

static int on_wake(sd_event_source *source, void *userdata) {
        answer_all(userdata);
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        answer_all(userdata);
        return 0;
}

/* Output that comes in quick succession travels together: the answer waits until nothing else is to be done, but not
 * longer than COALESCE_US, for on a busy host there is always something. */
void shell_wake(Shell *shell) {
        int enabled = SD_EVENT_OFF;

        if (!shell->waits)
                return;
        (void)sd_event_source_get_enabled(shell->late, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        (void)sd_event_source_set_time_relative(shell->late, COALESCE_US);
        (void)sd_event_source_set_enabled(shell->late, SD_EVENT_ONESHOT);
        (void)sd_event_source_set_enabled(shell->wake, SD_EVENT_ONESHOT);
}

int wait_prepare(Shell *shell) {
        sd_event *event = shell->wsman->event;
        int r = sd_event_add_defer(event, &shell->wake, on_wake, shell);
        if (r >= 0)
                r = sd_event_source_set_enabled(shell->wake, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(shell->wake, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_time(event, &shell->late, CLOCK_MONOTONIC, 0, 1000, on_late, shell);
        return r < 0 ? r : sd_event_source_set_enabled(shell->late, SD_EVENT_OFF);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        WsmanWait *wait = userdata;
        WsmanFault fault = { 0 };
        (void)fault_set(&fault, FAULT_TIMED_OUT,
                        "The WS-Management service cannot complete the operation within the time specified in "
                        "OperationTimeout.");
        if (!try_answer(wait))
                end_with_fault(wait, &fault);
        return 0;
}

static WsmanWait *make(Shell *shell, const Envelope *envelope, WsmanAnswer answer, void *userdata) {
        const XmlElement *desired = xml_child(envelope->tree, envelope->body, NS_SHELL, "DesiredStream");
        const char *command = xml_attribute(desired, "CommandId");
        WsmanWait *wait = calloc(1, sizeof *wait);

        if (!wait)
                return NULL;
        *wait = (WsmanWait){ .shell = shell,
                             .answer = answer,
                             .userdata = userdata,
                             .envelope_max = envelope->envelope_max,
                             .message_id = strdup(envelope->message_id) };
        (void)snprintf(wait->command, sizeof wait->command, "%s", command ? command : "");
        if (wait->message_id &&
            sd_event_add_time_relative(shell->wsman->event, &wait->timer, CLOCK_MONOTONIC,
                                       envelope->timeout_ms * 1000ULL, 0, on_timeout, wait) >= 0)
                return wait;
        wait_free(wait);
        return NULL;
}

void wait_receive(Shell *shell, const Envelope *envelope, WsmanAnswer answer, void *userdata,
                  WsmanWait **ret_wait) {
        auto_(xml_writer_done) XmlWriter w = { 0 };
        WsmanFault fault = { 0 };
        unsigned count = 0;
        WsmanWait *wait = NULL;

        for (const WsmanWait *each = shell->waits; each; each = each->next)
                count++;
        if (count < WSMAN_WAITS_MAX)
                wait = make(shell, envelope, answer, userdata);
        if (!wait) {
                (void)fault_set(
                        &fault, FAULT_QUOTA_COMMANDS,
                        "The WS-Management service cannot process the request. The maximum number of concurrent "
                        "operations of this shell has been exceeded.");
                reply_fault(&w, envelope, &fault);
                answer(userdata, 500, w.failed ? "" : w.text, w.failed ? 0 : w.size);
                return;
        }
        wait->next = shell->waits;
        shell->waits = wait;
        if (!try_answer(wait))
                *ret_wait = wait;
}

void wait_end_all(Shell *shell, WsmanFaultKind kind, const char *text) {
        WsmanFault fault = { 0 };
        (void)fault_set(&fault, kind, "%s", text);
        while (shell->waits)
                end_with_fault(shell->waits, &fault);
}

void wait_free_all(Shell *shell) {
        while (shell->waits)
                wsman_abandon(shell->waits);
}
