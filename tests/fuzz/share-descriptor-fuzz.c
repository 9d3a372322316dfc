#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "smb/share/access.h"
#include "smb/share/sddl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What can be read can be written, and reads the same again; nobody's access leaves the rights there are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t again[DESCRIPTOR_BYTES_MAX];
        Descriptor d = { 0 }, second = { 0 };
        Error err = { 0 };
        size_t again_size;

        if (descriptor_decode(data, size, &d, &err) < 0)
                return 0;
        Token *token = calloc(1, sizeof *token);
        assert(token && token_add_network(token, &err) == 0);
        Access access, same;
        access_compute(&d, token, &access);
        assert((access.granted | access.unclear) <= 0x1FFFFF && !(access.granted & access.unclear));
        if (descriptor_encode(&d, again, sizeof again, &again_size, &err) == 0) {
                assert(descriptor_decode(again, again_size, &second, &err) == 0);
                assert(second.dacl.count == d.dacl.count && second.sacl.count == d.sacl.count);
                access_compute(&second, token, &same);
                assert(access.granted == same.granted && access.unclear == same.unclear);
                descriptor_done(&second);
        }
        char *text;
        if (sddl_format(&d, NULL, &text, &err) == 0) {
                assert(sddl_parse(text, NULL, &second, &err) == 0);
                assert(second.dacl.count == d.dacl.count && second.has_owner == d.has_owner);
                access_compute(&second, token, &same);
                assert(access.granted == same.granted);
                descriptor_done(&second);
                free(text);
        }
        descriptor_done(&d);
        free(token);
        return 0;
}
