#include "migrate/compare-internal.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "migrate/libvirt-error.h"

static void domain_freep(virDomainPtr *domain) {
        if (*domain)
                (void)virDomainFree(*domain);
}

/* ---- the source -------------------------------------------------------------------------------- */

static void snapshot_freep(virDomainSnapshotPtr *snapshot) { (void)virDomainSnapshotFree(*snapshot); }
static void checkpoint_freep(virDomainCheckpointPtr *checkpoint) { (void)virDomainCheckpointFree(*checkpoint); }

/* Only libvirt's notes go: a file that a snapshot has made stays where it is. */
static void forget_each(Finding *f, const char *vm, virDomainSnapshotPtr *snapshots, int snapshot_count,
                        virDomainCheckpointPtr *checkpoints, int checkpoint_count) {
        auto_free char *machine = finding_quote_shell(vm);

        for (int i = 0; i < snapshot_count; i++) {
                auto_(snapshot_freep) virDomainSnapshotPtr snapshot = snapshots[i];
                auto_free char *name = finding_quote_shell(virDomainSnapshotGetName(snapshot));
                if (machine && name)
                        finding_remedy(f, NULL, "virsh snapshot-delete %s %s --metadata", machine, name);
        }
        for (int i = 0; i < checkpoint_count; i++) {
                auto_(checkpoint_freep) virDomainCheckpointPtr checkpoint = checkpoints[i];
                auto_free char *name = finding_quote_shell(virDomainCheckpointGetName(checkpoint));
                if (machine && name)
                        finding_remedy(f, NULL, "virsh checkpoint-delete %s %s --metadata", machine, name);
        }
}

/* libvirt moves no machine that has snapshots or checkpoints of its own: they are files of this host. */
static int check_checkpoints(virDomainPtr domain, const char *vm, Findings *findings, Error *err) {
        auto_free virDomainSnapshotPtr *snapshots = NULL;
        auto_free virDomainCheckpointPtr *checkpoints = NULL;
        Finding *f = NULL;
        int made = virDomainListAllSnapshots(domain, &snapshots, 0);
        int marked = made < 0 ? -1 : virDomainListAllCheckpoints(domain, &checkpoints, 0);

        if (made > 0 || marked > 0) {
                f = finding_add(findings, FINDING_CHECKPOINT, ERROR_UNSUPPORTED,
                                "\"%s\" cannot be moved while it has checkpoints that libvirt keeps on this host; "
                                "delete them first", vm);
                finding_because(f, NULL, "%d snapshots, %d checkpoints", made, marked > 0 ? marked : 0);
                forget_each(f, vm, snapshots, made, checkpoints, marked);
        }
        return made < 0 || marked < 0 ? libvirt_error(err, "the checkpoints of \"%s\" cannot be counted", vm) : 0;
}

static int check_running(VmHost *host, const VmInfo *vm, CompareRequest *request, Findings *findings, Error *err) {
        auto_(domain_freep) virDomainPtr domain = NULL;
        const char *name = vm->definition.name;

        if (vmhost_domain(host, vm->definition.id, &domain, err) < 0)
                return -1;
        auto_free char *xml = virDomainGetXMLDesc(domain, 0);
        if (!xml)
                return libvirt_error(err, "the devices of \"%s\" cannot be listed", name);
        if (compare_devices(xml, name, findings, &request->emulated, err) < 0 ||
            compare_fabric_source(virDomainGetConnect(domain), xml, name, &request->fabrics, findings, err) < 0 ||
            check_checkpoints(domain, name, findings, err) < 0)
                return -1;
        return processor_read(xml, "cpu", NULL, &request->processor, err);
}

/* Its disk is gone from under it: there is nothing left to shut down. */
static void start_again(Finding *finding, const char *vm) {
        auto_free char *name = finding_quote(vm);

        if (name)
                finding_remedy(finding, NULL, "Stop-VM -TurnOff %s\nStart-VM %s", name, name);
}

static void check_source_disk(const VmInfo *vm, const DiskName *disk, const DiskStatus *status,
                              Findings *findings) {
        Finding *f;

        if (status->state != DISK_OWNER) {
                f = finding_add(
                        findings, FINDING_OWNER, ERROR_CONFLICT,
                        "this host does not hold %s for writing (%s); \"%s\" cannot be moved until it does: "
                        "turn it off and start it again",
                        disk->unc, disk_state_name(status->state), vm->definition.name);
                finding_because(f, NULL, "%s", status->reason);
                finding_about(f, disk->unc);
                start_again(f, vm->definition.name);
        }
        if (status->state == DISK_OWNER && !status->durable) {
                f = finding_add(findings, FINDING_DURABLE, ERROR_UNSUPPORTED,
                                "the file server gives no durable handle on %s: \"%s\" stops on the first interruption of "
                                "the network, on any host", disk->unc, vm->definition.name);
                finding_because(f, NULL, "dialect 0x%04x, handle not durable", status->dialect);
                finding_about(f, disk->unc);
                auto_free char *name = finding_quote(vm->definition.name);
                if (name)       /* once the file server gives them: the handle is of the time before */
                        finding_remedy(f, NULL, "Stop-VM %s\nStart-VM %s", name, name);
                finding_advise(f);
        }
        if (status->dialect && status->dialect < SMB_3_0) {
                f = finding_add(findings, FINDING_DIALECT, ERROR_UNSUPPORTED,
                                "the file server of %s speaks SMB %x.%02x; live migration needs SMB 3.0 or later",
                                disk->unc, status->dialect >> 8, status->dialect & 0xFF);
                finding_because(f, NULL, "dialect 0x%04x", status->dialect);
                finding_about(f, disk->unc);
        }
}

static void check_state(const VmInfo *vm, Findings *findings) {
        auto_free char *name = finding_quote(vm->definition.name);
        bool paused = vm->state == VM_PAUSED;

        if (!vm->active || vm->state == VM_RUNNING)
                return;
        Finding *f = finding_add(findings, FINDING_STATE, ERROR_CONFLICT,
                                 "The operation cannot be performed while the virtual machine is in its current state. "
                                 "\"%s\" is %s; %s, or turn it off",
                                 vm->definition.name, vm_state_name(vm->state),
                                 paused ? "let it go on with Resume-VM" : "wait until it runs");
        finding_because(f, NULL, "state %d", vm->state);
        if (paused && name)
                finding_remedy(f, NULL, "Resume-VM %s", name);
        if (vm->state == VM_PAUSED_CRITICAL)
                start_again(f, vm->definition.name);
}

int compare_source(VmHost *host, const VmInfo *vm, CompareRequest *request, Findings *findings, Error *err) {
        auto_free DiskName *disks = calloc(VM_DISKS_MAX, sizeof *disks);

        if (!disks)
                return error_oom(err);
        check_state(vm, findings);
        if (vm->state == VM_SAVED) {
                VmCapabilities caps;
                if (vmhost_capabilities(host, &caps, err) < 0)
                        return -1;
                request->emulated = !caps.hardware_virtualization;
        }
        if (!vm->active)
                return 0;
        if (definition_disks(&vm->definition, disks, err) < 0)
                return -1;
        for (unsigned i = 0; i < vm->definition.disk_count; i++) {
                DiskStatus status = { 0 };
                if (disk_status(&disks[i], &status, err) < 0)
                        return error_wrap(err, "the disk process of %s does not answer", disks[i].unc);
                check_source_disk(vm, &disks[i], &status, findings);
                (void)memcpy(request->disks[i].file_id, status.file_id, sizeof status.file_id);
                (void)memcpy(request->disks[i].volume_id, status.volume_id, sizeof status.volume_id);
                request->disks[i].size_bytes = status.size_bytes;
                if (status.epoch >= request->next_epoch)
                        request->next_epoch = status.epoch + 1;
        }
        if (check_running(host, vm, request, findings, err) < 0)
                return -1;
        return vmhost_processor(host, request->emulated, &request->host_processor, err);
}

/* ---- the destination --------------------------------------------------------------------------- */

static void check_clock(const CompareRequest *request, Findings *findings) {
        uint64_t here = clock_us(CLOCK_REALTIME), there = request->realtime_us;
        uint64_t apart = here > there ? here - there : there - here;

        if (apart <= COMPARE_CLOCK_MAX_US)
                return;
        Finding *f = finding_add(findings, FINDING_CLOCK, ERROR_CONFLICT,
                                 "the clocks of %s and %s are %llu seconds apart and Kerberos allows 300; set both "
                                 "from the domain's time source", request->source, findings->host,
                                 (unsigned long long)(apart / 1000000));
        finding_because(f, "timedatectl set-ntp true", "%s is %s", findings->host,
                        here > there ? "ahead" : "behind");
}

static void check_emulator(const CompareRequest *request, const VmCapabilities *caps, Findings *findings) {
        const char *vm = request->definition.name;
        Finding *f;

        /* What was saved goes on as what it was, too. */
        if ((request->running || request->definition.saved) && !request->emulated && !caps->hardware_virtualization) {
                f = finding_add(
                        findings, FINDING_VIRTUALIZATION, ERROR_UNSUPPORTED,
                        "The virtual machine cannot be moved to the destination computer. The hardware on the "
                        "destination computer is not compatible with the hardware requirements of this virtual "
                        "machine. %s offers no hardware virtualization; switch it on in the firmware",
                        findings->host);
                finding_because(f, NULL, "/dev/kvm cannot be used on %s", findings->host);
        }
        if ((request->emulated || !caps->hardware_virtualization) && !caps->emulation_allowed) {
                f = finding_add(
                        findings, FINDING_VIRTUALIZATION, ERROR_UNSUPPORTED,
                        "\"%s\" runs emulated, and the configuration of %s forbids that; set AllowEmulation "
                        "in /etc/holdfast/node.json there",
                        vm, findings->host);
                finding_because(f, NULL, "AllowEmulation is false");
                finding_remedy(f, NULL, "sed -i 's/\"AllowEmulation\" *: *false/\"AllowEmulation\": true/' "
                               "/etc/holdfast/node.json && systemctl restart holdfastd");
        }
        if (!caps->machine_type) {
                f = finding_add(findings, FINDING_MACHINE_TYPE, ERROR_UNSUPPORTED,
                                "QEMU on %s does not know the machine type %s that \"%s\" needs; install the same "
                                "version on both hosts", findings->host, DEFINITION_MACHINE, vm);
                finding_because(f, "apt-get update && apt-get install -y qemu-system-x86", "QEMU %lu.%lu.%lu", caps->qemu_version / 1000000,
                                caps->qemu_version / 1000 % 1000, caps->qemu_version % 1000);
        }
}

/* A machine of this id that is off is a leftover and is replaced; a running one is the worst of news. */
static int check_names(VmHost *host, const CompareRequest *request, Findings *findings, Error *err) {
        const VmDefinition *d = &request->definition;
        const char *const names[] = { d->id, d->name };
        auto_free VmInfo *there = calloc(1, sizeof *there);

        if (!there)
                return error_oom(err);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (vmhost_find(host, names[i], there, err) < 0) {
                        if (err->kind == ERROR_NOT_FOUND)
                                continue;
                        return -1;
                }
                if (strcmp(there->definition.id, d->id) == 0 && !there->active)
                        continue;
                Finding *f;
                if (there->active && strcmp(there->definition.id, d->id) == 0)
                        f = finding_add(
                                findings, FINDING_RUNNING_THERE, ERROR_CONFLICT,
                                "%s already runs a virtual machine with the id of \"%s\"; turn one of them off",
                                findings->host, d->name);
                else
                        f = finding_add(
                                findings, FINDING_NAME_TAKEN, ERROR_CONFLICT,
                                "%s already has another virtual machine named \"%s\"; rename or remove one of "
                                "them",
                                findings->host, d->name);
                finding_because(f, NULL, "id %s is %s", there->definition.id, vm_state_name(there->state));
                auto_free char *name = finding_quote(there->definition.name);
                if (name && f && f->id == FINDING_RUNNING_THERE)
                        finding_remedy(f, NULL, "Stop-VM -TurnOff %s", name);
                else if (name && !there->active)
                        finding_remedy(f, NULL, "Rename-VM %s -NewName %.*s-2'", name, (int)strlen(name) - 1, name);
                break;
        }
        return 0;
}

int compare_destination(VmHost *host, const CompareRequest *request, Findings *findings, Error *err) {
        VmCapabilities caps = { 0 };

        check_clock(request, findings);
        if (check_names(host, request, findings, err) < 0 || vmhost_capabilities(host, &caps, err) < 0)
                return -1;
        check_emulator(request, &caps, findings);
        if (compare_fabric_destination(host, request, findings, err) < 0 ||
            compare_processor(host, request, &caps, findings, err) < 0)
                return -1;
        if (compare_memory(host, request, &caps, findings, err) < 0)
                return -1;
        if (request->running) {
                compare_space("/run/holdfast", COMPARE_SPACE_MIN, findings);
                compare_space("/var/log/libvirt", COMPARE_SPACE_MIN, findings);
        }
        for (unsigned i = 0; i < request->definition.adapter_count; i++) {
                const char *name = request->definition.adapters[i].switch_name;
                if (vmhost_switch_exists(*name ? name : VM_SWITCH_NONE))
                        continue;
                Finding *f =
                        finding_add(findings, FINDING_SWITCH, ERROR_NOT_FOUND,
                                    "Could not find Ethernet switch '%s'. \"%s\" needs it on %s; make it there with "
                                    "New-VMSwitch, or connect the adapter to another one",
                                    *name ? name : VM_SWITCH_NONE, request->definition.name, findings->host);
                finding_because(f, NULL, "no bridge %s on %s", *name ? name : VM_SWITCH_NONE, findings->host);
                finding_about(f, name);
                auto_free char *quoted = finding_quote(name);
                if (*name && quoted)
                        finding_remedy(f, NULL, "New-VMSwitch %s -SwitchType Private", quoted);
        }
        return 0;
}
