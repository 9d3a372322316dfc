#include "appliance/node/rows.h"

static const Command *const rows[] = {
        &get_vmhost, NULL,
};

const CommandTable node_commands = { rows };
