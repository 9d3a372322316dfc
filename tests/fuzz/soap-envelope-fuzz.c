/* A request from the first byte of its XML to the answer, with shells that outlive it. */
#include <stdlib.h>
#include <string.h>

#include "appliance/wsman/wsman.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(void *userdata, unsigned status, const char *text, size_t size) {
        if ((status != 200 && status != 500) || strlen(text) != size)
                abort();
}

/* A node that starts everything and never says anything. */
static int run(void *userdata, const WsmanWork *work, const WsmanEvents *events, void **ret_call, Error *err) {
        *ret_call = userdata;
        return 0;
}

static void cancel(void *userdata, void *call) {}
static void pause_call(void *userdata, void *call, bool paused) {}

/* Requests are separated by a byte that XML cannot hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const WsmanCaller caller = { .user = "LAB\\anna", .sid = "S-1-5-21-1", .session = "x", .origin = "192.0.2.1" };
        WsmanWait *wait = NULL;
        sd_event *event = NULL;
        Wsman *wsman = NULL;
        Error err = { 0 };
        int it = 0;
        const WsmanNode node = { .run = run, .cancel = cancel, .pause = pause_call, .userdata = &it };

        if (sd_event_new(&event) < 0 || wsman_new(event, &node, &wsman, &err) < 0)
                abort();
        while (size > 0) {
                const uint8_t *end = memchr(data, 0x1E, size);
                size_t n = end ? (size_t)(end - data) : size;
                wsman_request(wsman, &caller, data, n, answer, NULL, &wait);
                data += n + (end != NULL);
                size -= n + (end != NULL);
        }
        wsman_free(wsman);
        (void)sd_event_unref(event);
        return 0;
}
