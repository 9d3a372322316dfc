#include <assert.h>

#include "smb/share/srvsvc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span results, descriptor;
        Error err = { 0 };

        if (size > RPC_FRAGMENT_MAX)
                return 0;
        (void)!rpc_bind_reply_decode(data, size, 1, &err);
        if (rpc_response_decode(data, size, 2, &results, &err) < 0)
                results = (Span){ data, size }; /* so that what lies inside is reached without a good header, too */
        assert(results.size <= size);
        if (srvsvc_get_decode(results, &descriptor, &err) == 0 && descriptor.size > 0)
                assert(descriptor.data >= results.data &&
                       descriptor.data + descriptor.size <= results.data + results.size);
        (void)!srvsvc_set_decode(results, &err);
        return 0;
}
