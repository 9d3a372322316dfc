#include "appliance/node/switch-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"

#define ABOUT "# Made by New-VMSwitch; change it with Set-VMSwitch and Remove-VMSwitch.\n"

static const char *const type_names[] = { [SWITCH_PRIVATE] = "Private", [SWITCH_INTERNAL] = "Internal",
                                          [SWITCH_EXTERNAL] = "External" };

const char *switch_type_name(SwitchType type) { return (size_t)type < ARRAY_SIZE(type_names) ? type_names[type] : ""; }

static bool is_device_name(const char *name) {
        size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
        return n > 0 && n < VM_SWITCH_SIZE && name[n] == '\0' && name[0] != '.' && name[0] != '-' &&
               name[strspn(name, "0123456789")] != '\0';        /* networkd takes a number for an index */
}

int switch_check(const Switch *s, Error *err) {
        if (!is_device_name(s->name) || strcmp(s->name, VM_SWITCH_NONE) == 0)
                return error_set(err, ERROR_INVALID, 0, "\"%.64s\" cannot be the name of a virtual switch: it becomes the "
                                 "name of a network device, so it has at most %d letters, digits, - _ and ., not only "
                                 "digits, and is the same on every host", s->name, VM_SWITCH_SIZE - 1);
        if (s->type == SWITCH_EXTERNAL && !is_device_name(s->adapter))
                return error_set(err, ERROR_INVALID, 0, "\"%.64s\" is no name of a network adapter", s->adapter);
        if (!text_is_utf8(s->notes, strlen(s->notes)))
                return error_set(err, ERROR_INVALID, 0, "the notes of a virtual switch must be UTF-8 text");
        for (const char *p = s->notes; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7F)
                        return error_set(err, ERROR_INVALID, 0, "the notes of a virtual switch are one line without control "
                                         "characters");
        return 0;
}

static int out(char **ret, char *text, Error *err) {
        if (!text)
                return error_oom(err);
        *ret = text;
        return 0;
}

int switch_netdev(const Switch *s, char **ret, Error *err) {
        if (switch_check(s, err) < 0)
                return -1;
        return out(ret, text_format(ABOUT "[NetDev]\nName=%s\nKind=bridge\nDescription=%s virtual switch\n%s%s%s"
                                    "\n[Bridge]\nSTP=no\nForwardDelaySec=0\n"
                                    "\n[X-Holdfast]\nType=%s\nAdapter=%s\nManagementOS=%s\nNotes=%s\n",
                                    s->name, switch_type_name(s->type), *s->adapter_mac ? "MACAddress=" : "", s->adapter_mac,
                                    *s->adapter_mac ? "\n" : "", switch_type_name(s->type), s->adapter,
                                    s->management ? "yes" : "no", s->notes), err);
}

/* @text without its [Match] sections. */
static void without_match(const char *text, char *to) {
        bool skip = true;       /* what stands before the first section is none of it */

        while (*text) {
                size_t n = strcspn(text, "\n");
                const char *at = text + strspn(text, " \t");
                if (*at == '[')
                        skip = strncmp(at, "[Match]", 7) == 0;
                if (!skip) {
                        (void)memcpy(to, text, n);
                        to += n;
                        *to++ = '\n';
                }
                text += n + (text[n] == '\n');
        }
        *to = '\0';
}

int switch_network(const Switch *s, const char *card, char **ret, Error *err) {
        /* a Private switch, and an External one that the host has no part in: no address of any kind */
        bool silent = s->type == SWITCH_PRIVATE || (s->type == SWITCH_EXTERNAL && !s->management);
        auto_free char *settings = calloc(1, (card ? strlen(card) : 0) + 2);

        if (!settings)
                return error_oom(err);
        if (switch_check(s, err) < 0)
                return -1;
        if (card && !silent)
                without_match(card, settings);
        /* No [Link] RequiredForOnline=no for what carries the host's own address. */
        return out(ret, text_format(ABOUT "[Match]\nName=%s\n%s\n[Network]\nConfigureWithoutCarrier=yes\n%s\n%s", s->name,
                                    *settings ? "" : "\n[Link]\nRequiredForOnline=no\n",
                                    silent ? "LinkLocalAddressing=no\nIPv6AcceptRA=no\n" : "", settings), err);
}

int switch_port(const Switch *s, char **ret, Error *err) {
        if (switch_check(s, err) < 0)
                return -1;
        return out(ret, text_format(ABOUT "[Match]\nName=%s\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nBridge=%s\n"
                                    "LinkLocalAddressing=no\nIPv6AcceptRA=no\n", s->adapter, s->name), err);
}

/* The value of "Key=" in the section; false when it is not there or does not fit. */
static bool value_of(const char *text, const char *section, const char *key, char *to, size_t size) {
        size_t n = strlen(key);
        bool inside = false;

        while (*text) {
                size_t line = strcspn(text, "\n");
                if (*text == '[')
                        inside = strncmp(text, section, strlen(section)) == 0;
                else if (inside && line > n && strncmp(text, key, n) == 0 && text[n] == '=' && line - n - 1 < size) {
                        (void)memcpy(to, text + n + 1, line - n - 1);
                        to[line - n - 1] = '\0';
                        return true;
                }
                text += line + (text[line] == '\n');
        }
        return false;
}

int switch_read(const char *text, Switch *ret, Error *err) {
        char type[16] = "", management[8] = "";
        Switch s = { 0 };

        bool ok = value_of(text, "[NetDev]", "Name", s.name, sizeof s.name) &&
                  value_of(text, "[X-Holdfast]", "Type", type, sizeof type) &&
                  value_of(text, "[X-Holdfast]", "Adapter", s.adapter, sizeof s.adapter) &&
                  value_of(text, "[X-Holdfast]", "ManagementOS", management, sizeof management) &&
                  value_of(text, "[X-Holdfast]", "Notes", s.notes, sizeof s.notes);
        (void)value_of(text, "[NetDev]", "MACAddress", s.adapter_mac, sizeof s.adapter_mac);
        s.management = strcmp(management, "yes") == 0;
        for (s.type = SWITCH_PRIVATE; ok && s.type <= SWITCH_EXTERNAL; s.type++)
                if (strcmp(type, switch_type_name(s.type)) == 0)
                        break;
        if (!ok || s.type > SWITCH_EXTERNAL || switch_check(&s, err) < 0)
                return error_set(err, ERROR_PROTOCOL, 0, "that is no file of a virtual switch");
        *ret = s;
        return 0;
}
