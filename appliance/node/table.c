/* Every command of the product, in the order in which Get-Command lists them.  The rows stand beside their handlers. */
#include "appliance/command/utility.h"
#include "appliance/node/access-commands.h"
#include "appliance/node/device-commands.h"
#include "appliance/node/domain-commands.h"
#include "appliance/node/host-commands.h"
#include "appliance/node/job-commands.h"
#include "appliance/node/move-commands.h"
#include "appliance/node/node.h"
#include "appliance/node/smb-commands.h"
#include "appliance/node/vm-commands.h"

static const Command *const rows[] = {
        &command_add_computer, &command_remove_computer, &command_reset_computer_machine_password,
        &command_test_computer_secure_channel,
        &command_get_vmhost, &command_set_vmhost,
        &command_enable_vmmigration, &command_disable_vmmigration, &command_add_vmmigrationnetwork,
        &command_get_vmmigrationnetwork, &command_set_vmmigrationnetwork, &command_remove_vmmigrationnetwork,
        &command_get_vm, &command_new_vm, &command_start_vm, &command_stop_vm, &command_remove_vm, &command_import_vm,
        &command_export_vm,
        &command_set_vm, &command_rename_vm, &command_save_vm, &command_suspend_vm, &command_resume_vm, &command_restart_vm,
        &command_remove_vmsavedstate, &command_get_vmmemory, &command_set_vmmemory, &command_get_vmprocessor,
        &command_set_vmprocessor, &command_get_vmfirmware, &command_set_vmfirmware,
        &command_checkpoint_vm, &command_get_vmsnapshot, &command_restore_vmsnapshot, &command_remove_vmsnapshot,
        &command_new_vhd, &command_get_vhd, &command_resize_vhd, &command_convert_vhd,
        &command_get_vmharddiskdrive, &command_add_vmharddiskdrive, &command_set_vmharddiskdrive,
        &command_remove_vmharddiskdrive,
        &command_get_vmdvddrive, &command_add_vmdvddrive, &command_set_vmdvddrive, &command_remove_vmdvddrive,
        &command_get_vmnetworkadapter, &command_add_vmnetworkadapter, &command_set_vmnetworkadapter,
        &command_remove_vmnetworkadapter, &command_rename_vmnetworkadapter, &command_connect_vmnetworkadapter,
        &command_disconnect_vmnetworkadapter,
        &command_get_vmswitch, &command_new_vmswitch, &command_set_vmswitch, &command_remove_vmswitch,
        &command_get_smbconnection, &command_get_smbopenfile, &command_get_smbshare, &command_get_smbshareaccess,
        &command_test_vmshare, &command_grant_vmshareaccess,
        &command_get_job, &command_wait_job, &command_receive_job, &command_stop_job, &command_remove_job,
        &command_move_vm, &command_compare_vm, &command_get_vmmigration, &command_stop_vmmigration,
        UTILITY_ROWS,
        NULL,
};

const CommandTable node_commands = { rows };
