/* Add-Computer, Reset-ComputerMachinePassword, Remove-Computer: this host as a member of a domain. */
#include "appliance/node/domain-commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/node/node.h"
#include "appliance/node/secret-file.h"
#include "auth/directory.h"
#include "auth/join-offline.h"
#include "auth/join.h"
#include "auth/leave.h"
#include "auth/program.h"
#include "migrate/host.h"

enum { RENAME_US = 20 * 1000000 };

static const Parameter parameters[] = {
        { "DomainName", "String", "DN,Domain", 0, NULL, "DNS name of the domain to join." },
        { "Credential", "PSCredential", "DomainCredential", PARAMETER_SECRET, NULL,
          "A user who may join computers; or this computer's pre-staged account, NAME$, with its one-time "
          "password." },
        { "OneTimePassword", "SwitchParameter", NULL, 0, NULL,
          "The credential is this computer's pre-staged account with its one-time password." },
        { "OUPath", "String", "OU", 0, NULL, "Organizational unit for a new account, as a distinguished name." },
        { "Server", "String", "DC", 0, NULL, "The domain controller to join with." },
        { "OfflineJoinFile", "String", NULL, 0, NULL,
          "A file on this host that djoin /provision has made for it: joins without anybody's credential, and deletes "
          "the file.  A parameter of this host's own." },
        { "NewName", "String", NULL, 0, NULL, "Joins under this name and renames the host to it." },
        { "Force", "SwitchParameter", NULL, 0, NULL, "Asks nothing; this host never asks." },
        { "PassThru", "SwitchParameter", NULL, 0, NULL, "Returns an object that says whether it succeeded." },
        { .name = NULL },
};

static const ParameterSet sets[] = {
        { "Domain", "DomainName,Credential", "DomainName", "OneTimePassword,OUPath,Server,NewName,Force,PassThru" },
        { "Offline", "OfflineJoinFile", "", "Force,PassThru" },
        { .name = NULL },
};

static void own_name(const Invocation *invocation, char *to, size_t size) {
        const char *wanted = invocation_string(invocation, "NewName");
        char host[MACHINE_NAME_MAX] = "";

        (void)gethostname(host, sizeof host - 1);
        host[strcspn(host, ".")] = '\0';
        (void)snprintf(to, size, "%s", wanted ? wanted : host);
}

/* A credential that is the computer's own account is a one-time password; nobody else's account is. */
static int pick_user(const Invocation *invocation, const char *name, const char *user, JoinRequest *request,
                     Error *err) {
        const char *account = strrchr(user, '\\');
        account = account ? account + 1 : user;
        size_t n = strlen(account);
        bool computer = n > 1 && account[n - 1] == '$';

        if (!computer && invocation_switch(invocation, "OneTimePassword"))
                return error_set(err, ERROR_INVALID, 0,
                                 "-OneTimePassword wants this computer's own account: -Credential '%s$'",
                                 name);
        if (computer && (n - 1 != strlen(name) || !text_starts_nocase(account, name)))
                return error_set(err, ERROR_INVALID, 0,
                                 "the account '%.32s' is another computer's: this host joins as '%s$'; "
                                 "choose its name with -NewName, or pre-stage '%s$'",
                                 account, name, name);
        request->user = computer ? NULL : user;
        char login[MACHINE_NAME_MAX];
        return join_login(user, request->domain, login, sizeof login, err);
}

static void rename_host(Invocation *invocation, const char *name) {
        const char *const argv[] = { "/usr/bin/hostnamectl", "set-hostname", name, NULL };
        ProgramResult result;
        Error err;

        if (program_run(argv, NULL, NULL, RENAME_US, &result, &err) < 0)
                invocation_warning(invocation, "the host is not renamed yet: %s", err.text);
        else if (result.status != 0)
                invocation_warning(invocation,
                                   "the host is not renamed yet (%s); rename it with: hostnamectl set-hostname %s",
                                   program_last_line(&result), name);
}

/* What is still missing for this host to take part; none of it undoes the join. */
static void advise(Invocation *invocation, const JoinResult *joined) {
        Node *node = invocation_userdata(invocation);
        Directory *directory = NULL;
        DirectoryComputer computer;
        Error err;

        if (joined->note[0])
                invocation_warning(invocation, "%s", joined->note);
        if (node_identity_changed(node, &err) < 0 || node_directory(node, &directory, &err) < 0 ||
            directory_require_fabric(directory, joined->machine.account, &computer, &err) < 0)
                invocation_warning(invocation, "%s", err.text);
}

static int report(Invocation *invocation, const Machine *machine, Error *err) {
        sd_json_variant *object = NULL;
        char name[MACHINE_NAME_MAX];

        if (!invocation_switch(invocation, "PassThru"))
                return 0;
        (void)snprintf(name, sizeof name, "%s", machine->account);
        name[strcspn(name, "$")] = '\0';
        if (sd_json_build(&object, SD_JSON_BUILD_OBJECT(
                        SD_JSON_BUILD_PAIR_STRING("$type", "Microsoft.PowerShell.Commands.ComputerChangeInfo"),
                        SD_JSON_BUILD_PAIR_BOOLEAN("HasSucceeded", true),
                        SD_JSON_BUILD_PAIR_STRING("ComputerName", name))) < 0)
                return error_oom(err);
        return invocation_emit(invocation, object, err);
}

/* ---- with a blob of djoin ---- */

/* Until the host has a password of its own making, every copy of the blob is as good as this host. */
static void outdate_blob(Invocation *invocation) {
        Error err = { 0 };

        if (node_rotate(invocation_userdata(invocation), NULL, &err) < 0)
                invocation_warning(invocation,
                                   "the password in the blob is still the account's (%s); change it with: "
                                   "Reset-ComputerMachinePassword, and let no copy of the blob lie about", err.text);
}

static int join_with(Invocation *invocation, const OfflineJoin *with, SecretFile *file, Error *err) {
        char computer[JOIN_NAME_MAX + 1], host[MACHINE_NAME_MAX] = "", operation[2 * ODJ_NAME_MAX];
        JoinResult joined = { .note = "" };

        (void)snprintf(operation, sizeof operation, "Join in domain '%s'", with->domain);
        if (!invocation_should_process(invocation, with->computer, operation))
                return 0;
        if (join_offline(with, &joined.machine, computer, err) < 0)
                return -1;
        (void)gethostname(host, sizeof host - 1);
        host[strcspn(host, ".")] = '\0';
        if (!text_equal_nocase(host, computer))
                rename_host(invocation, computer);
        advise(invocation, &joined);
        outdate_blob(invocation);
        Error why = { 0 };
        if (secret_file_destroy(file, &why) < 0)
                invocation_warning(invocation, "%s", why.text);
        return report(invocation, &joined.machine, err);
}

static int add_computer_offline(Invocation *invocation, Error *err) {
        auto_(secret_file_close) SecretFile file = { .fd = -1 };
        auto_(odj_erase) OfflineJoin with = { .domain = "" };
        const char *path = invocation_string(invocation, "OfflineJoinFile");

        if (path[0] != '/')
                return error_set(err, ERROR_INVALID, 0, "-OfflineJoinFile wants the whole path of a file on this host");
        if (secret_file_read(path, ODJ_TEXT_MAX, &file, err) < 0)
                return -1;
        if (odj_read(file.data, file.size, &with, err) < 0)
                return error_wrap(err, "%s", path);
        return join_with(invocation, &with, &file, err);
}

static int add_computer(Invocation *invocation, Error *err) {
        if (invocation_has(invocation, "OfflineJoinFile"))
                return add_computer_offline(invocation, err);
        const char *password = NULL, *user = invocation_credential(invocation, "Credential", &password);
        char name[MACHINE_NAME_MAX], operation[2 * MACHINE_NAME_MAX];
        JoinResult joined;
        JoinRequest request = {
                .domain = invocation_string(invocation, "DomainName"),
                .server = invocation_string(invocation, "Server"),
                .ou = invocation_string(invocation, "OUPath"),
                .secret = password,
                .computer_name = name,
        };

        own_name(invocation, name, sizeof name);
        if (!user || !password)
                return error_set(err, ERROR_INVALID, 0,
                                 "Add-Computer needs a user name and a password: -Credential <user>");
        if (join_check_name(name, err) < 0 || join_check_domain(request.domain, err) < 0 ||
            pick_user(invocation, name, user, &request, err) < 0)
                return -1;
        (void)snprintf(operation, sizeof operation, "Join in domain '%.*s'", MACHINE_NAME_MAX, request.domain);
        if (!invocation_should_process(invocation, name, operation))
                return 0;
        if (join_domain(&request, &joined, err) < 0)
                return -1;
        if (invocation_has(invocation, "NewName"))
                rename_host(invocation, name);
        advise(invocation, &joined);
        return report(invocation, &joined.machine, err);
}

const Command command_add_computer = {
        .name = "Add-Computer",
        .module = "Microsoft.PowerShell.Management",
        .synopsis = "Adds this host to a domain.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = "Microsoft.PowerShell.Commands.ComputerChangeInfo",
        .parameters = parameters,
        .sets = sets,
        .refused = "ComputerName,LocalCredential,Options,Restart,UnjoinDomainCredential,Unsecure,WorkgroupName",
        .run = add_computer,
};

/* ---- Reset-ComputerMachinePassword ---- */

static int reset_password(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        Machine machine;

        if (node_machine(node, &machine, err) < 0)
                return -1;
        if (!invocation_should_process(invocation, machine.account, "Reset-ComputerMachinePassword"))
                return 0;
        return node_rotate(node, invocation_string(invocation, "Server"), err);
}

const Command command_reset_computer_machine_password = {
        .name = "Reset-ComputerMachinePassword",
        .module = "Microsoft.PowerShell.Management",
        .synopsis = "Gives this host's computer account a new password; tickets that others hold go on working.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .parameters = (const Parameter[]){
                { "Server", "String", NULL, 0, NULL, "The domain controller that changes it." }, { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Default", "", "Server", "" }, { .name = NULL } },
        .refused = "Credential",
        .run = reset_password,
};

/* ---- Remove-Computer ---- */

static int no_machine_runs(Node *node, Error *err) {
        auto_free VmInfo *all = NULL;
        size_t count = 0, running = 0;
        const char *one = NULL;

        if (vmhost_list(node_vms(node), NULL, NULL, &all, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (all[i].active || all[i].claim[0]) {
                        running++;
                        one = all[i].definition.name;
                }
        if (running == 0)
                return 0;
        return error_set(err, ERROR_CONFLICT, 0,
                         "%zu virtual machine%s on this host (\"%s\"%s) and would lose the share; move or stop %s first",
                         running, running > 1 ? "s run" : " runs", one, running > 1 ? " and others" : "",
                         running > 1 ? "them" : "it");
}

static int remove_computer(Invocation *invocation, Error *err) {
        const char *password = NULL, *user = invocation_credential(invocation, "UnjoinDomainCredential", &password);
        Node *node = invocation_userdata(invocation);
        char operation[2 * MACHINE_NAME_MAX], note[ERROR_TEXT_MAX];
        Machine machine;

        if (!user || !password)
                return error_set(err, ERROR_INVALID, 0,
                                 "Remove-Computer needs a user name and a password: -UnjoinDomainCredential <user>");
        if (node_machine(node, &machine, err) < 0 || no_machine_runs(node, err) < 0)
                return -1;
        (void)snprintf(operation, sizeof operation, "Unjoin from domain '%s'", machine.domain);
        if (!invocation_should_process(invocation, machine.account, operation))
                return 0;
        if (leave_domain(&machine, user, password, invocation_switch(invocation, "KeepAccount"), note, err) < 0 || node_identity_changed(node, err) < 0)
                return -1;
        if (note[0])
                invocation_warning(invocation, "%s", note);
        return report(invocation, &machine, err);
}

const Command command_remove_computer = {
        .name = "Remove-Computer",
        .module = "Microsoft.PowerShell.Management",
        .synopsis = "Takes this host out of its domain: deletes its account, its DNS record and its key.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = "Microsoft.PowerShell.Commands.ComputerChangeInfo",
        .parameters = (const Parameter[]){
                { "UnjoinDomainCredential", "PSCredential", "Credential", PARAMETER_SECRET, NULL,
                  "A user who may delete this host's account." },
                { "KeepAccount", "SwitchParameter", NULL, 0, NULL,
                  "The account stays in the domain, disabled, with its groups.  A parameter of this host's own." },
                { "Force", "SwitchParameter", NULL, 0, NULL, "Asks nothing; this host never asks." },
                { "PassThru", "SwitchParameter", NULL, 0, NULL, "Returns an object that says whether it succeeded." },
                { .name = NULL } },
        .sets = (const ParameterSet[]){
                { "Local", "UnjoinDomainCredential", "UnjoinDomainCredential", "KeepAccount,Force,PassThru" }, { .name = NULL } },
        .refused = "ComputerName,LocalCredential,Restart,WorkgroupName",
        .run = remove_computer,
};
