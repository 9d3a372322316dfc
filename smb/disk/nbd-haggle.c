#include <stdio.h>
#include <string.h>

#include "smb/disk/nbd-state.h"

enum { PREFERRED_BLOCK = 4096, REPLY_ROOM = 1024 };

/* Writable from the start, also on a host that does not own the disk yet: its writes wait.  All connections reach the
 * one handle on the file server, so a flush on one covers the others. */
static const uint16_t export_flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
                                     NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO |
                                     NBD_FLAG_CAN_MULTI_CONN;

static void out_of_memory(NbdConnection *c) {
        Error err;
        (void)error_oom(&err);
        nbd_leave(c, &err);
}

/* Room for an answer.  NULL: the connection is leaving. */
static NbdSlot *answer_begin(NbdConnection *c, Writer *w) {
        NbdSlot *slot = slot_new(c, REPLY_ROOM);
        if (slot)
                *w = writer_of(slot_data(slot), REPLY_ROOM);
        else
                out_of_memory(c);
        return slot;
}

static void answer_end(NbdSlot *slot, const Writer *w) { slot_send(slot, slot_data(slot), w->at); }

void haggle_begin(NbdConnection *c) {
        Writer w;
        NbdSlot *slot = answer_begin(c, &w);
        if (!slot)
                return;
        nbd_greeting_encode(&w);
        answer_end(slot, &w);
}

static void acknowledge(NbdConnection *c, uint32_t code) {
        Writer w;
        NbdSlot *slot = answer_begin(c, &w);
        if (!slot)
                return;
        nbd_option_reply_encode(&w, code, NBD_REP_ACK, 0);
        answer_end(slot, &w);
}

static void refuse(NbdConnection *c, uint32_t code, uint32_t type, const char *why) {
        Writer w;
        NbdSlot *slot = answer_begin(c, &w);
        if (!slot)
                return;
        nbd_option_refusal_encode(&w, code, type, why);
        answer_end(slot, &w);
}

/* ---- the options that need the disk's size -------------------------------------------------------- */

static void on_ready(Request *r) {
        NbdSlot *slot = (NbdSlot *)(void *)((char *)r - offsetof(NbdSlot, request));
        NbdConnection *c = slot->connection;
        uint32_t code = c->option.code;
        Writer w = writer_of(slot_data(slot), REPLY_ROOM);

        if (c->state != NBD_AWAITING)   /* it left meanwhile: nothing to say, but the slot goes the usual way */
                goto out;
        c->export = (NbdExport){ .size_bytes = r->size,
                                 .flags = export_flags | (c->structured ? NBD_FLAG_SEND_DF : 0),
                                 .block_minimum = 1, .block_preferred = PREFERRED_BLOCK,
                                 .request_maximum = NBD_REQUEST_MAX };
        if (r->error == 0 && code == NBD_OPT_EXPORT_NAME)
                nbd_old_export_encode(&w, &c->export, !c->no_zeroes);
        else if (r->error == 0)
                nbd_info_encode(&w, code, &c->export, c->wants_block_size);
        else if (code != NBD_OPT_EXPORT_NAME)
                nbd_option_refusal_encode(&w, code, NBD_REP_ERR_UNKNOWN, r->why.text);
        c->state = r->error == 0 && code != NBD_OPT_INFO ? NBD_SERVING : NBD_HAGGLING;
        if (r->error != 0)
                nbd_complain(c, &r->why);
        if (r->error != 0 && code == NBD_OPT_EXPORT_NAME)
                c->hang_up = true;      /* there is no other way to refuse */
out:
        slot_send(slot, slot_data(slot), w.at);
        nbd_turn(c);                    /* for what was said meanwhile */
}

static void await_disk(NbdConnection *c, const NbdOption *option, bool block_size) {
        NbdSlot *slot = slot_new(c, REPLY_ROOM);
        if (!slot) {
                out_of_memory(c);
                return;
        }
        c->option = *option;
        c->wants_block_size = block_size;
        c->state = NBD_AWAITING;
        slot->in_flight = true;
        c->in_flight++;
        c->bytes += slot->data_size;
        slot->request = (Request){ .kind = REQUEST_READY, .client = c, .answered = on_ready };
        nbd_submit(c, &slot->request);
}

/* ---- one option ---------------------------------------------------------------------------------- */

static void on_contexts(NbdConnection *c, const NbdOption *option, Span data) {
        bool lists = option->code == NBD_OPT_LIST_META_CONTEXT;
        NbdContexts contexts;
        Error err;
        Writer w;

        if (nbd_contexts_decode(data, lists, &contexts, &err) < 0) {
                refuse(c, option->code, NBD_REP_ERR_INVALID, err.text);
                return;
        }
        if (!c->structured) {
                refuse(c, option->code, NBD_REP_ERR_INVALID, "metadata contexts need structured replies");
                return;
        }
        bool chosen = contexts.allocation || (lists && contexts.queries == 0);
        if (!lists)
                c->allocation = chosen;
        NbdSlot *slot = answer_begin(c, &w);
        if (!slot)
                return;
        if (chosen)
                nbd_context_encode(&w, option->code, lists ? 0 : NBD_ALLOCATION_ID, NBD_ALLOCATION);
        nbd_option_reply_encode(&w, option->code, NBD_REP_ACK, 0);
        answer_end(slot, &w);
}

static void on_list(NbdConnection *c) {
        Writer w;
        NbdSlot *slot = answer_begin(c, &w);
        if (!slot)
                return;
        nbd_list_encode(&w);
        answer_end(slot, &w);
}

static void on_option(NbdConnection *c, const NbdOption *option, Span data) {
        bool block_size = false;
        Error err;

        switch (option->code) {
        case NBD_OPT_EXPORT_NAME:
                await_disk(c, option, false);
                break;
        case NBD_OPT_INFO:
        case NBD_OPT_GO:
                if (nbd_info_decode(data, &block_size, &err) < 0)
                        refuse(c, option->code, NBD_REP_ERR_INVALID, err.text);
                else
                        await_disk(c, option, block_size);
                break;
        case NBD_OPT_ABORT:
                acknowledge(c, option->code);
                nbd_leave(c, NULL);
                break;
        case NBD_OPT_LIST:
                if (data.size > 0)
                        refuse(c, option->code, NBD_REP_ERR_INVALID, "a list is asked for without words");
                else
                        on_list(c);
                break;
        case NBD_OPT_STRUCTURED_REPLY:
                if (data.size > 0) {
                        refuse(c, option->code, NBD_REP_ERR_INVALID, "structured replies are asked for without words");
                } else {
                        c->structured = true;
                        acknowledge(c, option->code);
                }
                break;
        case NBD_OPT_LIST_META_CONTEXT:
        case NBD_OPT_SET_META_CONTEXT:
                on_contexts(c, option, data);
                break;
        case NBD_OPT_STARTTLS:
                refuse(c, option->code, NBD_REP_ERR_POLICY, "this is a local socket; there is no TLS on it");
                break;
        default:
                refuse(c, option->code, NBD_REP_ERR_UNSUP, "");
        }
}

static size_t take_flags(NbdConnection *c, const uint8_t *data, size_t size) {
        uint32_t flags;
        Error err;

        if (size < NBD_CLIENT_FLAGS_SIZE)
                return 0;
        if (nbd_client_flags_decode((Span){ data, NBD_CLIENT_FLAGS_SIZE }, &flags, &err) < 0) {
                nbd_leave(c, &err);
                return NBD_CLIENT_FLAGS_SIZE;
        }
        c->fixed = flags & NBD_FIXED_NEWSTYLE;
        c->no_zeroes = flags & NBD_NO_ZEROES;
        c->state = NBD_HAGGLING;
        return NBD_CLIENT_FLAGS_SIZE;
}

size_t haggle_take(NbdConnection *c, const uint8_t *data, size_t size) {
        NbdOption option;
        Error err;

        if (c->state == NBD_GREETED)
                return take_flags(c, data, size);
        if (size < NBD_OPTION_SIZE)
                return 0;
        if (nbd_option_decode((Span){ data, NBD_OPTION_SIZE }, &option, &err) < 0) {
                nbd_leave(c, &err);
                return size;
        }
        if (option.size > NBD_OPTION_BYTES_MAX || c->options == NBD_OPTIONS_MAX ||
            (!c->fixed && option.code != NBD_OPT_EXPORT_NAME)) {
                (void)error_set(&err, ERROR_PROTOCOL, 0,
                                "the NBD client haggles beyond measure (option %u of %u bytes)", option.code,
                                option.size);
                nbd_leave(c, &err);
                return size;
        }
        if (size < NBD_OPTION_SIZE + option.size)
                return 0;
        c->options++;
        on_option(c, &option, (Span){ data + NBD_OPTION_SIZE, option.size });
        return NBD_OPTION_SIZE + option.size;
}
