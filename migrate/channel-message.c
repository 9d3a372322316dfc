#include "migrate/channel-message.h"

#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "migrate/channel-frame.h"
#include "migrate/channel.h"

typedef struct Call {
        const char *method;
        sd_json_variant *parameters;
} Call;

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

/* The JSON reader wants a string with an end; a payload has only a size. */
static int parse(Span payload, sd_json_variant **ret, Error *err) {
        if (memchr(payload.data, 0, payload.size))
                return error_set(err, ERROR_PROTOCOL, 0, "a message holds a zero byte");
        auto_free char *text = strndup((const char *)payload.data, payload.size);
        if (!text)
                return error_oom(err);
        int r = sd_json_parse(text, 0, ret, NULL, NULL);
        if (r < 0)
                return error_set(err, ERROR_PROTOCOL, -r, "a message is not JSON");
        return 0;
}

static int format(sd_json_variant *v, char **ret, Error *err) {
        auto_free char *text = NULL;
        int r = sd_json_variant_format(v, 0, &text);
        if (r < 0)
                return error_oom(err);
        if ((size_t)r > FRAME_PAYLOAD_MAX)
                return error_set(err, ERROR_LIMIT, 0, "a message of %d bytes does not fit into a frame", r);
        *ret = take_ptr(text);
        return 0;
}

int message_call(const char *method, sd_json_variant *parameters, char **ret, Error *err) {
        auto_(unrefp) sd_json_variant *v = NULL;
        int r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("method", method),
                               SD_JSON_BUILD_PAIR_CONDITION(!!parameters, "parameters",
                                                            SD_JSON_BUILD_VARIANT(parameters)));
        if (r < 0)
                return error_oom(err);
        return format(v, ret, err);
}

int message_call_parse(Span payload, char **ret_method, sd_json_variant **ret_parameters, Error *err) {
        static const sd_json_dispatch_field fields[] = {
                { "method", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Call, method),
                  SD_JSON_MANDATORY },
                { "parameters", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref,
                  offsetof(Call, parameters), 0 },
                { 0 },
        };
        auto_(unrefp) sd_json_variant *v = NULL;
        Call call = { 0 };

        if (parse(payload, &v, err) < 0)
                return -1;
        if (sd_json_dispatch(v, fields, 0, &call) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "a call is not {method, parameters}");
        auto_free char *method = strdup(call.method);
        auto_(unrefp) sd_json_variant *parameters = sd_json_variant_ref(call.parameters);
        if (!method || (!parameters && sd_json_variant_new_object(&parameters, NULL, 0) < 0))
                return error_oom(err);
        *ret_method = take_ptr(method);
        *ret_parameters = take_ptr(parameters);
        return 0;
}

int message_value(sd_json_variant *value, char **ret, Error *err) {
        if (!value) {
                *ret = strdup("{}");
                return *ret ? 0 : error_oom(err);
        }
        return format(value, ret, err);
}

int message_value_parse(Span payload, sd_json_variant **ret, Error *err) {
        return parse(payload, ret, err);
}

char *message_error(const Error *error) {
        auto_(unrefp) sd_json_variant *v = NULL;
        char *text = NULL;

        if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(error->kind)),
                           SD_JSON_BUILD_PAIR_STRING("Text", error->text)) < 0 ||
            sd_json_variant_format(v, 0, &text) < 0)
                return NULL;
        return text;
}

static bool take_error(sd_json_variant *v, Error *ret) {
        sd_json_variant *kind = sd_json_variant_by_key(v, "Kind");
        sd_json_variant *text = sd_json_variant_by_key(v, "Text");

        if (!kind || !text || !sd_json_variant_is_string(kind) || !sd_json_variant_is_string(text))
                return false;
        (void)error_set(ret, error_kind_from_name(sd_json_variant_string(kind)), 0, "%s", sd_json_variant_string(text));
        if (ret->kind == ERROR_NONE)
                ret->kind = ERROR_PROTOCOL;
        return true;
}

void message_error_parse(Span payload, Error *ret) {
        message_refusal_parse(payload, NULL, ret);
        ret->cause = 0;
}

char *message_refusal(const Error *error, const char *host) {
        auto_(unrefp) sd_json_variant *v = NULL;
        char *text = NULL;

        if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(error->kind)),
                           SD_JSON_BUILD_PAIR_STRING("Text", error->text),
                           SD_JSON_BUILD_PAIR_INTEGER("Cause", error->cause),
                           SD_JSON_BUILD_PAIR_CONDITION(host && *host, "Host", SD_JSON_BUILD_STRING(host))) < 0 ||
            sd_json_variant_format(v, 0, &text) < 0)
                return NULL;
        return text;
}

void message_refusal_parse(Span payload, const char *wanted, Error *ret) {
        auto_(unrefp) sd_json_variant *v = NULL;
        Error ignored;

        if (parse(payload, &v, &ignored) < 0 || !sd_json_variant_is_object(v) || !take_error(v, ret)) {
                (void)error_set(ret, ERROR_PROTOCOL, 0, "the other side refused, in words we do not understand");
                return;
        }
        sd_json_variant *cause = sd_json_variant_by_key(v, "Cause"), *host = sd_json_variant_by_key(v, "Host");
        if (cause && sd_json_variant_is_integer(cause) && sd_json_variant_integer(cause) >= INT32_MIN &&
            sd_json_variant_integer(cause) <= INT32_MAX)
                ret->cause = (int)sd_json_variant_integer(cause);
        if (wanted && host && sd_json_variant_is_string(host) &&
            !text_equal_nocase(sd_json_variant_string(host), wanted)) {
                Error said = *ret;
                (void)error_set(ret, ERROR_DENIED, CHANNEL_CAUSE_OTHER_HOST,
                                "%.253s answers there and not %s; check the DNS record (%.150s)",
                                sd_json_variant_string(host), wanted, said.text);
        }
}
