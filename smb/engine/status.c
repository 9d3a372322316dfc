#include "smb/engine/status.h"

#include <stddef.h>

#include "appliance/base/cleanup.h"

typedef struct StatusRow {
        uint32_t status;
        ErrorKind kind;
        const char *name, *sentence; /* sentence: what it means here and what to do */
} StatusRow;

static const StatusRow rows[] = {
        { 0xC0000022, ERROR_DENIED, "ACCESS_DENIED",
          "the file server denies access to this host's computer account; grant it Full Control on the share and "
          "on the file, best through the group of all hosts, then restart the host or wait for a new ticket" },
        { 0xC0000043, ERROR_CONFLICT, "SHARING_VIOLATION",
          "another host or program has it open; see who with Get-SmbOpenFile on the file server and "
          "stop that first" },
        { 0xC0000034, ERROR_NOT_FOUND, "OBJECT_NAME_NOT_FOUND", "it does not exist; check the name" },
        { 0xC000003A, ERROR_NOT_FOUND, "OBJECT_PATH_NOT_FOUND", "the folder does not exist; check the path" },
        { 0xC00000CC, ERROR_NOT_FOUND, "BAD_NETWORK_NAME",
          "the file server has no share of this name; check it with Get-SmbShare on the file server" },
        { 0xC0000035, ERROR_CONFLICT, "OBJECT_NAME_COLLISION", "it exists already; choose another name" },
        { 0xC0000033, ERROR_INVALID, "OBJECT_NAME_INVALID",
          "the file server does not allow this name; choose another" },
        { 0xC00000BA, ERROR_CONFLICT, "FILE_IS_A_DIRECTORY", "it is a folder; name a file" },
        { 0xC0000103, ERROR_CONFLICT, "NOT_A_DIRECTORY", "a part of the path is a file; name a folder" },
        { 0xC0000056, ERROR_CONFLICT, "DELETE_PENDING", "it is being deleted; try again when that is done" },
        { 0xC0000054, ERROR_CONFLICT, "FILE_LOCK_CONFLICT",
          "another program has locked this part of the file; stop it" },
        { 0xC0000128, ERROR_UNREACHABLE, "FILE_CLOSED",
          "the file server has closed our handle; whoever took it over or forced it closed is in the "
          "server's log" },
        { 0xC00000B6, ERROR_CONFLICT, "FILE_FORCED_CLOSED",
          "another host has taken it over; nothing may be written here" },
        { 0xC000007F, ERROR_LIMIT, "DISK_FULL", "the file server's disk is full; free or add space there" },
        { 0xC0000044, ERROR_LIMIT, "QUOTA_EXCEEDED", "the quota on the file server is used up; raise it" },
        { 0xC000009A, ERROR_LIMIT, "INSUFFICIENT_RESOURCES",
          "the file server is short of memory; relieve it and retry" },
        { 0xC00000D0, ERROR_LIMIT, "REQUEST_NOT_ACCEPTED",
          "the file server accepts no more sessions; raise its limit or close unused ones" },
        { 0xC0000904, ERROR_LIMIT, "FILE_TOO_LARGE",
          "the file server's file system does not hold files of this size" },
        { 0xC000006D, ERROR_DENIED, "LOGON_FAILURE",
          "the file server does not accept this host's Kerberos ticket; check the clocks, and that the name is the "
          "server's own (SPN cifs/name)" },
        { 0xC000006E, ERROR_DENIED, "ACCOUNT_RESTRICTION",
          "the directory restricts this host's account; review it there" },
        { 0xC0000072, ERROR_DENIED, "ACCOUNT_DISABLED", "this host's computer account is disabled; enable it" },
        { 0xC000005E, ERROR_UNREACHABLE, "NO_LOGON_SERVERS",
          "the file server reaches no domain controller; restore that" },
        { 0xC0000133, ERROR_DENIED, "TIME_DIFFERENCE_AT_DC",
          "the clocks differ by more than 5 minutes; synchronise them" },
        { 0xC000015B, ERROR_DENIED, "LOGON_TYPE_NOT_GRANTED",
          "the file server does not let this host's account in over the network; review its logon rights" },
        { 0xC000035C, ERROR_UNREACHABLE, "NETWORK_SESSION_EXPIRED",
          "the Kerberos ticket has expired and was not renewed" },
        { 0xC0000203, ERROR_UNREACHABLE, "USER_SESSION_DELETED",
          "the file server has ended the session; it is opened anew" },
        { 0xC00000C9, ERROR_UNREACHABLE, "NETWORK_NAME_DELETED",
          "the share was removed or closed on the file server" },
        { 0xC000020C, ERROR_UNREACHABLE, "CONNECTION_DISCONNECTED",
          "the file server lost the connection behind it" },
        { 0xC000018C, ERROR_DENIED, "TRUSTED_DOMAIN_FAILURE", "the trust between the domains failed; test it" },
        { 0xC000018D, ERROR_DENIED, "TRUSTED_RELATIONSHIP_FAILURE",
          "the file server's own trust in the domain is broken; repair it with Test-ComputerSecureChannel "
          "-Repair" },
        { 0xC00000B5, ERROR_TIMEOUT, "IO_TIMEOUT", "the file server's storage did not answer in time; check it" },
        { 0xC0000120, ERROR_CANCELLED, "CANCELLED", "the file server cancelled it" },
        { 0xC00000BB, ERROR_UNSUPPORTED, "NOT_SUPPORTED", "the file server cannot do this" },
        { 0xC0000010, ERROR_UNSUPPORTED, "INVALID_DEVICE_REQUEST",
          "the file server cannot do this on this file system" },
        { 0xC0000002, ERROR_UNSUPPORTED, "NOT_IMPLEMENTED", "the file server cannot do this" },
        { 0xC000000D, ERROR_INVALID, "INVALID_PARAMETER", "the file server finds a parameter invalid" },
        { 0xC0000023, ERROR_LIMIT, "BUFFER_TOO_SMALL", "the answer does not fit into the space asked for" },
        { 0x80000005, ERROR_LIMIT, "BUFFER_OVERFLOW", "the answer does not fit into the space asked for" },
        { 0xC00000A2, ERROR_DENIED, "MEDIA_WRITE_PROTECTED", "the file server's volume is read-only" },
        { 0xC0000121, ERROR_DENIED, "CANNOT_DELETE", "it is read-only or in use and cannot be deleted" },
        { 0xC0000101, ERROR_CONFLICT, "DIRECTORY_NOT_EMPTY", "the folder is not empty" },
        { 0xC0000102, ERROR_INTERNAL, "FILE_CORRUPT_ERROR",
          "the file server's file system is damaged; check it there" },
        { 0xC0000185, ERROR_INTERNAL, "IO_DEVICE_ERROR",
          "the file server's storage reports an I/O error; check it there" },
        { 0xC000019C, ERROR_UNREACHABLE, "FS_DRIVER_REQUIRED", "the file is offline on the file server" },
        { 0xC0000257, ERROR_UNSUPPORTED, "PATH_NOT_COVERED",
          "this is a DFS path that leads elsewhere; name the file server itself" },
};

int status_error(uint32_t status, const char *action, const char *object, Error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].status == status)
                        return error_set(err, rows[i].kind, (int)status, "cannot %s %s: %s (STATUS_%s)", action,
                                         object, rows[i].sentence, rows[i].name);
        return error_set(err, ERROR_INTERNAL, (int)status,
                         "cannot %s %s: the file server answered with error 0x%08X; look it up in the server's log",
                         action, object, status);
}
