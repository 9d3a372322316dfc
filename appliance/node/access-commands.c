/* Test-VMShare */
#include "appliance/node/access-commands.h"

#include <stdlib.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/node/access-object.h"
#include "appliance/node/node.h"
#include "auth/visitor.h"

enum {
        WORTH_MENTIONING = RIGHT_READ_DATA | RIGHT_WRITE_DATA | RIGHT_APPEND_DATA | RIGHT_DELETE |
                           RIGHT_DELETE_CHILD | RIGHT_WRITE_DAC | RIGHT_WRITE_OWNER
};

typedef struct Emission {
        Invocation *invocation;
        const Survey *survey;
        const SurveyHost *host;
        AccessMemory *memory;
} Emission;

static int emit_cell(void *userdata, const SurveyCell *cell, Error *err) {
        const Emission *e = userdata;
        sd_json_variant *object = NULL;

        if (invocation_cancelled(e->invocation))
                return error_set(err, ERROR_CANCELLED, 0, "Test-VMShare was stopped");
        if (access_object(e->survey, e->host, cell, e->memory, &object, err) < 0)
                return -1;
        return invocation_emit(e->invocation, object, err);
}

/* What everybody could do is looked for on every file; one row tells the worst. */
static int emit_stranger(Invocation *invocation, const Survey *survey, Error *err) {
        auto_(survey_host_done) SurveyHost stranger = { 0 };
        sd_json_variant *object = NULL;
        size_t worst = SURVEY_SHARE;
        uint32_t most = 0;

        if (survey_stranger(survey, &stranger, err) < 0)
                return -1;
        for (size_t i = 0; i < survey->all.count; i++) {
                uint32_t reach = survey_reach(survey, &stranger, i) & WORTH_MENTIONING;
                if (__builtin_popcount(reach) > __builtin_popcount(most)) {
                        most = reach;
                        worst = i;
                }
        }
        if (access_stranger_object(survey, &stranger, worst, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

/* Judges, and says what is not as it was last time. */
static int remember(Emission *e, Error *err) {
        auto_(access_memory_freep) AccessMemory *memory = NULL;
        char unc[UNC_TEXT_MAX + 1];
        Error why = { 0 };

        unc_text(&e->survey->unc, unc);
        if (access_memory_open(ACCESS_MEMORY_FOLDER, e->host->account, unc, &memory, err) < 0)
                return -1;
        e->memory = memory;
        if (survey_judge(e->survey, e->host, emit_cell, e, err) < 0)
                return -1;
        if (access_memory_keep(memory, clock_us(CLOCK_REALTIME), &why) < 0)
                invocation_warning(e->invocation, "%s; the next look cannot say what changed.", why.text);
        return 0;
}

static int test_host(Invocation *invocation, const Survey *survey, const char *name, const Machine *machine,
                     Error *err) {
        auto_(survey_host_done) SurveyHost host = { 0 };
        Emission e = { .invocation = invocation, .survey = survey, .host = &host };

        if (survey_host(survey, name, machine->account, &host, err) < 0)
                return -1;
        /* hosts of the fabric ask the server themselves; what others may do is computed */
        Error why = { 0 };
        if (!host.self && host.in_fabric &&
            survey_ask(survey, node_live(invocation_userdata(invocation)), &host, &why) < 0)
                invocation_warning(invocation, "%s; what it may do is computed from the directory.", why.text);
        return remember(&e, err);
}

/* The server may know this host only by a ticket from before its groups changed. */
static int survey_now(Node *node, Directory *directory, const char *path, const char *lister, Survey *ret, Error *err) {
        Survey survey;
        Error refused = { .kind = ERROR_DENIED };

        if (survey_read(directory, path, lister, true, &survey, err) < 0)
                return -1;
        if (survey.own.given && survey.own.share == 0 && node_denied(node, &refused)) {
                survey_done(&survey);
                if (survey_read(directory, path, lister, true, &survey, err) < 0)
                        return -1;
        }
        *ret = survey;
        return 0;
}

int access_test(Invocation *invocation, const char *path, const char *lister, Error *err) {
        auto_(survey_done) Survey survey = { 0 };
        Node *node = invocation_userdata(invocation);
        Directory *directory;
        Machine machine;
        size_t hosts = invocation_count(invocation, "ComputerName");

        if (node_machine(node, &machine, err) < 0 || node_directory(node, &directory, err) < 0 ||
            survey_now(node, directory, path, lister, &survey, err) < 0)
                return -1;
        if (!survey.share_known)
                invocation_verbose(invocation, "%s", survey.share_unknown.text);
        for (size_t i = 0; i < (hosts ? hosts : 1); i++) {
                const char *name =
                        hosts ? sd_json_variant_string(invocation_item(invocation, "ComputerName", i)) : NULL;
                Error why = { 0 };
                if (test_host(invocation, &survey, name, &machine, &why) == 0)
                        continue;
                if (why.kind == ERROR_CANCELLED || invocation_cancelled(invocation)) {
                        *err = why;
                        return -1;
                }
                invocation_error(invocation, &why, name ? name : machine.account, NULL);
        }
        return emit_stranger(invocation, &survey, err);
}

/* An administrator's ticket reads lists that this host may not read; what this host may do is still asked as
 * itself. */
static int sign_in(Invocation *invocation, Visitor *visitor, Error *err) {
        const char *password = NULL, *user = invocation_credential(invocation, "Credential", &password);
        Machine machine;

        if (!user)
                return 0;
        if (!password)
                return error_set(err, ERROR_INVALID, 0, "the credential of %.64s has no password", user);
        if (node_machine(invocation_userdata(invocation), &machine, err) < 0)
                return -1;
        return visitor_sign_in(&machine, user, password, visitor, err);
}

static int test_vmshare(Invocation *invocation, Error *err) {
        auto_(visitor_done) Visitor visitor = { 0 };

        if (sign_in(invocation, &visitor, err) < 0)
                return -1;
        for (size_t i = 0; i < invocation_count(invocation, "Path"); i++) {
                const char *path = sd_json_variant_string(invocation_item(invocation, "Path", i));
                Error why = { 0 };
                if (path && access_test(invocation, path, visitor.ccache[0] ? visitor.ccache : NULL, &why) == 0)
                        continue;
                if (why.kind == ERROR_CANCELLED || invocation_cancelled(invocation)) {
                        *err = why;
                        return -1;
                }
                invocation_error(invocation, &why, path, NULL);
        }
        return 0;
}

const Command command_test_vmshare = {
        .name = "Test-VMShare",
        .module = "Hyper-V",
        .synopsis = "Proves for every file of a share what hosts may do with it, and names what mends it.",
        .role = ROLE_READER,
        .output = "Microsoft.HyperV.PowerShell.VMShareAccess",
        .parameters = (const Parameter[]){ { "Path", "String[]", "FullName",
                                             PARAMETER_PIPELINE_BY_VALUE | PARAMETER_PIPELINE_BY_NAME, NULL,
                                             "A share, or a folder or file on it; everything below is looked at, "
                                             "nothing is written." },
                                           { "ComputerName", "String[]", "CN", 0, NULL,
                                             "The hosts that are asked about; this host alone without it." },
                                           { "Credential", "PSCredential", NULL, PARAMETER_SECRET, NULL,
                                             "An administrator who may read permissions that this host may not; "
                                             "used once and not kept." },
                                           { .name = NULL } },
        .sets = (const ParameterSet[]){ { "Path", "Path", "Path", "ComputerName,Credential" }, { .name = NULL } },
        .run = test_vmshare,
};
