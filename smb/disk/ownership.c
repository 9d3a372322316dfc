#include "smb/disk/ownership.h"

#include <assert.h>
#include <string.h>

#include "appliance/base/cleanup.h"

/* What must hold besides the pair itself. */
enum {
        EPOCH = 1,              /* one above every epoch known */
        TOKEN = 2,              /* a token worth the name */
        SAME = 4,               /* the token we were armed with */
        CLEAN = 8,              /* nothing acknowledged can have been lost with the handle */
        FORGET = 16,            /* the token, afterwards */
};

/* The whole life of a disk.  A pair that is not here is refused. */
static const struct { OwnState now; OwnEvent on; OwnState next; OwnAction action; unsigned rules; } life[] = {
        { OWN_NONE,     OWN_ON_READER_UP,    OWN_READER,   OWN_DO_NOTHING,   0 },
        { OWN_READER,   OWN_ON_READER_UP,    OWN_READER,   OWN_DO_NOTHING,   0 },  /* a reader reconnects freely */
        { OWN_TAKING,   OWN_ON_READER_UP,    OWN_TAKING,   OWN_DO_NOTHING,   0 },

        { OWN_READER,   OWN_ON_ACQUIRE,      OWN_TAKING,   OWN_OPEN_WRITER,  EPOCH },
        { OWN_TAKING,   OWN_ON_TAKEN,        OWN_OWNER,    OWN_UNPARK,       FORGET },
        { OWN_TAKING,   OWN_ON_REFUSED,      OWN_READER,   OWN_DO_NOTHING,   0 },

        { OWN_OWNER,    OWN_ON_ARM,          OWN_ARMED,    OWN_DO_NOTHING,   TOKEN },
        { OWN_ARMED,    OWN_ON_ARM,          OWN_ARMED,    OWN_DO_NOTHING,   SAME },  /* asked twice */
        { OWN_ARMED,    OWN_ON_DISARM,       OWN_OWNER,    OWN_DO_NOTHING,   SAME | FORGET },
        { OWN_RELEASED, OWN_ON_DISARM,       OWN_OWNER,    OWN_DO_NOTHING,   SAME | FORGET },
        { OWN_ARMED,    OWN_ON_RELEASE,      OWN_RELEASED, OWN_DO_NOTHING,   SAME },
        { OWN_RELEASED, OWN_ON_RELEASE,      OWN_RELEASED, OWN_DO_NOTHING,   SAME },

        { OWN_ARMED,    OWN_ON_GIVE,         OWN_GIVING,   OWN_CLOSE_WRITER, SAME | EPOCH },
        { OWN_RELEASED, OWN_ON_GIVE,         OWN_GIVING,   OWN_CLOSE_WRITER, SAME | EPOCH },
        { OWN_GIVING,   OWN_ON_GIVE,         OWN_GIVING,   OWN_DO_NOTHING,   SAME },  /* asked twice, or a */
        { OWN_GIVEN,    OWN_ON_GIVE,         OWN_GIVEN,    OWN_DO_NOTHING,   SAME },  /* break was first */
        { OWN_GIVING,   OWN_ON_CLOSED,       OWN_GIVEN,    OWN_FAIL_IO,      0 },
        { OWN_GIVING,   OWN_ON_CLOSE_FAILED, OWN_ARMED,    OWN_DO_NOTHING,   0 },

        { OWN_OWNER,    OWN_ON_BREAK,        OWN_OWNER,    OWN_KEEP,         0 },
        { OWN_ARMED,    OWN_ON_BREAK,        OWN_ARMED,    OWN_KEEP,         0 },
        { OWN_RELEASED, OWN_ON_BREAK,        OWN_GIVING,   OWN_CLOSE_WRITER, 0 },
        { OWN_GIVING,   OWN_ON_BREAK,        OWN_GIVING,   OWN_DO_NOTHING,   0 },  /* the close will answer it */

        { OWN_OWNER,    OWN_ON_GONE,         OWN_LOST,     OWN_FAIL_IO,      0 },
        { OWN_ARMED,    OWN_ON_GONE,         OWN_LOST,     OWN_FAIL_IO,      0 },
        { OWN_RELEASED, OWN_ON_GONE,         OWN_LOST,     OWN_FAIL_IO,      0 },
        { OWN_GIVING,   OWN_ON_GONE,         OWN_LOST,     OWN_FAIL_IO,      0 },

        { OWN_GIVEN,    OWN_ON_TAKE_BACK,    OWN_RETAKING, OWN_OPEN_WRITER,  SAME | EPOCH },
        { OWN_LOST,     OWN_ON_TAKE_BACK,    OWN_RETAKING, OWN_OPEN_WRITER,  SAME | EPOCH | CLEAN },
        { OWN_RETAKING, OWN_ON_TAKEN,        OWN_OWNER,    OWN_UNPARK,       FORGET },
        { OWN_RETAKING, OWN_ON_REFUSED,      OWN_GIVEN,    OWN_DO_NOTHING,   0 },
};

static const char *const state_names[OWN_STATE_COUNT] = {
        [OWN_NONE] = "NONE", [OWN_READER] = "READER", [OWN_TAKING] = "READER (taking)", [OWN_OWNER] = "OWNER",
        [OWN_ARMED] = "ARMED", [OWN_RELEASED] = "ARMED (released)", [OWN_GIVING] = "ARMED (giving)",
        [OWN_GIVEN] = "GIVEN", [OWN_RETAKING] = "GIVEN (taking back)", [OWN_LOST] = "LOST",
};

/* What the one who asks should have known; for the sentence. */
static const char *const event_words[OWN_EVENT_COUNT] = {
        [OWN_ON_READER_UP] = "opened for reading", [OWN_ON_ACQUIRE] = "acquired", [OWN_ON_TAKEN] = "taken",
        [OWN_ON_REFUSED] = "refused", [OWN_ON_ARM] = "armed", [OWN_ON_DISARM] = "disarmed",
        [OWN_ON_RELEASE] = "released", [OWN_ON_GIVE] = "given", [OWN_ON_BREAK] = "given to whoever asks",
        [OWN_ON_CLOSED] = "closed", [OWN_ON_CLOSE_FAILED] = "kept", [OWN_ON_GONE] = "lost",
        [OWN_ON_TAKE_BACK] = "taken back",
};

const char *ownership_state_name(OwnState state) {
        return (unsigned)state < OWN_STATE_COUNT ? state_names[state] : "?";
}

static int check_rules(const Ownership *own, unsigned rules, const OwnArgs *args, Error *err) {
        if (rules & (TOKEN | SAME)) {
                size_t size = args->token ? strnlen(args->token, OWNERSHIP_TOKEN_SIZE) : 0;
                if (size == 0 || size == OWNERSHIP_TOKEN_SIZE)
                        return error_set(err, ERROR_INVALID, 0, "a migration's token must have 1 to %d characters",
                                         OWNERSHIP_TOKEN_SIZE - 1);
        }
        if ((rules & SAME) && strcmp(args->token, own->token) != 0)
                return error_set(err, ERROR_CONFLICT, 0, own->token[0]
                                 ? "the disk is armed for another migration; look at Get-VMMigration on this host"
                                 : "the disk is not armed for any migration; start the move again");
        if ((rules & EPOCH) && args->epoch <= own->floor)
                return error_set(err, ERROR_INVALID, 0, "epoch %llu is not above %llu, which this disk had already",
                                 (unsigned long long)args->epoch, (unsigned long long)own->floor);
        if ((rules & CLEAN) && own->dirty)
                return error_set(err, ERROR_CONFLICT, 0,
                                 "writes that the guest had not flushed may have been lost with the server's "
                                 "handle; turn the VM off and start it again");
        return 0;
}

static void count_epochs(Ownership *own, OwnEvent event, OwnAction action, uint64_t epoch) {
        if (action == OWN_OPEN_WRITER) {
                own->floor_before = own->floor;
                own->epoch = own->floor = epoch;
        } else if (event == OWN_ON_TAKEN) {
                own->held = own->epoch;
        } else if (event == OWN_ON_REFUSED) {   /* there was no such term, and it may be asked for again */
                own->epoch = own->held;
                own->floor = own->floor_before;
        } else if (action == OWN_CLOSE_WRITER) { /* a break carries no epoch; the next term has one */
                own->floor = event == OWN_ON_GIVE ? epoch : own->epoch + 1;
        }
}

int ownership_on(Ownership *own, OwnEvent event, const OwnArgs *args, OwnAction *ret_action, Error *err) {
        static const OwnArgs none = { 0 };

        assert((unsigned)own->state < OWN_STATE_COUNT && (unsigned)event < OWN_EVENT_COUNT);
        if (!args)
                args = &none;
        for (size_t i = 0; i < ARRAY_SIZE(life); i++) {
                if (life[i].now != own->state || life[i].on != event)
                        continue;
                if (check_rules(own, life[i].rules, args, err) < 0)
                        return -1;
                count_epochs(own, event, life[i].action, args->epoch);
                if (life[i].rules & TOKEN)
                        (void)strcpy(own->token, args->token);
                if (life[i].rules & FORGET)
                        own->token[0] = '\0';
                own->state = life[i].next;
                *ret_action = life[i].action;
                return 0;
        }
        return error_set(err, ERROR_CONFLICT, 0, "a disk in state %s cannot be %s", state_names[own->state],
                         event_words[event]);
}

OwnGate ownership_gate_read(const Ownership *own) {
        static const OwnGate gates[OWN_STATE_COUNT] = {
                [OWN_NONE] = OWN_PARK, [OWN_READER] = OWN_PASS, [OWN_TAKING] = OWN_PASS, [OWN_OWNER] = OWN_PASS,
                [OWN_ARMED] = OWN_PASS, [OWN_RELEASED] = OWN_PASS, [OWN_GIVING] = OWN_REFUSE,
                [OWN_GIVEN] = OWN_REFUSE, [OWN_RETAKING] = OWN_REFUSE, [OWN_LOST] = OWN_REFUSE,
        };
        return gates[own->state];
}

OwnGate ownership_gate_write(const Ownership *own) {
        static const OwnGate gates[OWN_STATE_COUNT] = {
                [OWN_NONE] = OWN_PARK, [OWN_READER] = OWN_PARK, [OWN_TAKING] = OWN_PARK, [OWN_OWNER] = OWN_PASS,
                [OWN_ARMED] = OWN_PASS, [OWN_RELEASED] = OWN_PASS, [OWN_GIVING] = OWN_REFUSE,
                [OWN_GIVEN] = OWN_REFUSE, [OWN_RETAKING] = OWN_REFUSE, [OWN_LOST] = OWN_REFUSE,
        };
        return gates[own->state];
}
