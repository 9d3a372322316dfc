/* chain.h — several small requests as one message ([MS-SMB2] 3.2.4.1.4), not related to each other
 *
 * What a random 4 KiB costs is wake-ups: of the server, of its thread, and of us.  Requests that wait
 * at the same moment go as one message, sealed once, and are mostly answered as one.  So that they do meet,
 * a few of them wait for answers under way while those are more than they are: at depth 16 two chains of 8
 * alternate, and one or two requests at a time never wait.
 *
 * The price: Samba works a chain off one request after the other in the process of this connection,
 * where single ones go to its threads.  From memory and from flash that is faster; from disks that seek
 * it is not.  So chains pause for a while when requests took long several turns in a row, and go on after that.
 * Writes that must reach the disk (write-through) never go in chains.
 */
#pragma once

#include "smb/engine/connection.h"

enum {
        CHAIN_MAX = 8,                          /* requests in one message */
        CHAIN_MESSAGES_MAX = CHAIN_MAX + 1,     /* … and the ECHO at its end; also replies */
        CHAIN_ELEMENT_BYTES = 16 * 1024,        /* of data, either way, in a request that may go in a chain */
        CHAIN_BYTES = 32 * 1024,                /* of data in a chain, either way */
};

/* @first, the head of its list, which there are credits for, and what goes with it; how many.  0: they wait for
 * company, until the next answer. */
size_t chain_choose(const Connection *c, Request *first, uint64_t now_us, Request *ret[static CHAIN_MAX]);
/* Samba hands the last one of a chain to a thread, as if it were alone, and holds all answers back until that is
 * done.  With an ECHO for the last, the whole chain is answered at once. */
bool chain_wants_end(const Connection *c, Request *const *chain, size_t count);
/* As request_protect(), for @count > 1 requests with their @headers: all of it is chain[0]->out afterwards. */
int chain_protect(Connection *c, Request *const *chain, size_t count, WireHeader *headers, Error *err) FAILS;
/* How long the reply is that starts a message of which @left bytes are left; @next is its NextCommand.
 * 0: impossible. */
size_t chain_step(uint32_t next, size_t left);
/* Is @status of an answer to @r only about its having been in a chain?  Then it must be sent again; no chain is
 * made on this connection any more. */
bool chain_was_refused(Connection *c, const Request *r, uint32_t status);
/* The last answer of a message came, to @r: was the server slow? */
void chain_judge(Connection *c, const Request *r, uint64_t now_us);
