#include <stdint.h>

#include "appliance/base/cleanup.h"
#include "appliance/cli/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_(packet_clear) Packet packet = { 0 };
        Error err = { 0 };
        (void)!packet_read((const char *)data, size, &packet, &err);
        return 0;
}
