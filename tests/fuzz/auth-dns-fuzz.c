#include <arpa/nameser.h>

#include "auth/dns-pointer.h"
#include "auth/locate-ping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        LocateAddresses addresses = { .count = 0 };
        Controllers found;
        PingAnswer ping;
        Error err = { 0 };

        (void)!locate_decode(data, size, &found, &err);
        (void)!ping_decode(data, size, &ping, &err);
        (void)!locate_decode_addresses(data, size, ns_t_a, &addresses, &err);
        (void)dns_pointer_decode(data, size, "hv1.lab.test");
        (void)!locate_decode_addresses(data, size, ns_t_aaaa, &addresses, &err);
        return addresses.count > LOCATE_ADDRESSES_MAX;
}
