/* Get-SmbConnection, Get-SmbOpenFile, Get-SmbShare, Get-SmbShareAccess
 *
 * On Windows the last three run on the file server.  This host answers from what it has itself: its disk processes, its
 * machines, and what a file server tells it of a share's permissions.
 */
#include "appliance/node/smb-commands.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/access-survey.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/device-target.h"
#include "appliance/node/vm-object.h"
#include "appliance/node/vm-target.h"
#include "smb/disk/client.h"
#include "smb/share/share-list.h"
#include "smb/share/unc.h"

#define MODULE "SmbShare"
#define SMB "Microsoft.Management.Infrastructure.CimInstance#root/Microsoft/Windows/SMB/"
#define CIM "CimSession,ThrottleLimit,AsJob"

enum { SHARES_MAX = 64 };

/* One file server's share, and how this host uses it. */
typedef struct Used {
        char host[UNC_TEXT_MAX + 1], share[UNC_TEXT_MAX + 1];
        uint64_t opens;
        uint16_t dialect;
        bool sealed;
} Used;

/* Whether one of the texts of the parameter, with wildcards, is @value; without any, everything is. */
static bool wanted(const Invocation *invocation, const char *parameter, const char *value) {
        size_t count = invocation_count(invocation, parameter);

        for (size_t i = 0; i < count; i++) {
                const char *text = sd_json_variant_string(invocation_item(invocation, parameter, i));
                if (text && text_matches_wildcard(value, text))
                        return true;
        }
        return count == 0;
}

/* "HV1$@LAB.TEST" */
static int account(Invocation *invocation, char to[static DIRECTORY_PRINCIPAL_MAX], Error *err) {
        Machine machine;

        if (node_machine(invocation_userdata(invocation), &machine, err) < 0)
                return -1;
        (void)snprintf(to, DIRECTORY_PRINCIPAL_MAX, "%s", machine.principal);
        return 0;
}

static Used *note(Used *list, size_t *count, const char *path) {
        Unc unc;
        Error ignored;

        if (!*path || unc_parse(path, &unc, &ignored) < 0)
                return NULL;
        for (size_t i = 0; i < *count; i++)
                if (text_equal_nocase(list[i].host, unc.host) && text_equal_nocase(list[i].share, unc.share))
                        return &list[i];
        if (*count == SHARES_MAX)
                return NULL;
        Used *u = &list[(*count)++];
        *u = (Used){ 0 };
        (void)snprintf(u->host, sizeof u->host, "%s", unc.host);
        (void)snprintf(u->share, sizeof u->share, "%s", unc.share);
        return u;
}

/* The shares with open disks; @known: also those of machines that are off and of new ones. */
static int used_shares(Invocation *invocation, bool known, Used **ret, size_t *ret_count, Error *err) {
        auto_free Used *list = calloc(SHARES_MAX, sizeof *list);
        auto_free DiskName *disks = NULL;
        auto_free VmInfo *machines = NULL;
        size_t count = 0, disk_count = 0, machine_count = 0;
        char path[NODE_PATH_MAX];

        if (!list)
                return error_oom(err);
        if (disk_list(&disks, &disk_count, err) < 0 ||
            (known && vmhost_list(vm_host_of(invocation), vmhost_skip, NULL, &machines, &machine_count, err) < 0))
                return -1;
        for (size_t i = 0; i < disk_count; i++) {
                DiskStatus status;
                Error ignored;
                if (disk_status(&disks[i], &status, &ignored) < 0 || !status.connected)
                        continue;
                Used *u = note(list, &count, disks[i].unc);
                if (!u)
                        continue;
                u->opens++;
                u->dialect = status.dialect;
                u->sealed = status.sealed;
        }
        for (size_t i = 0; i < machine_count; i++) {
                (void)note(list, &count, machines[i].definition.folder);
                for (unsigned j = 0; j < machines[i].definition.disk_count; j++)
                        (void)note(list, &count, machines[i].definition.disks[j]);
        }
        node_machine_path(invocation_userdata(invocation), path);
        if (known)
                (void)note(list, &count, path);
        *ret = take_ptr(list);
        *ret_count = count;
        return 0;
}

/* ---- Get-SmbConnection ---- */

static int get_connection(Invocation *invocation, Error *err) {
        char user[DIRECTORY_PRINCIPAL_MAX], dialect[16];
        auto_free Used *list = NULL;
        size_t count = 0;

        if (account(invocation, user, err) < 0 || used_shares(invocation, false, &list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                const Used *u = &list[i];
                sd_json_variant *object = NULL;
                if (!wanted(invocation, "ServerName", u->host) || !wanted(invocation, "UserName", user))
                        continue;
                (void)snprintf(dialect, sizeof dialect, "%x.%x.%x", u->dialect >> 8, u->dialect >> 4 & 0xF, u->dialect & 0xF);
                if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", SMB "MSFT_SmbConnection"),
                                   SD_JSON_BUILD_PAIR_STRING("ServerName", u->host),
                                   SD_JSON_BUILD_PAIR_STRING("ShareName", u->share),
                                   SD_JSON_BUILD_PAIR_STRING("UserName", user), SD_JSON_BUILD_PAIR_STRING("Credential", user),
                                   SD_JSON_BUILD_PAIR_STRING("Dialect", dialect),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("NumOpens", u->opens),
                                   SD_JSON_BUILD_PAIR_BOOLEAN("Encrypted", u->sealed)) < 0)
                        return error_oom(err);
                if (invocation_emit(invocation, object, err) < 0)
                        return -1;
        }
        return 0;
}

const Command command_get_smbconnection = {
        .name = "Get-SmbConnection", .module = MODULE,
        .synopsis = "Gets this host's connections to shares with virtual hard disks in use.",
        .role = ROLE_READER,
        .output = SMB "MSFT_SmbConnection",
        .parameters = (const Parameter[]){
                { "ServerName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "File servers; wildcards are allowed." },
                { "UserName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "Accounts; there is only this host's own." },
                { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Query", "", "ServerName,UserName", "" }, { .name = NULL } },
        .refused = "SmbInstance," CIM,
        .run = get_connection,
};

/* ---- Get-SmbOpenFile ---- */

static uint64_t number_of(const uint8_t bytes[static 8]) {
        uint64_t n;
        (void)memcpy(&n, bytes, sizeof n);
        return le64toh(n);
}

static bool id_wanted(const Invocation *invocation, uint64_t id) {
        size_t count = invocation_count(invocation, "FileId");

        for (size_t i = 0; i < count; i++)
                if (sd_json_variant_unsigned(invocation_item(invocation, "FileId", i)) == id)
                        return true;
        return count == 0;
}

static int emit_open_file(Invocation *invocation, const DiskName *disk, const DiskStatus *status, const char *user, Error *err) {
        char host[MACHINE_NAME_MAX], computer[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;
        uint64_t id = number_of(status->file_id);
        Unc unc;

        if (unc_parse(disk->unc, &unc, err) < 0)
                return -1;
        vmhost_name(vm_host_of(invocation), host);
        vm_computer_name(host, computer, sizeof computer);
        if (!id_wanted(invocation, id) || !wanted(invocation, "ClientComputerName", computer) ||
            !wanted(invocation, "ClientUserName", user) || !wanted(invocation, "ScopeName", unc.host))
                return 0;
        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", SMB "MSFT_SmbOpenFile"),
                           SD_JSON_BUILD_PAIR_UNSIGNED("FileId", id), SD_JSON_BUILD_PAIR_STRING("Path", disk->unc),
                           SD_JSON_BUILD_PAIR_STRING("ShareRelativePath", unc.path),
                           SD_JSON_BUILD_PAIR_STRING("ClientComputerName", computer),
                           SD_JSON_BUILD_PAIR_STRING("ClientUserName", user),
                           SD_JSON_BUILD_PAIR_STRING("ScopeName", unc.host),
                           SD_JSON_BUILD_PAIR_BOOLEAN("Encrypted", status->sealed),
                           SD_JSON_BUILD_PAIR_STRING("Ownership", disk_state_name(status->state))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static int get_open_file(Invocation *invocation, Error *err) {
        char user[DIRECTORY_PRINCIPAL_MAX];
        auto_free DiskName *disks = NULL;
        size_t count = 0;

        if (account(invocation, user, err) < 0 || disk_list(&disks, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                DiskStatus status;
                Error ignored;
                if (disk_status(&disks[i], &status, &ignored) == 0 && status.connected &&
                    emit_open_file(invocation, &disks[i], &status, user, err) < 0)
                        return -1;
        }
        return 0;
}

const Command command_get_smbopenfile = {
        .name = "Get-SmbOpenFile", .module = MODULE,
        .synopsis = "Gets the files on shares that this host has open for its virtual machines.",
        .role = ROLE_READER,
        .output = SMB "MSFT_SmbOpenFile",
        .parameters = (const Parameter[]){
                { "FileId", "UInt64[]", NULL, PARAMETER_PIPELINE_BY_NAME, NULL, "The file server's ids of files." },
                { "ClientComputerName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "Computers that have them open; this host tells of itself only." },
                { "ClientUserName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "Accounts that have them open." },
                { "ScopeName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL, "File servers." },
                { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Query", "", "FileId", "ClientComputerName,ClientUserName,ScopeName" },
                                        { .name = NULL } },
        .refused = "SessionId,ClusterNodeName,IncludeHidden,SmbInstance," CIM,
        .run = get_open_file,
};

/* ---- Get-SmbShare ---- */

static int get_share(Invocation *invocation, Error *err) {
        auto_free Used *list = NULL;
        size_t count = 0;

        if (used_shares(invocation, true, &list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                sd_json_variant *object = NULL;
                auto_free char *path = text_format("\\\\%s\\%s", list[i].host, list[i].share);
                if (!wanted(invocation, "Name", list[i].share) || !wanted(invocation, "ScopeName", list[i].host))
                        continue;
                if (!path || sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", SMB "MSFT_SmbShare"),
                                            SD_JSON_BUILD_PAIR_STRING("Name", list[i].share),
                                            SD_JSON_BUILD_PAIR_STRING("ScopeName", list[i].host),
                                            SD_JSON_BUILD_PAIR_STRING("Path", path),
                                            SD_JSON_BUILD_PAIR_STRING("Description", "")) < 0)
                        return error_oom(err);
                if (invocation_emit(invocation, object, err) < 0)
                        return -1;
        }
        return 0;
}

#define PARAMETER_SCOPE { "ScopeName", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL, \
                          "File servers; wildcards are allowed." }
const Command command_get_smbshare = {
        .name = "Get-SmbShare", .module = MODULE,
        .synopsis = "Gets the shares on which this host has virtual machines.",
        .role = ROLE_READER,
        .output = SMB "MSFT_SmbShare",
        .parameters = (const Parameter[]){
                { "Name", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "Names of shares; wildcards are allowed." },
                PARAMETER_SCOPE, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Query", "", "Name,ScopeName", "" }, { .name = NULL } },
        .refused = "Scoped,Special,ContinuouslyAvailable,ShareState,FolderEnumerationMode,CachingMode,LeasingMode,"
                   "DirectoryHandleLeasing,ConcurrentUserLimit,AvailabilityType,CATimeout,EncryptData,CompressData,"
                   "IsolatedTransport,QoSFlowScope,QoSPolicyId,IncludeHidden,SmbInstance," CIM,
        .run = get_share,
};

/* ---- Get-SmbShareAccess ---- */

/* As Windows shows them ([MS-DTYP] 2.4.3): the rights of share permissions in its own three words. */
static const char *right_name(uint32_t mask) {
        static const struct { uint32_t mask; const char *name; } rights[] = {
                { 0x001F01FF, "Full" }, { 0x10000000, "Full" }, { 0x001301BF, "Change" }, { 0x001200A9, "Read" },
                { 0x80000000, "Read" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rights); i++)
                if (mask == rights[i].mask)
                        return rights[i].name;
        return "Custom";
}

static int emit_entry(Invocation *invocation, const Used *u, const char *name, const char *type, const char *right, Error *err) {
        sd_json_variant *object = NULL;

        if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("$type", SMB "MSFT_SmbShareAccessControlEntry"),
                           SD_JSON_BUILD_PAIR_STRING("Name", u->share), SD_JSON_BUILD_PAIR_STRING("ScopeName", u->host),
                           SD_JSON_BUILD_PAIR_STRING("AccountName", name), SD_JSON_BUILD_PAIR_STRING("AccessControlType", type),
                           SD_JSON_BUILD_PAIR_STRING("AccessRight", right)) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

static int emit_access(Invocation *invocation, const Used *u, Error *err) {
        auto_free char *path = text_format("\\\\%s\\%s", u->host, u->share);
        auto_free Survey *names = calloc(1, sizeof *names);
        auto_(descriptor_done) Descriptor list = { 0 };

        if (!path || !names)
                return error_oom(err);
        if (node_directory(invocation_userdata(invocation), &names->directory, err) < 0)
                return -1;
        if (share_list_read(path, NULL, &list, err) < 0)
                return err->kind != ERROR_DENIED
                               ? error_wrap(err, "the permissions of %s", path)
                               : error_set(err, ERROR_DENIED, err->cause, "%s does not show this host the permissions of its "
                                           "share %s; run Get-SmbShareAccess there, or Test-VMShare %s here, which tells what "
                                           "they come to", u->host, u->share, path);
        if (!list.dacl.present || !list.dacl.list_given)
                return emit_entry(invocation, u, "Everyone", "Allow", "Full", err);
        for (size_t i = 0; i < list.dacl.count; i++) {
                const Ace *ace = &list.dacl.aces[i];
                char name[DIRECTORY_PRINCIPAL_MAX] = "?";
                if (ace->has_sid)
                        survey_name(names, &ace->sid, name);
                if (emit_entry(invocation, u, name, ace->type == ACE_DENY ? "Deny" : "Allow",
                               ace->has_sid ? right_name(ace->mask) : "Custom", err) < 0)
                        return -1;
        }
        return 0;
}

/* A share by its name on the servers that this host uses, by -ScopeName on any, or by its UNC path. */
static int access_of(Invocation *invocation, const char *name, Error *err) {
        auto_free Used *list = NULL;
        size_t count = 0, found = 0, scopes = invocation_count(invocation, "ScopeName");

        if (used_shares(invocation, true, &list, &count, err) < 0)
                return -1;
        if (strpbrk(name, "\\/")) {
                count = 0;
                Used *u = note(list, &count, name);
                return u ? emit_access(invocation, u, err)
                         : error_set(err, ERROR_INVALID, 0, "'%.200s' names no share", name);
        }
        for (size_t i = 0; i < count; i++)
                if (text_matches_wildcard(list[i].share, name) && wanted(invocation, "ScopeName", list[i].host)) {
                        found++;
                        if (emit_access(invocation, &list[i], err) < 0)
                                return -1;
                }
        for (size_t i = 0; found == 0 && i < scopes; i++) {
                const char *scope = sd_json_variant_string(invocation_item(invocation, "ScopeName", i));
                auto_free char *path = scope && !text_has_wildcard(scope) ? text_format("\\\\%s\\%s", scope, name) : NULL;
                count = 0;
                Used *u = path ? note(list, &count, path) : NULL;
                if (u)
                        return emit_access(invocation, u, err);
        }
        return found > 0 || text_has_wildcard(name)
                       ? 0 : error_set(err, ERROR_NOT_FOUND, 0, "this host uses no share named '%.80s'; name its file server with "
                                       "-ScopeName", name);
}

static int get_access(Invocation *invocation, Error *err) {
        for (size_t i = 0; i < invocation_count(invocation, "Name"); i++) {
                const char *name = sd_json_variant_string(invocation_item(invocation, "Name", i));
                Error why = { 0 };
                int r = access_of(invocation, name ? name : "", &why);
                if (device_again(invocation, r, &why))
                        r = access_of(invocation, name ? name : "", &why);
                if (r < 0 && device_failed(invocation, &why, name ? name : "", err) < 0)
                        return -1;
        }
        return 0;
}

const Command command_get_smbshareaccess = {
        .name = "Get-SmbShareAccess", .module = MODULE,
        .synopsis = "Gets the permissions of a share, as far as its file server shows them to this host.",
        .role = ROLE_READER,
        .output = SMB "MSFT_SmbShareAccessControlEntry",
        .parameters = (const Parameter[]){
                { "Name", "String[]", NULL, PARAMETER_PIPELINE_BY_NAME | PARAMETER_WILDCARD, NULL,
                  "Names of shares that this host uses, or their UNC paths; wildcards are allowed." },
                PARAMETER_SCOPE, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Query", "Name", "Name,ScopeName", "" }, { .name = NULL } },
        .refused = "InputObject,SmbInstance," CIM,
        .run = get_access,
};
