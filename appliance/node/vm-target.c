#include "appliance/node/vm-target.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"
#include "appliance/node/vm-object.h"

VmHost *vm_host_of(const Invocation *invocation) { return node_vms(invocation_userdata(invocation)); }

static const char *error_id(const Error *error) {
        return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_INVALID ? "InvalidParameter" :
               error->kind == ERROR_CONFLICT ? "InvalidState" :
               error->kind == ERROR_UNSUPPORTED ? "NotSupported" : "OperationFailed";
}

typedef VmAct Act;

/* -1: the pipeline is over.  An emit that failed says so by the caller having gone. */
static int act_on(Invocation *invocation, Act act, const VmInfo *info, Error *err) {
        Error why = { 0 };

        if (act(invocation, info, &why) == 0)
                return 0;
        if (invocation_cancelled(invocation)) {
                *err = why;
                return -1;
        }
        invocation_error(invocation, &why, info->definition.name, error_id(&why));
        return 0;
}

int vm_target(Invocation *invocation, const char *name, Act act, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);
        Error why = { 0 };

        if (!info)
                return error_oom(err);
        if (vmhost_find(vm_host_of(invocation), name, info, &why) == 0)
                return act_on(invocation, act, info, err);
        invocation_error(invocation, &why, name, error_id(&why));
        return 0;
}

void vm_unreadable(void *invocation, const char *name, const Error *why) {
        Error told = *why;
        invocation_error(invocation, &told, name, error_id(why));
}

typedef struct Matching { Invocation *invocation; const char *pattern; } Matching;

static void tell_matching(void *userdata, const char *name, const Error *why) {
        const Matching *of = userdata;
        if (text_matches_wildcard(name, of->pattern))
                vm_unreadable(of->invocation, name, why);
}

/* @pattern NULL: all. */
static int act_on_matching(Invocation *invocation, Act act, const char *pattern, Error *err) {
        Matching of = { invocation, pattern };
        auto_free VmInfo *list = NULL;
        size_t count = 0;

        if (vmhost_list(vm_host_of(invocation), pattern ? tell_matching : vm_unreadable,
                        pattern ? (void *)&of : invocation, &list, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if ((!pattern || text_matches_wildcard(list[i].definition.name, pattern)) &&
                    act_on(invocation, act, &list[i], err) < 0)
                        return -1;
        return 0;
}

/* A machine and its parts all say whose they are. */
static int act_on_objects(Invocation *invocation, Act act, const char *parameter, Error *err) {
        for (size_t i = 0; i < invocation_count(invocation, parameter); i++) {
                const char *id = object_string(invocation_item(invocation, parameter, i), "VMId");
                if (!id)
                        return error_set(err, ERROR_INVALID, 0, "-%s wants objects as Get-%s returns them", parameter,
                                         parameter);
                if (vm_target(invocation, id, act, err) < 0)
                        return -1;
        }
        return 0;
}

static int act_on_id(Invocation *invocation, Act act, const char *id, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);
        Error why = { 0 };

        if (!info)
                return error_oom(err);
        if (vmhost_find(vm_host_of(invocation), id, info, &why) == 0)
                return act_on(invocation, act, info, err);
        if (why.kind == ERROR_NOT_FOUND)
                (void)error_set(&why, ERROR_NOT_FOUND, 0,
                                "Hyper-V was unable to find a virtual machine with id \"%s\".", id);
        invocation_error(invocation, &why, id, error_id(&why));
        return 0;
}

int vm_targets(Invocation *invocation, Act act, Error *err) {
        return vm_targets_of(invocation, invocation_has(invocation, "VMName") ? "VMName" : "Name", act, err);
}

int vm_targets_of(Invocation *invocation, const char *parameter, Act act, Error *err) {
        static const char *const objects[] = { "VM", "VMMemory", "VMProcessor", "VMFirmware" };
        size_t names = invocation_count(invocation, parameter), machines = 0;

        for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
                machines += invocation_count(invocation, objects[i]);
                if (act_on_objects(invocation, act, objects[i], err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < names; i++) {
                sd_json_variant *item = invocation_item(invocation, parameter, i);
                const char *name = sd_json_variant_is_string(item) ? sd_json_variant_string(item) : "";
                if ((text_has_wildcard(name) ? act_on_matching(invocation, act, name, err)
                                             : vm_target(invocation, name, act, err)) < 0)
                        return -1;
        }
        if (invocation_has(invocation, "Id"))
                return act_on_id(invocation, act, invocation_string(invocation, "Id"), err);
        return names || machines ? 0 : act_on_matching(invocation, act, NULL, err);
}

void vm_already(Invocation *invocation) {
        invocation_warning(invocation, "The virtual machine is already in the specified state.");
}

bool vm_caller_gone(void *userdata) { return invocation_cancelled(userdata); }

/* A long call and its progress records: one for every few percent, because a caller may read slowly. */
typedef struct Shown {
        Invocation *invocation;
        const char *activity, *name;
        int percent;
} Shown;

static bool shown_cancelled(void *userdata) {
        const Shown *shown = userdata;
        return invocation_cancelled(shown->invocation);
}

static void show(void *userdata, int percent) {
        Shown *shown = userdata;

        if (percent < shown->percent + 5)
                return;
        shown->percent = percent;
        invocation_progress(shown->invocation, shown->activity, shown->name, percent, false);
}

int vm_start(Invocation *invocation, const char *id, const char *name, Error *err) {
        Shown shown = { .invocation = invocation, .activity = "Starting", .name = name };
        VmWait wait = { .cancelled = shown_cancelled, .progress = show, .userdata = &shown };
        bool changed = false;

        invocation_progress(invocation, "Starting", name, -1, false);
        int r = vmhost_start(vm_host_of(invocation), id, &wait, &changed, err);
        if (r < 0 && node_denied(invocation_userdata(invocation), err))
                r = vmhost_start(vm_host_of(invocation), id, &wait, &changed, err);
        invocation_progress(invocation, "Starting", name, 100, true);
        if (r < 0)
                return -1;
        if (!changed)
                vm_already(invocation);
        return vm_passthru(invocation, id, err);
}

int vm_save(Invocation *invocation, const char *id, const char *name, Error *err) {
        Shown shown = { .invocation = invocation, .activity = "Saving", .name = name };
        VmWait wait = { .cancelled = shown_cancelled, .progress = show, .userdata = &shown };
        bool changed = false;

        invocation_progress(invocation, "Saving", name, -1, false);
        int r = vmhost_save(vm_host_of(invocation), id, &wait, &changed, err);
        invocation_progress(invocation, "Saving", name, 100, true);
        if (r < 0)
                return -1;
        if (!changed)
                vm_already(invocation);
        return vm_passthru(invocation, id, err);
}

int vm_emit(Invocation *invocation, const char *id, Error *err) {
        auto_free VmInfo *info = malloc(sizeof *info);
        char host[MACHINE_NAME_MAX];
        sd_json_variant *object = NULL;

        if (!info)
                return error_oom(err);
        vmhost_name(vm_host_of(invocation), host);
        if (vmhost_find(vm_host_of(invocation), id, info, err) < 0 || vm_object(info, host, &object, err) < 0)
                return -1;
        return invocation_emit(invocation, object, err);
}

int vm_passthru(Invocation *invocation, const char *id, Error *err) {
        return invocation_switch(invocation, "Passthru") ? vm_emit(invocation, id, err) : 0;
}
