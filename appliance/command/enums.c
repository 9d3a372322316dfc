#include "appliance/command/enums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/list.h"

static const struct {
        const char *type, *values;
} enums[] = {
        { "VMState", "Other=1,Running=2,Off=3,Stopping=4,Saved=6,Paused=9,Starting=10,Reset=11,Saving=32773,"
                     "Pausing=32776,Resuming=32777,FastSaved=32779,FastSaving=32780" },
        { "VMOperationalStatus", "Ok=2,Degraded=3,PredictiveFailure=5,InService=11,Dormant=15" },
        { "StartAction", "Nothing=2,StartIfRunning=3,Start=4" },
        { "StopAction", "TurnOff=2,Save=3,ShutDown=4" },
        { "CheckpointType", "Disabled=2,Production=3,ProductionOnly=4,Standard=5" },
        { "OnOffState", "On=0,Off=1" },
        { "CriticalErrorAction", "None=0,Pause=1" },
        { "BootSourceType", "Unknown=0,Drive=1,Network=2,File=3" },
        { "VMReplicationState", "Disabled=0" },
        { "ControllerType", "IDE=0,SCSI=1" },
        { "DvdMediaType", "None=0,ISO=1,PassThrough=2" },
        { "VMSwitchType", "Private=0,Internal=1,External=2" },
        { "MigrationAuthenticationType", "CredSSP=0,Kerberos=1" },
        { "VMMigrationPerformance", "TCPIP=0,Compression=1,SMB=2" },
        { "VhdType", "Unknown=0,Fixed=2,Dynamic=3,Differencing=4" },
        { "VhdFormat", "Unknown=0,VHD=2,VHDX=3,VHDSet=4" },
        { "JobState", "NotStarted=0,Running=1,Completed=2,Failed=3,Stopped=4,Blocked=5,Suspended=6,Disconnected=7,"
                      "Suspending=8,Stopping=9,AtBreakpoint=10" },
        { "CommandTypes", "Alias=1,Function=2,Filter=4,Cmdlet=8,ExternalScript=16,Application=32" },
};

int64_t enum_number(const char *type, const char *value) {
        const char *dot = strrchr(type, '.'), *values = NULL;
        char item[LIST_NAME_MAX];

        type = dot ? dot + 1 : type;
        for (size_t i = 0; i < ARRAY_SIZE(enums); i++)
                if (text_equal_nocase(enums[i].type, type))
                        values = enums[i].values;
        while (list_next(&values, item)) {
                char *equals = strchr(item, '=');
                if (!equals)
                        continue;
                *equals = '\0';
                if (text_equal_nocase(item, value))
                        return strtoll(equals + 1, NULL, 10);
        }
        return -1;
}
