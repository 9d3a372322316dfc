#include "migrate/compare-findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

static void unrefp(sd_json_variant **v) {
        (void)sd_json_variant_unref(*v);
}

/* Leaves out what is no UTF-8, such as a character that a bound has cut: JSON takes nothing else. */
static void keep_utf8(char *text) {
        char *to = text;

        while (*text) {
                size_t left = strnlen(text, 4), n = 1;
                while (n <= left && !text_is_utf8(text, n))
                        n++;
                if (n > left) {
                        text++;
                        continue;
                }
                (void)memmove(to, text, n);
                to += n;
                text += n;
        }
        *to = '\0';
}

Finding *finding_add(Findings *findings, FindingId id, ErrorKind kind, const char *fmt, ...) {
        va_list ap;

        if (findings->count == FINDINGS_MAX)
                return NULL;
        Finding *finding = &findings->list[findings->count++];
        *finding = (Finding){ .id = id, .kind = kind };
        (void)memcpy(finding->host, findings->host, sizeof finding->host);
        (void)memcpy(finding->remedy_host, findings->host, sizeof finding->remedy_host);
        va_start(ap, fmt);
        (void)vsnprintf(finding->message, sizeof finding->message, fmt, ap);
        va_end(ap);
        keep_utf8(finding->message);
        return finding;
}

void finding_because(Finding *finding, const char *remedy, const char *fmt, ...) {
        va_list ap;

        if (!finding)
                return;
        (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy ?: "");
        va_start(ap, fmt);
        (void)vsnprintf(finding->evidence, sizeof finding->evidence, fmt, ap);
        va_end(ap);
        keep_utf8(finding->remedy);
        keep_utf8(finding->evidence);
}

void finding_about(Finding *finding, const char *object) {
        if (!finding)
                return;
        (void)snprintf(finding->object, sizeof finding->object, "%s", object);
        keep_utf8(finding->object);
}

void finding_remedy(Finding *finding, const char *host, const char *fmt, ...) {
        va_list ap;

        if (!finding)
                return;
        if (host)
                (void)snprintf(finding->remedy_host, sizeof finding->remedy_host, "%s", host);
        size_t used = strlen(finding->remedy), left = sizeof finding->remedy - used, newline = used > 0;
        if (left <= newline)
                return;
        va_start(ap, fmt);
        int n = vsnprintf(finding->remedy + used + newline, left - newline, fmt, ap);
        va_end(ap);
        if (n < 0 || (size_t)n >= left - newline)      /* half a command is worse than none */
                finding->remedy[used] = '\0';
        else if (newline)
                finding->remedy[used] = '\n';
        keep_utf8(finding->remedy);
}

static char *quote(const char *name, const char *instead) {
        char *quoted = malloc(strlen(name) * strlen(instead) + 3), *to = quoted;

        if (!quoted)
                return NULL;
        *to++ = '\'';
        for (; *name; name++)
                if (*name == '\'')
                        to = stpcpy(to, instead);
                else
                        *to++ = *name;
        *to++ = '\'';
        *to = '\0';
        return quoted;
}

char *finding_quote(const char *name) { return quote(name, "''"); }
char *finding_quote_shell(const char *name) { return quote(name, "'\\''"); }

void finding_advise(Finding *finding) {
        if (finding)
                finding->advice = true;
}

void findings_append(Findings *findings, const Findings *from) {
        for (size_t i = 0; i < from->count && findings->count < FINDINGS_MAX; i++)
                findings->list[findings->count++] = from->list[i];
}

bool findings_block(const Findings *findings) {
        for (size_t i = 0; i < findings->count; i++)
                if (!findings->list[i].advice)
                        return true;
        return false;
}

int findings_json(const Findings *findings, sd_json_variant **ret, Error *err) {
        auto_(unrefp) sd_json_variant *list = NULL;

        if (sd_json_variant_new_array(&list, NULL, 0) < 0)
                return error_oom(err);
        for (size_t i = 0; i < findings->count; i++) {
                const Finding *f = &findings->list[i];
                auto_(unrefp) sd_json_variant *v = NULL;
                if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_UNSIGNED("MessageId", f->id),
                                   SD_JSON_BUILD_PAIR_BOOLEAN("Advice", f->advice),
                                   SD_JSON_BUILD_PAIR_STRING("Kind", error_kind_name(f->kind)),
                                   SD_JSON_BUILD_PAIR_STRING("Host", f->host),
                                   SD_JSON_BUILD_PAIR_STRING("Message", f->message),
                                   SD_JSON_BUILD_PAIR_STRING("Evidence", f->evidence),
                                   SD_JSON_BUILD_PAIR_STRING("Object", f->object),
                                   SD_JSON_BUILD_PAIR_STRING("Remedy", f->remedy),
                                   SD_JSON_BUILD_PAIR_STRING("RemedyHost", f->remedy_host)) < 0 ||
                    sd_json_variant_append_array(&list, v) < 0)
                        return error_oom(err);
        }
        *ret = take_ptr(list);
        return 0;
}

typedef struct Fields {
        uint64_t id;
        int advice;
        const char *kind, *host, *message, *evidence, *object, *remedy, *remedy_host;
} Fields;

int findings_append_json(Findings *findings, sd_json_variant *list, Error *err) {
        static const sd_json_dispatch_field fields[] = {
                { "MessageId", SD_JSON_VARIANT_UNSIGNED, sd_json_dispatch_uint64, offsetof(Fields, id),
                  SD_JSON_MANDATORY },
                { "Advice", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, offsetof(Fields, advice), 0 },
                { "Kind", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, kind),
                  SD_JSON_MANDATORY },
                { "Host", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, host),
                  SD_JSON_MANDATORY },
                { "Message", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, message),
                  SD_JSON_MANDATORY },
                { "Evidence", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, evidence),
                  0 },
                { "Object", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, object), 0 },
                { "Remedy", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, remedy), 0 },
                { "RemedyHost", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Fields, remedy_host), 0 },
                { 0 },
        };

        if (!list || !sd_json_variant_is_array(list))
                return error_set(err, ERROR_PROTOCOL, 0, "the other host sent no list of findings");
        for (size_t i = 0; i < sd_json_variant_elements(list) && findings->count < FINDINGS_MAX; i++) {
                Fields f = { 0 };
                if (sd_json_dispatch(sd_json_variant_by_index(list, i), fields, SD_JSON_ALLOW_EXTENSIONS, &f) < 0)
                        return error_set(err, ERROR_PROTOCOL, 0,
                                         "the other host sent a finding we do not understand");
                Finding *finding = &findings->list[findings->count++];
                *finding = (Finding){ .id = (unsigned)f.id, .advice = f.advice, .kind = error_kind_from_name(f.kind) };
                if (finding->kind == ERROR_NONE)
                        finding->kind = ERROR_PROTOCOL;
                (void)snprintf(finding->host, sizeof finding->host, "%s", f.host);
                (void)snprintf(finding->message, sizeof finding->message, "%s", f.message);
                (void)snprintf(finding->evidence, sizeof finding->evidence, "%s", f.evidence ?: "");
                (void)snprintf(finding->object, sizeof finding->object, "%s", f.object ?: "");
                (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", f.remedy ?: "");
                (void)snprintf(finding->remedy_host, sizeof finding->remedy_host, "%s", f.remedy_host ?: f.host);
                keep_utf8(finding->object);
                keep_utf8(finding->remedy_host);
                keep_utf8(finding->host);
                keep_utf8(finding->message);
                keep_utf8(finding->evidence);
                keep_utf8(finding->remedy);
        }
        return 0;
}

int findings_error(const Findings *findings, Error *err) {
        const Finding *first = NULL;
        size_t more = 0;

        for (size_t i = 0; i < findings->count; i++) {
                if (findings->list[i].advice)
                        continue;
                more += first != NULL;
                first = first ?: &findings->list[i];
        }
        if (!first)
                return error_set(err, ERROR_INTERNAL, 0, "nothing keeps the virtual machine from moving");
        if (more > 0)
                return error_set(err, first->kind, (int)first->id, "%s (and %zu more: see Compare-VM)",
                                 first->message, more);
        return error_set(err, first->kind, (int)first->id, "%s", first->message);
}
