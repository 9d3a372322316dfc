/* Test-ComputerSecureChannel: whether this host's account is in order, and putting it there. */
#include <string.h>

#include "appliance/node/domain-commands.h"
#include "appliance/node/node-internal.h"
#include "appliance/node/upkeep.h"
#include "auth/directory-account.h"
#include "auth/join.h"
#include "auth/kerberos.h"

/* ---- is the key the account's? ---------------------------------------------------------------------------- */

/* What the domain has beyond the KDC's word: it may take an older key than the newest for a while. */
static bool is_older(Node *node, const Machine *machine) {
        auto_free DirectoryAccount *account = calloc(1, sizeof *account);
        Directory *directory = NULL;
        Machine now;
        Error ignored;

        return account && node_directory(node, &directory, &ignored) == 0 &&
               directory_account(directory, machine->account, account, &ignored) == 0 &&
               machine_load_from(machine->keytab, machine->ccache, &now, &ignored) == 0 &&
               now.key_version < account->key_version;
}

/* -1: it cannot be known, as with a wrong clock or without a domain controller. */
static int check_key(Node *node, const Machine *machine, bool *ret_good, Error *err) {
        Error why = { 0 };

        if (machine_check(machine, &why) < 0) {
                if (!kerberos_is_old_key(why.cause)) {
                        *err = why;
                        return -1;
                }
                *ret_good = false;
                return 0;
        }
        *ret_good = !is_older(node, machine);
        return 0;
}

/* ---- mending ------------------------------------------------------------------------------------------------ */

/* A new key for the same account, which keeps its groups and its SID: joining again is that. */
static int new_key(Invocation *invocation, const Machine *machine, Error *err) {
        const char *password = NULL, *user = invocation_credential(invocation, "Credential", &password);
        char name[MACHINE_NAME_MAX];
        auto_free JoinResult *joined = calloc(1, sizeof *joined);

        if (!joined)
                return error_oom(err);
        if (!user || !password)
                return error_set(err, ERROR_DENIED, 0,
                                 "the domain does not take the key of %s any more, so that this host cannot mend it alone; "
                                 "give the credential of somebody who may join computers: "
                                 "Test-ComputerSecureChannel -Repair -Credential <user>", machine->account);
        (void)memcpy(name, machine->account, sizeof name);
        name[strcspn(name, "$")] = '\0';
        const JoinRequest request = { .domain = machine->domain, .server = invocation_string(invocation, "Server"),
                                      .user = user, .secret = password, .computer_name = name, .again = true };
        if (join_domain(&request, joined, err) < 0)
                return -1;
        if (joined->note[0])
                invocation_warning(invocation, "%s", joined->note);
        return node_identity_changed(invocation_userdata(invocation), err);
}

typedef struct Mend {
        Node *node;
        const Machine *machine;
        int result;
        Error err;
} Mend;

static void mend(void *userdata) {
        Mend *m = userdata;
        uint64_t ignored_us;

        m->result = machine_refresh(m->machine, &ignored_us, &m->err) < 0 ? -1 : upkeep_now(m->node, &m->err);
}

static int repair(Invocation *invocation, const Machine *machine, bool good, Error *err) {
        Node *node = invocation_userdata(invocation);
        Directory *directory = NULL;
        Mend m = { .node = node, .machine = machine };

        if (!good && new_key(invocation, machine, err) < 0)
                return -1;
        if (identity_call(node, mend, &m, err) < 0)
                return -1;
        if (node_directory(node, &directory, err) < 0)
                return -1;
        directory_forget(directory);
        if (m.result < 0)
                *err = m.err;
        return m.result;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static int test_secure_channel(Invocation *invocation, Error *err) {
        Node *node = invocation_userdata(invocation);
        sd_json_variant *answer = NULL;
        Machine machine;
        bool good = false;

        if (node_machine(node, &machine, err) < 0 || check_key(node, &machine, &good, err) < 0)
                return -1;
        if (invocation_switch(invocation, "Repair")) {
                if (!invocation_should_process(invocation, machine.account, "Test-ComputerSecureChannel"))
                        return 0;
                if (repair(invocation, &machine, good, err) < 0)
                        return -1;
                good = true;
        }
        if (sd_json_variant_new_boolean(&answer, good) < 0)
                return error_oom(err);
        return invocation_emit(invocation, answer, err);
}

const Command command_test_computer_secure_channel = {
        .name = "Test-ComputerSecureChannel",
        .module = "Microsoft.PowerShell.Management",
        .synopsis = "Says whether the domain takes this host's key; -Repair also puts its names and its address right.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = "System.Boolean",
        .parameters = (const Parameter[]){
                { "Repair", "SwitchParameter", NULL, 0, NULL,
                  "Writes the host's service principal names and its DNS records anew; and its key, with -Credential, when "
                  "the domain does not take it." },
                { "Server", "String", NULL, 0, NULL, "The domain controller that gives the new key." },
                { "Credential", "PSCredential", NULL, PARAMETER_SECRET, NULL,
                  "A user who may join computers; needed only for a new key." },
                { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Default", "", "", "Repair,Server,Credential" }, { .name = NULL } },
        .run = test_secure_channel,
};
