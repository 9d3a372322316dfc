/* When requests go together, and when they must not: the judgement of a server's speed, without a server. */
#include "tests/unit/test.h"

#include "smb/engine/chain.h"

enum { MS = 1000, SECOND = 1000 * 1000 };

/* What a server is like: @each_us for a request that comes alone or in a chain, where @workers work at the same time on
 * those that come alone; and every @stall_every_us nothing is answered for @stall_us. */
typedef struct Server {
        const char *why;
        unsigned depth, each_us, workers, stall_every_us, stall_us;
        bool pauses;                    /* for half of the time at least */
} Server;

static const Server servers[] = {
        { "memory", 16, 20, 4, 0, 0, false },
        { "memory, one at a time", 1, 20, 4, 0, 0, false },
        { "memory, busy machine: a 4 KiB takes 2 ms at depth 16", 16, 130, 1, 0, 0, false },
        { "flash", 16, 100, 16, 0, 0, false },
        { "memory that stalls for 50 ms each second", 16, 25, 1, SECOND, 50 * MS, false },
        { "memory that stalls for 20 ms, often", 16, 130, 1, 400 * MS, 20 * MS, false },
        { "a disk that seeks", 16, 8 * MS, 4, 0, 0, true },
        { "a disk that seeks, one at a time", 1, 8 * MS, 1, 0, 0, true },
};

/* All of @depth are sent, all are answered, and again: how much of the time was spent in a pause. */
static double paused_share(const Server *s, uint64_t paused_before_us) {
        static Connection c;
        static Request r[64];
        uint64_t now = SECOND, paused = 0, begun = now;

        c.chains = (ChainPolicy){ .pause_until_us = now + paused_before_us };
        while (now - begun < 10 * SECOND) {
                bool alone = now < c.chains.pause_until_us;
                uint64_t sent = now, took = alone ? s->each_us / s->workers : s->each_us, last = now;
                for (unsigned i = 0; i < s->depth; i++)
                        r[i] = (Request){ .chainable = true, .chain_size = alone ? 1 : s->depth < 8 ? (uint8_t)s->depth : 8, .sent_us = sent, .depth = i + 1 };
                for (unsigned i = 0; i < s->depth; i++) {
                        now += took > 0 ? took : 1;
                        if (s->stall_every_us && last / s->stall_every_us != now / s->stall_every_us)
                                now += s->stall_us;
                        last = now;
                        if (alone || i % 8 == 7 || i + 1 == s->depth)
                                chain_judge(&c, &r[i], now);
                }
                paused += alone ? now - sent : 0;
        }
        return (double)paused / (double)(now - begun);
}

static void test_judgement(void **unused) {
        (void)unused;
        for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++)
                for (unsigned before = 0; before < 2; before++) {
                        double share = paused_share(&servers[i], before * 1500 * MS);
                        if ((share > 0.5) != servers[i].pauses)
                                fail_msg("%s: paused for %.0f %% of the time", servers[i].why, 100 * share);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_judgement) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
