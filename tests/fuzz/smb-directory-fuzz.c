#include <assert.h>
#include <string.h>

#include "smb/engine/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DirectoryEntry entry;
        Error err = { 0 };
        bool more = true;
        size_t at = 0, turns = 0;
        while (more && directory_next((Span){ data, size }, &at, &entry, &more, &err) == 0) {
                assert(!more || !strpbrk(entry.name, "\\/"));
                assert(++turns <= size + 1); /* it ends */
        }
        return 0;
}
