#include "smb/engine/chain.h"

#include <assert.h>

#include "smb/engine/request.h"
#include "smb/engine/status.h"

enum {
        ALIGNMENT = 8,          /* of every request and reply in a chain but the first */
        SLOW_US = 4000,         /* per request under way: memory and flash take far less, a seek takes more */
        SLOW_TURNS = 4,         /* in a row, so that a busy moment is none */
        PAUSE_US = 1000 * 1000,
};
#define STATUS_INTERNAL_ERROR 0xC00000E5u
#define STATUS_CANCELLED 0xC0000120u

static size_t data_of(const Request *r) {
        return r->payload.size > r->into_size ? r->payload.size : r->into_size;
}

size_t chain_choose(const Connection *c, Request *first, uint64_t now_us, Request *ret[static CHAIN_MAX]) {
        size_t count = 0, bytes = 0;
        uint32_t charge = 0;
        bool alone = !first->chainable || !c->seal || c->chains.refused || now_us < c->chains.pause_until_us;
        Request *r = first;
        for (; r && count < CHAIN_MAX; r = TAILQ_NEXT(r, link)) {
                bytes += data_of(r);
                charge += r->charge;
                if (count > 0 && (alone || !r->chainable || bytes > CHAIN_BYTES || charge > c->credits))
                        break;
                ret[count++] = r;
        }
        /* What ended the chain, if anything did, shall not wait behind it. */
        return alone || r || count == CHAIN_MAX || count >= c->chains.in_flight ? count : 0;
}

bool chain_wants_end(const Connection *c, Request *const *chain, size_t count) {
        uint32_t charge = 1;
        for (size_t i = 0; i < count; i++)
                charge += chain[i]->charge;
        return count > 1 && charge <= c->credits;
}

int chain_protect(Connection *c, Request *const *chain, size_t count, WireHeader *headers, Error *err) {
        static const uint8_t zeroes[ALIGNMENT];
        struct iovec parts[CHAIN_MESSAGES_MAX * REQUEST_PARTS];
        int total = 0;
        assert(count <= CHAIN_MESSAGES_MAX);
        for (size_t i = 0; i < count; i++) {
                Request *r = chain[i];
                size_t size = r->plain_size + r->payload.size, more = 0;
                if (i + 1 < count) { /* the padding belongs to the request before it, also in its signature */
                        more = (ALIGNMENT - size % ALIGNMENT) % ALIGNMENT;
                        headers[i].next = (uint32_t)(size + more);
                }
                int n = request_parts(r, (Span){ zeroes, more }, parts + total);
                if (request_sign(c, r, &headers[i], parts + total, n, err) < 0)
                        return -1;
                total += n;
        }
        return chain[0]->was_sealed ? request_seal(c, chain[0], parts, total, err)
                                    : request_join(c, chain[0], parts, total, err);
}

size_t chain_step(uint32_t next, size_t left) {
        if (next == 0)
                return left;
        return next >= WIRE_HEADER_SIZE && next % ALIGNMENT == 0 && next < left ? next : 0;
}

bool chain_was_refused(Connection *c, const Request *r, uint32_t status) {
        /* What servers say who would have to work on an inner one for longer: 3.3.5.2.7, and Samba cancels it. */
        if (r->chain_size < 2 || (status != STATUS_INTERNAL_ERROR && status != STATUS_CANCELLED))
                return false;
        c->chains.refused = true;
        return true;
}

void chain_judge(Connection *c, const Request *r, uint64_t now_us) {
        if (!r->chainable && r->chain_size < 2)
                return;
        /* An answer waits for those before it, so what one request takes is this over how many were under way. */
        if (now_us - r->sent_us < (uint64_t)SLOW_US * r->depth) {
                c->chains.slow = 0;
                return;
        }
        if (r->sent_us <= c->chains.slow_at_us)         /* under way during the same stall: that tells nothing new */
                return;
        c->chains.slow_at_us = now_us;
        if (++c->chains.slow >= SLOW_TURNS) {
                c->chains.slow = 0;
                c->chains.pause_until_us = now_us + PAUSE_US;
        }
}
