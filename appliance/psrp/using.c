#include "appliance/psrp/using.h"

#include <gnutls/gnutls.h>
#include <string.h>

#include "appliance/base/text.h"

enum { NAME_MAX_BYTES = 512 };

static int decode(const char *key, char to[static NAME_MAX_BYTES]) {
        gnutls_datum_t in = { (unsigned char *)(uintptr_t)key, (unsigned)strlen(key) }, out = { 0 };
        Error err = { 0 };
        if (gnutls_base64_decode2(&in, &out) < 0)
                return -1;
        int r = out.size == 0 ? -1 : text_from_utf16(out.data, out.size, to, NAME_MAX_BYTES, &err);
        gnutls_free(out.data);
        return r;
}

int using_variables(sd_json_variant *table, sd_json_variant **variables) {
        char name[NAME_MAX_BYTES];
        if (!table || !sd_json_variant_is_object(table))
                return -1;
        for (size_t i = 0; i + 1 < sd_json_variant_elements(table); i += 2) {
                if (decode(sd_json_variant_string(sd_json_variant_by_index(table, i)), name) < 0 ||
                    !text_starts_nocase(name, "$using:"))
                        return -1;
                if (sd_json_variant_set_field(variables, name + 1, sd_json_variant_by_index(table, i + 1)) < 0)
                        return -1;
        }
        return 0;
}
