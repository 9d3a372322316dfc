#include "appliance/psrp/credential.h"

#include "appliance/command/object.h"

int credential_read(sd_json_variant *credential, const SessionKey *key, const char **ret_user,
                    sd_json_variant **ret_password, Error *err) {
        bool is_object = credential && sd_json_variant_is_object(credential);
        const char *user = is_object ? object_string(credential, "UserName") : NULL;
        sd_json_variant *secure = is_object ? object_property(credential, "Password") : NULL;
        sd_json_variant *data =
                secure && sd_json_variant_is_object(secure) ? sd_json_variant_by_key(secure, "$encrypted") : NULL;
        sd_json_variant *password = NULL;
        char *plain = NULL;

        if (!user || !data || !sd_json_variant_is_string(data))
                return error_set(err, ERROR_INVALID, 0, "it has no user name or no password");
        if (session_key_decrypt(key, sd_json_variant_string(data), &plain, err) < 0)
                return error_wrap(err, "its password cannot be read");
        int r = sd_json_variant_new_string(&password, plain);
        session_text_free(plain);
        if (r < 0)
                return error_oom(err);
        sd_json_variant_sensitive(password);
        *ret_user = user + (*user == '\\');
        *ret_password = password;
        return 0;
}
