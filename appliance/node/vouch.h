/* vouch.h — a command that another host brings for one of its callers: who that is, and what he may do here
 *
 * The host says who asks (by SID) and which role it gave him; that is a claim.  What counts is the least of three: the
 * claim, what this host lets another host vouch for (MaximumPeerRole in node.json), and the role that this host's own
 * groups give to that account, which it asks the directory itself.  The name in the record is the directory's, too.  A
 * caller without a SID is root of that host, known here as HV1\root.
 */
#pragma once

#include "appliance/node/node-internal.h"

enum { VOUCH_ORIGIN_MAX = 80, VOUCH_NAME_MAX = 256 };

typedef struct VouchClaim {
        char sid[SID_TEXT_MAX];         /* "": root of the host that asks */
        Role role;
        char origin[VOUCH_ORIGIN_MAX];  /* the caller's address, as that host saw it; "" none */
} VouchClaim;

int vouch_json(const VouchClaim *claim, sd_json_variant **ret, Error *err) FAILS;
/* What a host sent; pure.  ERROR_PROTOCOL. */
int vouch_parse(sd_json_variant *json, VouchClaim *ret, Error *err) FAILS;
/* @host: the computer name of the proven peer.  Blocks on the directory.  ERROR_DENIED: not on that host's word. */
int vouch_judge(Node *node, const char *host, const VouchClaim *claim, char ret_name[static VOUCH_NAME_MAX],
                Role *ret_role, Error *err) FAILS;
/* What the directory and this host's own groups say of an account: its name there and its role here.  Blocks on the
 * directory.  ERROR_NOT_FOUND: no enabled account; ERROR_DENIED: in none of the groups. */
int vouch_account(Node *node, const Sid *sid, char ret_name[static VOUCH_NAME_MAX], Role *ret_role, Error *err) FAILS;
