/* compare-internal.h — what the compare*.c files share; nobody else includes it
 */
#pragma once

#include "auth/locate.h"
#include "auth/standing.h"
#include "migrate/compare-access.h"
#include "migrate/compare.h"

enum { SMB_3_0 = 0x0300 };      /* the dialect, [MS-SMB2] 2.2.4 */

/* compare-processor.c, on the destination.  An answer of libvirt's that it does not fit is a finding. */
int compare_processor(VmHost *host, const CompareRequest *request, const VmCapabilities *caps, Findings *findings,
                      Error *err) FAILS;

/* compare-memory.c, on the destination: what is free counts less what running machines were promised and have not touched. */
int compare_memory(VmHost *host, const CompareRequest *request, const VmCapabilities *caps, Findings *findings,
                   Error *err) FAILS;

/* compare-devices.c, on the source: what of @xml, libvirt's description of the running machine @vm, cannot go along. */
int compare_devices(const char *xml, const char *vm, Findings *findings, bool *ret_emulated, Error *err) FAILS;

/* compare-around.c.  On the source, advice: the machine is the only one of the domain's @controllers. */
void compare_controller(const VmDefinition *definition, const char *domain, const Controllers *controllers,
                        Findings *findings);
/* On the destination: at least @needed bytes are free where @folder lies. */
void compare_space(const char *folder, uint64_t needed, Findings *findings);

/* compare-identity.c.  Of the host this runs on: what of its standing in the domain keeps others from trusting it, or it
 * from being found.  findings->host names it. */
void compare_identity(const Machine *machine, const Standing *standing, Findings *findings);

/* A host that its domain or its servers do not trust cannot use files either: what was found of its files goes, because the
 * same mend is for both and the next look shows what is left. */
void compare_identity_first(Findings *findings, const char *host);

typedef struct ComparePeer {
        const DirectoryAccount *account;
        bool in_fabric, fabric_there;
        char spn_holder[MACHINE_NAME_MAX];      /* of the first name that the account lacks, or "" */
        const LocateAddresses *in_dns;          /* NULL: the DNS did not answer */
        const Error *why;                       /* it could not be reached */
} ComparePeer;

/* Of another host, findings->host, that could not be reached: nothing is added when none of this explains it. */
void compare_identity_peer(const ComparePeer *peer, Findings *findings);

/* compare-fabric.c.  On the source: the fabrics of @xml's volumes into *ret; a volume that is on none is a finding. */
int compare_fabric_source(virConnectPtr connection, const char *xml, const char *vm, Fabrics *ret, Findings *findings,
                          Error *err) FAILS;
/* On the destination, and what it says of it (pure). */
int compare_fabric_destination(VmHost *host, const CompareRequest *request, Findings *findings, Error *err) FAILS;
void compare_fabrics(const Fabrics *wanted, const Fabrics *here, const char *vm, Findings *findings);
