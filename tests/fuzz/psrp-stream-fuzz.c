#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/psrp/psrp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Last { uint64_t run; } Last;

static int start(void *userdata, PsrpPool *pool, uint64_t run, const PsrpWork *work, Error *err) {
        ((Last *)userdata)->run = run;
        return 0;
}
static void cancel(void *userdata, PsrpPool *pool, uint64_t run) { ((Last *)userdata)->run = 0; }
static void pause_run(void *userdata, PsrpPool *pool, uint64_t run, bool paused) {}

/* Packets: one byte says where to (0 pool, 1 pipeline, 2 the pipeline's answers, 3 the run ends, 4 stop, 5 close), two how
 * many bytes follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const PsrpGuid id = { { 1 } };
        const PsrpTransport transport = { 0 };
        Last last = { 0 };
        const PsrpRunner runner = { .run = start, .cancel = cancel, .pause = pause_run, .userdata = &last };
        PsrpPool *pool = NULL;
        uint8_t out[1024];
        Error err = { 0 };

        if (psrp_pool_new(&transport, &runner, &pool, &err) < 0)
                return 0;
        while (size >= 3) {
                uint8_t what = data[0] % 6;
                size_t part = (size_t)data[1] << 8 | data[2];
                data += 3;
                size -= 3;
                part = part < size ? part : size;
                int r = 0;
                if (what == 1 && psrp_pipeline_state(pool, &id) == PSRP_NONE)
                        r = psrp_pipeline_open(pool, &id, &err) < 0 && err.kind != ERROR_CONFLICT ? -1 : 0;
                if (r == 0 && what < 3)
                        r = psrp_receive(pool, what ? &id : NULL, what == 2 ? PSRP_PROMPT_RESPONSE : PSRP_STDIN, data, part, &err);
                else if (what == 3)
                        psrp_ended(pool, last.run, &(PsrpEnd){ 0 });
                else if (what == 4)
                        psrp_pipeline_stop(pool, &id);
                else if (what == 5)
                        psrp_pipeline_close(pool, &id);
                while (psrp_take(pool, NULL, out, sizeof out) > 0 || psrp_take(pool, &id, out, sizeof out) > 0)
                        ;
                if (r < 0 && err.kind != ERROR_NOT_FOUND)
                        break;
                data += part;
                size -= part;
        }
        psrp_pool_free(pool);
        return 0;
}
