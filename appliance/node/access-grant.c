/* Grant-VMShareAccess: what Test-VMShare names is mended, with an administrator's own ticket */
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/access-commands.h"
#include "appliance/node/access-object.h"
#include "appliance/node/node.h"
#include "auth/visitor.h"
#include "smb/share/share-list.h"

enum { CHANGE_TEXT_MAX = 4096 };

typedef struct Granting {
        Invocation *invocation;
        const Survey *survey;
        const SurveyHost *host;
        const char *ccache;
        unsigned changed;
} Granting;

/* The list as it is now, changed as the finding says: nothing else of it, and for nobody but the hosts' group. */
static int change(const Granting *g, const SurveyCell *c, Error *err) {
        auto_free uint8_t *bytes = malloc(DESCRIPTOR_BYTES_MAX);
        auto_(descriptor_done) Descriptor d = { 0 };
        size_t size;

        if (!bytes)
                return error_oom(err);
        if (descriptor_encode(c->list, bytes, DESCRIPTOR_BYTES_MAX, &size, err) < 0 ||
            descriptor_decode(bytes, size, &d, err) < 0 ||
            matrix_mend(&d, c->layer, &g->survey->group, &c->cell, err) < 0)
                return -1;
        return c->layer == MATRIX_SHARE ? share_list_write(c->path, g->ccache, &d, err)
                                        : permissions_write(c->path, g->ccache, &d, err);
}

static int mend_cell(void *userdata, const SurveyCell *c, Error *err) {
        Granting *g = userdata;
        char what[CHANGE_TEXT_MAX];

        if (invocation_cancelled(g->invocation))
                return error_set(err, ERROR_CANCELLED, 0, "Grant-VMShareAccess was stopped");
        if (c->cell.join_group)
                invocation_warning(g->invocation,
                                   "%s is not in %s; an administrator of the domain adds it with: "
                                   "Add-ADGroupMember '" DIRECTORY_FABRIC_GROUP "' '%s'",
                                   g->host->account, g->survey->group_name, g->host->account);
        if (!c->list || (!c->cell.grant && c->cell.remove_count == 0))
                return 0;
        access_change_text(g->survey, c, what, sizeof what);
        if (!invocation_should_process(g->invocation, c->path, what))
                return 0;
        Error why = { 0 };
        if (change(g, c, &why) < 0)
                invocation_error(g->invocation, &why, c->path, NULL);
        else
                g->changed++;
        return 0;
}

static int grant_host(Granting *g, const char *path, const char *name, const Machine *machine, Directory *directory,
                      Error *err) {
        auto_(survey_done) Survey survey = { 0 };
        auto_(survey_host_done) SurveyHost host = { 0 };

        /* anew for every host: what was mended for one may be all that another needs */
        if (survey_read(directory, path, g->ccache, false, &survey, err) < 0 ||
            survey_host(&survey, name, machine->account, &host, err) < 0)
                return -1;
        if (!survey.share_known)
                invocation_warning(g->invocation, "%s", survey.share_unknown.text);
        g->survey = &survey;
        g->host = &host;
        return survey_judge(&survey, &host, mend_cell, g, err);
}

static int grant_vmshareaccess(Invocation *invocation, Error *err) {
        auto_(visitor_done) Visitor visitor = { 0 };
        const char *password = NULL, *user = invocation_credential(invocation, "Credential", &password);
        const char *path = invocation_string(invocation, "Path");
        Node *node = invocation_userdata(invocation);
        Directory *directory;
        Machine machine;
        size_t hosts = invocation_count(invocation, "ComputerName");

        if (!user || !password)
                return error_set(
                        err, ERROR_INVALID, 0,
                        "Grant-VMShareAccess needs an administrator of the file server: -Credential <user>");
        if (node_machine(node, &machine, err) < 0 || node_directory(node, &directory, err) < 0 ||
            visitor_sign_in(&machine, user, password, &visitor, err) < 0)
                return -1;
        Granting g = { .invocation = invocation, .ccache = visitor.ccache };
        for (size_t i = 0; i < (hosts ? hosts : 1); i++) {
                const char *name =
                        hosts ? sd_json_variant_string(invocation_item(invocation, "ComputerName", i)) : NULL;
                if (grant_host(&g, path, name, &machine, directory, err) < 0)
                        return -1;
        }
        invocation_verbose(invocation, "%u lists of permissions were changed.", g.changed);
        return g.changed && invocation_switch(invocation, "Passthru")
                       ? access_test(invocation, path, visitor.ccache, err)
                       : 0;
}

const Command command_grant_vmshareaccess = {
        .name = "Grant-VMShareAccess",
        .module = "Hyper-V",
        .synopsis = "Gives the hosts' group what VMs need on a share, with an administrator's credential.",
        .role = ROLE_ADMINISTRATOR,
        .confirm = true,
        .output = "Microsoft.HyperV.PowerShell.VMShareAccess",
        .parameters =
                (const Parameter[]){
                        { "Path", "String", "FullName", 0, NULL,
                          "A share, or a folder or file on it, with what lies below." },
                        { "Credential", "PSCredential", NULL, PARAMETER_SECRET, NULL,
                          "Who may change permissions there; used for this command alone and not kept." },
                        { "ComputerName", "String[]", "CN", 0, NULL,
                          "The hosts it is for; this host alone without it." },
                        { "Passthru", "SwitchParameter", NULL, 0, NULL,
                          "Tests again and returns what Test-VMShare returns." },
                        { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Path", "Path,Credential", "Path", "ComputerName,Passthru" },
                                        { .name = NULL } },
        .run = grant_vmshareaccess,
};
