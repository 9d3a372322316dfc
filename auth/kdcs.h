/* kdcs.h — which controller libkrb5 asks first: the nearest one that answers, as for everything else
 *
 * By itself libkrb5 takes the SRV records as they come, knows no sites, and waits ten seconds for one that takes a
 * connection and is stuck.  So the order lies in a file beside the tickets, which holdfastd and the disk processes read
 * as the second of KRB5_CONFIG (their units say so); what an administrator has in /etc/krb5.conf comes first.  While it
 * is not there, after a boot, libkrb5 asks the DNS.
 */
#pragma once

#include "auth/locate.h"
#include "auth/machine.h"

/* @all as locate_nearest() gave it.  Writes only what is new, whole or not at all. */
int kdcs_keep(const Machine *machine, const Controllers *all, Error *err) FAILS;
void kdcs_forget(const Machine *machine);       /* of a domain that the host has left */
