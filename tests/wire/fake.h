/* fake.h — a small SMB 3 file server on a socket pair, which can be told to misbehave
 *
 * Speaks real bytes: negotiates, derives keys, signs and seals with the engine's own Seal (whose
 * figures are checked against published ones in published-test.c), keeps one file in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smb/engine/engine.h"

typedef enum Fault {
        FAULT_NONE,
        FAULT_STRIP_SIGNATURE,          /* flag and signature gone */
        FAULT_BAD_SIGNATURE,            /* one bit of it */
        FAULT_BIT_FLIP,                 /* last byte of the protected message */
        FAULT_CLEAR,                    /* not sealed where it must be */
        FAULT_WRONG_ID,                 /* answers a request that was never made */
        FAULT_WRONG_COMMAND,
        FAULT_COMPOUND,                 /* NextCommand set */
        FAULT_REQUEST,                  /* not marked as a reply */
        FAULT_LENGTH,                   /* announces 16 MiB */
        FAULT_TINY,                     /* announces 3 bytes */
        FAULT_TRUNCATE,                 /* stops in the middle and closes */
        FAULT_SHORT_BODY,               /* a body of two bytes */
        FAULT_LONG_DATA,                /* READ: more than asked for */
        FAULT_SHORT_DATA,               /* READ: half of it at a time */
        FAULT_PENDING,                  /* an interim reply first */
        FAULT_PENDING_ONLY,             /* and nothing after it */
        FAULT_SILENT,
        FAULT_HANG_UP,
        FAULT_EXPIRED,                  /* once: the session has expired */
        FAULT_BREAK,                    /* a lease break first */
        FAULT_BREAK_CLEAR,              /* the same, never sealed */
        FAULT_STATUS,                   /* answers with fake->status */
        FAULT_HALF_WRITE,
} Fault;

typedef enum ChainAnswer {              /* how a chain of requests is answered */
        CHAIN_SPLIT,                    /* each by itself */
        CHAIN_ONE,                      /* as one chain */
        CHAIN_BACKWARDS,                /* as one chain, the last one first */
        CHAIN_INTERIM,                  /* as one chain, with an interim reply to the first, answered after it */
        CHAIN_REFUSED,                  /* "not in a chain", to the first */
        CHAIN_MISSING,                  /* no reply to the second */
        CHAIN_TWICE,                    /* the first one is in it twice */
        CHAIN_NEXT_BEYOND,              /* NextCommand leads out of the message */
        CHAIN_NEXT_AT_END,              /* … to its very end */
        CHAIN_NEXT_INSIDE,              /* … into the header that has it */
        CHAIN_NEXT_ODD,                 /* … to where no header can be */
        CHAIN_CUT,                      /* ends in the middle of the last header */
        CHAIN_BAD_SIGNATURE,            /* of the second one */
        CHAIN_NO_SIGNATURE,
} ChainAnswer;

enum { FAKE_FILE_SIZE = 3 * 1024 * 1024 + 1234 };

typedef struct Fake {
        /* how it presents itself; set before fake_start() */
        uint16_t dialect, cipher, signing, security_mode, session_flags;
        uint32_t negotiate_status, max_size, share_flags, capabilities;
        unsigned fault_command;         /* the fault befalls replies to this command … */
        Fault fault;
        unsigned fault_from;            /* … from this one on (0: the first) */
        uint32_t status;
        ChainAnswer chain_answer;
        bool lies_about_negotiation;    /* 3.0: the signed word differs; 3.1.1: somebody changed the salt */
        bool no_preauth, context_twice, strange_cipher, unsigned_sign_in, no_token;
        int credits;                    /* granted per reply; negative: as many as asked for */
        bool echo_grants;               /* ECHO grants what is asked for even so */
        /* state */
        int fd;
        unsigned long thread;
        Seal *seal;
        bool ready, sealed, signs, expired;
        uint8_t preauth[SEAL_HASH_SIZE];
        unsigned seen[SMB2_COMMAND_COUNT], sign_ins, chains;
        struct Collected *collected;    /* replies to the chain being answered, when they go together */
        uint8_t lease_key[16];
        uint8_t *file;
} Fake;

/* A server of 3.1.1, AES-128-GCM and GMAC without faults. */
Fake fake_default(void);
/* Starts it; the client's end of the connection is *ret_fd. */
void fake_start(Fake *fake, int *ret_fd);
/* Waits until it has seen the client hang up. */
void fake_stop(Fake *fake);
/* The client's side of its sign-in, in place of kerberos_take(). */
int fake_take(AuthStep *step, Error *err);
