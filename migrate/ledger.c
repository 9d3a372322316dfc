#include "migrate/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>
#include <time.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "smb/disk/client.h"

enum { LEDGER_SIZE_MAX = 64 * 1024 };

static void json_unrefp(sd_json_variant **v) { *v = sd_json_variant_unref(*v); }

static void utc_text(uint64_t realtime_us, char to[static 32]) {
        time_t seconds = (time_t)(realtime_us / 1000000);
        struct tm tm;

        to[0] = '\0';
        if (realtime_us == 0 || !gmtime_r(&seconds, &tm))
                return;
        char day[24] = "";
        (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(to, 32, "%s.%03uZ", day, (unsigned)(realtime_us / 1000 % 1000));
}

/* What utc_text() writes; anything else is 0, unknown: Since is for people only. */
static uint64_t utc_parse(const char *text) {
        struct tm tm = { 0 };
        const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
        unsigned ms = 0;

        if (!rest || (*rest == '.' && sscanf(rest, ".%3uZ", &ms) != 1) || (*rest != '.' && strcmp(rest, "Z") != 0))
                return 0;
        time_t seconds = timegm(&tm);
        return seconds < 0 ? 0 : (uint64_t)seconds * 1000000 + ms * 1000ULL;
}

static int bad(Error *err, const char *what) {
        return error_set(err, ERROR_PROTOCOL, 0, "owner.json is no ledger: %s", what);
}

int ledger_decode(const char *text, size_t size, Ledger *ret, Error *err) {
        Ledger ledger = { 0 };

        if (size > LEDGER_SIZE_MAX || memchr(text, '\0', size) || !text_is_utf8(text, size))
                return bad(err, "it is too large or not text");
        /* sd-json's parser is recursive; a ledger is flat. */
        size_t open = 0;
        for (size_t i = 0; i < size; i++)
                if (text[i] == '{' || text[i] == '[')
                        open++;
        if (open != 1)
                return bad(err, "it is not one flat object");
        auto_free char *copy = strndup(text, size);
        if (!copy)
                return error_oom(err);
        auto_(json_unrefp) sd_json_variant *object = NULL;
        if (sd_json_parse(copy, 0, &object, NULL, NULL) < 0 || !sd_json_variant_is_object(object))
                return bad(err, "it is not JSON");

        sd_json_variant *host = sd_json_variant_by_key(object, "Host");
        sd_json_variant *epoch = sd_json_variant_by_key(object, "Epoch");
        sd_json_variant *since = sd_json_variant_by_key(object, "Since");
        sd_json_variant *saved = sd_json_variant_by_key(object, "Saved");
        sd_json_variant *disks = sd_json_variant_by_key(object, "SavedDisks");
        if (!sd_json_variant_is_string(host) || strlen(sd_json_variant_string(host)) >= sizeof ledger.host)
                return bad(err, "Host is missing or too long");
        if (!sd_json_variant_is_unsigned(epoch))
                return bad(err, "Epoch is missing or no number");
        (void)snprintf(ledger.host, sizeof ledger.host, "%s", sd_json_variant_string(host));
        for (const char *p = ledger.host; *p; p++)
                if ((unsigned char)*p <= 0x20 || *p == 0x7F)
                        return bad(err, "Host is no host name");
        ledger.epoch = sd_json_variant_unsigned(epoch);
        if (sd_json_variant_is_string(since))
                ledger.since_us = utc_parse(sd_json_variant_string(since));
        ledger.saved = sd_json_variant_is_boolean(saved) && sd_json_variant_boolean(saved) && !*ledger.host;
        if (ledger.saved && sd_json_variant_is_string(disks)) {
                const char *stood = sd_json_variant_string(disks);
                if (strlen(stood) >= sizeof ledger.saved_disks || stood[strspn(stood, "0123456789abcdef-,")])
                        return bad(err, "SavedDisks is damaged");
                (void)strcpy(ledger.saved_disks, stood);
        }
        *ret = ledger;
        return 0;
}

int ledger_encode(const Ledger *ledger, char **ret, Error *err) {
        char since[32];
        auto_(json_unrefp) sd_json_variant *object = NULL;

        utc_text(ledger->since_us, since);
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("Host", ledger->host),
                           SD_JSON_BUILD_PAIR_UNSIGNED("Epoch", ledger->epoch),
                           SD_JSON_BUILD_PAIR_STRING("Since", since),
                           SD_JSON_BUILD_PAIR_CONDITION(ledger->saved, "Saved", SD_JSON_BUILD_BOOLEAN(true)),
                           SD_JSON_BUILD_PAIR_CONDITION(ledger->saved && *ledger->saved_disks, "SavedDisks",
                                                        SD_JSON_BUILD_STRING(ledger->saved_disks))) < 0 ||
            sd_json_variant_format(object, SD_JSON_FORMAT_NEWLINE, ret) < 0)
                return error_oom(err);
        return 0;
}

static int ledger_path(const char *folder, char to[static DISK_UNC_MAX], Error *err) {
        int n = snprintf(to, DISK_UNC_MAX, "%s\\owner.json", folder);
        if (n < 0 || n >= DISK_UNC_MAX)
                return error_set(err, ERROR_LIMIT, 0, "the path of the folder %s is too long", folder);
        return 0;
}

int ledger_read(const char *folder, Ledger *ret, Error *err) {
        char path[DISK_UNC_MAX];
        auto_free char *text = NULL;
        size_t size = 0;

        if (ledger_path(folder, path, err) < 0)
                return -1;
        if (files_read(path, LEDGER_SIZE_MAX, &text, &size, err) < 0) {
                if (err->kind != ERROR_NOT_FOUND)
                        return -1;
                *err = (Error){ 0 };
                *ret = (Ledger){ 0 };
                return 0;
        }
        if (ledger_decode(text, size, ret, err) < 0)
                return error_wrap(err, "%s", path);
        return 0;
}

int ledger_write(const char *folder, const Ledger *ledger, Error *err) {
        return ledger_write_over(NULL, folder, ledger, err);
}

int ledger_write_over(FilesLink *link, const char *folder, const Ledger *ledger, Error *err) {
        char path[DISK_UNC_MAX];
        auto_free char *text = NULL;

        if (ledger_path(folder, path, err) < 0 || ledger_encode(ledger, &text, err) < 0)
                return -1;
        return files_write_over(link, path, text, strlen(text), true, err);
}

int ledger_next_epoch(const Ledger *ledger, uint64_t *ret, Error *err) {
        /* 2^62 µs are 146000 years: a ledger beyond that was not written by us. */
        if (ledger->epoch >= 1ULL << 62)
                return error_set(err, ERROR_INVALID, 0, "the ledger's epoch %llu leaves no room for another; "
                                 "correct owner.json", (unsigned long long)ledger->epoch);
        uint64_t us = clock_us(CLOCK_REALTIME);
        *ret = ledger->epoch + 1 > us ? ledger->epoch + 1 : us;
        return 0;
}
