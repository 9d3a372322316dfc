#include "smb/share/unc.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/text.h"

static bool is_separator(char c) { return c == '\\' || c == '/'; }

static size_t part_length(const char *text) {
        size_t n = 0;
        while (text[n] && !is_separator(text[n]))
                n++;
        return n;
}

static int parse_host(const char *text, size_t size, char *to, Error *err) {
        if (size == 0)
                return error_set(err, ERROR_INVALID, 0,
                                 "the path names no file server; write \\\\server\\share\\…");
        if (size > UNC_HOST_MAX)
                return error_set(err, ERROR_INVALID, 0, "the file server's name is longer than %d bytes",
                                 UNC_HOST_MAX);
        for (size_t i = 0; i < size; i++) {
                char c = text[i];
                to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
                bool good = (to[i] >= 'a' && to[i] <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                            c == '.';
                if (!good && c != ':')
                        return error_set(err, ERROR_INVALID, 0, "'%.*s' is not the name of a file server",
                                         (int)size, text);
        }
        to[size] = '\0';
        uint8_t address[16];
        if (strchr(to, ':') || inet_pton(AF_INET, to, address) == 1)
                return error_set(err, ERROR_INVALID, 0, "'%s' is an address; use a host name: Kerberos needs one",
                                 to);
        if (to[0] == '.' || to[size - 1] == '.' || strstr(to, ".."))
                return error_set(err, ERROR_INVALID, 0, "'%s' is not the name of a file server", to);
        return 0;
}

static size_t utf16_units(const char *text, size_t size) {
        size_t units = 0;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)text[i];
                if ((c & 0xC0) != 0x80)
                        units += c >= 0xF0 ? 2 : 1;
        }
        return units;
}

/* One name between two separators, of the share or of the path. */
static int check_part(const char *text, size_t size, Error *err) {
        if (size == 0)
                return error_set(err, ERROR_INVALID, 0, "the path has an empty part (two separators in a row)");
        if (utf16_units(text, size) > UNC_PART_MAX)
                return error_set(err, ERROR_INVALID, 0, "a part of the path is longer than %d characters",
                                 UNC_PART_MAX);
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)text[i] < 0x20 || strchr("\"<>|?*:", text[i]))
                        return error_set(err, ERROR_INVALID, 0,
                                         "the path has a part with a character that no file name may have "
                                         "(\"<>|?*: or control)");
        if (text[size - 1] == '.' || text[size - 1] == ' ')
                return error_set(err, ERROR_INVALID, 0,
                                 "the part '%.*s' ends with a dot or a blank, which Windows drops", (int)size,
                                 text);
        return 0;
}

static int parse_path(const char *at, char *to, Error *err) {
        size_t used = 0;
        while (*at) {
                size_t size = part_length(at);
                if (check_part(at, size, err) < 0)
                        return -1;
                if (used + 1 + size > UNC_PATH_MAX)
                        return error_set(err, ERROR_INVALID, 0, "the path below the share is longer than %d bytes",
                                         UNC_PATH_MAX);
                if (used > 0)
                        to[used++] = '\\';
                (void)memcpy(to + used, at, size);
                used += size;
                at += size;
                if (*at)
                        at++;
        }
        to[used] = '\0';
        return 0;
}

int unc_parse(const char *text, Unc *ret, Error *err) {
        Unc unc = { 0 };

        if (!text_is_utf8(text, strlen(text)))
                return error_set(err, ERROR_INVALID, 0, "the path is not UTF-8 text");
        if (!is_separator(text[0]) || !is_separator(text[1]))
                return error_set(err, ERROR_INVALID, 0, "'%.200s' is not a share path; write \\\\server\\share\\…",
                                 text);
        const char *host = text + 2;
        size_t host_size = part_length(host);
        if (parse_host(host, host_size, unc.host, err) < 0)
                return -1;
        const char *share = host + host_size;
        if (*share)
                share++;
        size_t share_size = part_length(share);
        if (share_size == 0 || share_size > UNC_SHARE_MAX)
                return error_set(err, ERROR_INVALID, 0, "'%.200s': the share must have a name of 1 to %d bytes",
                                 text, UNC_SHARE_MAX);
        if (check_part(share, share_size, err) < 0)
                return error_wrap(err, "'%.200s'", text);
        (void)memcpy(unc.share, share, share_size);
        const char *path = share + share_size;
        if (*path)
                path++;
        if (parse_path(path, unc.path, err) < 0)
                return error_wrap(err, "'%.200s'", text);
        *ret = unc;
        return 0;
}

void unc_text(const Unc *unc, char to[static UNC_TEXT_MAX + 1]) {
        (void)snprintf(to, UNC_TEXT_MAX + 1, "\\\\%s\\%s%s%s", unc->host, unc->share, *unc->path ? "\\" : "",
                       unc->path);
}

bool unc_to_parent(Unc *unc) {
        if (!*unc->path)
                return false;
        char *cut = strrchr(unc->path, '\\');
        *(cut ? cut : unc->path) = '\0';
        return true;
}

const char *unc_name(const Unc *unc) {
        const char *cut = strrchr(unc->path, '\\');
        return cut ? cut + 1 : *unc->path ? unc->path : unc->share;
}
