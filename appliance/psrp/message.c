#include "appliance/psrp/message.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/text.h"
#include "appliance/command/object.h"

int message_begin(Sender *s, Clixml *c) {
        Error err = { 0 };
        if (clixml_begin(c, &err) == 0)
                return 0;
        *s->broken = true;
        return -1;
}

void message_send(Sender *s, MessageType type, Clixml *c) {
        auto_free char *text = NULL;
        Error err = { 0 };
        size_t size;
        static const PsrpGuid none;

        if (clixml_end(c, &text, &size, &err) < 0 ||
            outbox_put(&s->outbox, ++*s->next_object, (uint32_t)type,
                       type == MESSAGE_SESSION_CAPABILITY ? &none : &s->pool, &s->pipeline, text, size, &err) < 0)
                *s->broken = true;
        clixml_clear(c);
}

/* <Obj><MS> … </MS></Obj>, the shape of nearly all bodies. */
static int begin_notes(Sender *s, Clixml *c) {
        if (message_begin(s, c) < 0)
                return -1;
        clixml_object(c, NULL, NULL);
        clixml_open(c, "MS");
        return 0;
}

static void send_notes(Sender *s, MessageType type, Clixml *c) {
        clixml_close(c, "MS");
        clixml_object_end(c);
        message_send(s, type, c);
}

/* ---- the pool ---------------------------------------------------------------------------------------- */

void message_session_capability(Sender *s) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_plain(&c, "Version", "protocolversion", "2.3");
        clixml_plain(&c, "Version", "PSVersion", "2.0");
        clixml_plain(&c, "Version", "SerializationVersion", "1.1.0.1");
        send_notes(s, MESSAGE_SESSION_CAPABILITY, &c);
}

static void entry_open(Clixml *c, const char *key) {
        clixml_open(c, "En");
        clixml_string(c, "Key", key);
}

static void entry(Clixml *c, const char *key, const char *element, const char *value) {
        entry_open(c, key);
        clixml_plain(c, element, "Value", value);
        clixml_close(c, "En");
}

/* What clients read is PSVersion: from 5 on they send $using: values as a dictionary (Windows PowerShell's 5.1 is the
 * language we take a part of). */
void message_private_data(Sender *s) {
        static const char dictionary[] =
                "System.Management.Automation.PSPrimitiveDictionary,System.Collections.Hashtable,System.Object";
        static const char *const compatible[] = { "1.0", "2.0", "3.0", "4.0", "5.0", "5.1" };
        Clixml c;

        if (begin_notes(s, &c) < 0)
                return;
        clixml_object(&c, "ApplicationPrivateData", dictionary);
        clixml_open(&c, "DCT");
        entry_open(&c, "PSVersionTable");
        clixml_object(&c, "Value", dictionary);
        clixml_open(&c, "DCT");
        entry(&c, "PSVersion", "Version", "5.1.20348.1");
        entry(&c, "PSEdition", "S", "Desktop");
        entry(&c, "PSRemotingProtocolVersion", "Version", "2.3");
        entry(&c, "SerializationVersion", "Version", "1.1.0.1");
        entry(&c, "WSManStackVersion", "Version", "3.0");
        entry_open(&c, "PSCompatibleVersions");
        clixml_object(&c, "Value", "System.Version[],System.Array,System.Object");
        clixml_open(&c, "LST");
        for (size_t i = 0; i < ARRAY_SIZE(compatible); i++)
                clixml_plain(&c, "Version", NULL, compatible[i]);
        clixml_close(&c, "LST");
        clixml_object_end(&c);
        clixml_close(&c, "En");
        clixml_close(&c, "DCT");
        clixml_object_end(&c);
        clixml_close(&c, "En");
        clixml_close(&c, "DCT");
        clixml_object_end(&c);
        send_notes(s, MESSAGE_APPLICATION_PRIVATE_DATA, &c);
}

void message_pool_state(Sender *s, int32_t state) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_i32(&c, "RunspaceState", state);
        send_notes(s, MESSAGE_RUNSPACEPOOL_STATE, &c);
}

void message_init_data(Sender *s, int32_t min, int32_t max) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_i32(&c, "MinRunspaces", min);
        clixml_i32(&c, "MaxRunspaces", max);
        send_notes(s, MESSAGE_RUNSPACEPOOL_INIT_DATA, &c);
}

void message_availability_set(Sender *s, int64_t ci, bool done) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_boolean(&c, "SetMinMaxRunspacesResponse", done);
        clixml_i64(&c, "ci", ci);
        send_notes(s, MESSAGE_RUNSPACE_AVAILABILITY, &c);
}

void message_availability_count(Sender *s, int64_t ci, int32_t count) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_i32(&c, "SetMinMaxRunspacesResponse", count);
        clixml_i64(&c, "ci", ci);
        send_notes(s, MESSAGE_RUNSPACE_AVAILABILITY, &c);
}

void message_session_key(Sender *s, const char *base64) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_string(&c, "EncryptedSessionKey", base64);
        send_notes(s, MESSAGE_ENCRYPTED_SESSION_KEY, &c);
}

/* ---- records ------------------------------------------------------------------------------------------ */

void message_output(Sender *s, sd_json_variant *value) {
        Clixml c;
        if (message_begin(s, &c) < 0)
                return;
        clixml_value(&c, NULL, value, NULL);
        message_send(s, MESSAGE_PIPELINE_OUTPUT, &c);
}

static const char *field(sd_json_variant *record, const char *name) {
        const char *text = object_string(record, name);
        return text ? text : "";
}

/* ErrorCategory's numbers are its positions here. */
static int32_t category_number(const char *name) {
        static const char *const names[] = {
                "NotSpecified",        "OpenError",           "CloseError",       "DeviceError",
                "DeadlockDetected",    "InvalidArgument",     "InvalidData",      "InvalidOperation",
                "InvalidResult",       "InvalidType",         "MetadataError",    "NotImplemented",
                "NotInstalled",        "ObjectNotFound",      "OperationStopped", "OperationTimeout",
                "SyntaxError",         "ParserError",         "PermissionDenied", "ResourceBusy",
                "ResourceExists",      "ResourceUnavailable", "ReadError",        "WriteError",
                "FromStdErr",          "SecurityError",       "ProtocolError",    "ConnectionError",
                "AuthenticationError", "LimitsExceeded",      "QuotaExceeded",    "NotEnabled",
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], name) == 0)
                        return (int32_t)i;
        return 0;
}

/* The members of an ErrorRecord: .NET refuses one that lacks Exception, TargetObject, FullyQualifiedErrorId, an
 * ErrorCategory_… or SerializeExtendedInfo. */
static void put_error(Clixml *c, const char *name, sd_json_variant *record, bool written) {
        const char *exception = field(record, "Exception"), *target = field(record, "TargetName");
        const char *dot = strrchr(exception, '.'), *reason = dot ? dot + 1 : exception;
        char type[160], types[400], category[400];

        (void)snprintf(type, sizeof type, "%s%.100s", dot ? "" : "Microsoft.HyperV.PowerShell.", exception);
        (void)snprintf(types, sizeof types,
                       "%s,System.Management.Automation.RuntimeException,System.SystemException,System.Exception,"
                       "System.Object",
                       type);
        (void)snprintf(category, sizeof category, "%s: (%.200s%s) [%s], %s", field(record, "Category"), target,
                       *target ? ":String" : ":", field(record, "Activity"), reason);
        text_mend(category);
        clixml_object(c, name, "System.Management.Automation.ErrorRecord,System.Object");
        clixml_tostring(c, field(record, "Message"));
        clixml_open(c, "MS");
        if (written)
                clixml_boolean(c, "writeErrorStream", true);
        clixml_object(c, "Exception", types);
        clixml_tostring(c, field(record, "Message"));
        clixml_open(c, "Props");
        clixml_string(c, "Message", field(record, "Message"));
        clixml_nil(c, "InnerException");
        clixml_nil(c, "StackTrace");
        clixml_i32(c, "HResult", -2146233087);
        clixml_close(c, "Props");
        clixml_object_end(c);
        clixml_string(c, "TargetObject", *target ? target : NULL);
        clixml_string(c, "FullyQualifiedErrorId", field(record, "FullyQualifiedErrorId"));
        clixml_nil(c, "InvocationInfo");
        clixml_i32(c, "ErrorCategory_Category", category_number(field(record, "Category")));
        clixml_string(c, "ErrorCategory_Activity", field(record, "Activity"));
        clixml_string(c, "ErrorCategory_Reason", reason);
        clixml_string(c, "ErrorCategory_TargetName", target);
        clixml_string(c, "ErrorCategory_TargetType", *target ? "String" : "");
        clixml_string(c, "ErrorCategory_Message", category);
        clixml_boolean(c, "SerializeExtendedInfo", false);
        clixml_close(c, "MS");
        clixml_object_end(c);
}

void message_error(Sender *s, sd_json_variant *record, bool as_output) {
        Clixml c;
        if (message_begin(s, &c) < 0)
                return;
        put_error(&c, NULL, record, true);
        message_send(s, as_output ? MESSAGE_PIPELINE_OUTPUT : MESSAGE_ERROR_RECORD, &c);
}

void message_pipeline_state(Sender *s, PipelineState state, sd_json_variant *record) {
        Clixml c;
        if (begin_notes(s, &c) < 0)
                return;
        clixml_i32(&c, "PipelineState", (int32_t)state);
        if (record)
                put_error(&c, "ExceptionAsErrorRecord", record, false);
        send_notes(s, MESSAGE_PIPELINE_STATE, &c);
}

void message_text(Sender *s, MessageType type, const char *text) {
        const char *name = type == MESSAGE_WARNING_RECORD   ? "System.Management.Automation.WarningRecord"
                           : type == MESSAGE_VERBOSE_RECORD ? "System.Management.Automation.VerboseRecord"
                                                            : "System.Management.Automation.DebugRecord";
        char types[160];
        Clixml c;

        (void)snprintf(types, sizeof types, "%s,System.Management.Automation.InformationalRecord,System.Object",
                       name);
        if (message_begin(s, &c) < 0)
                return;
        clixml_object(&c, NULL, types);
        clixml_tostring(&c, text);
        clixml_open(&c, "MS");
        clixml_string(&c, "InformationalRecord_Message", text);
        clixml_boolean(&c, "InformationalRecord_SerializeInvocationInfo", false);
        clixml_close(&c, "MS");
        clixml_object_end(&c);
        message_send(s, type, &c);
}

/* Tagged PSHOST: words for the console, as what Write-Host says. */
void message_information(Sender *s, const char *text, const char *computer, bool shown) {
        char time_text[DATETIME_TEXT_SIZE];
        Clixml c;

        datetime_text(clock_us(CLOCK_REALTIME), time_text);
        if (message_begin(s, &c) < 0)
                return;
        clixml_object(&c, NULL, "System.Management.Automation.InformationRecord,System.Object");
        clixml_tostring(&c, text);
        clixml_open(&c, "Props");
        clixml_string(&c, "MessageData", text);
        clixml_string(&c, "Source", "Holdfast");
        clixml_plain(&c, "DT", "TimeGenerated", time_text);
        clixml_object(&c, "Tags", "System.Collections.Generic.List`1[[System.String]],System.Object");
        clixml_open(&c, "LST");
        clixml_string(&c, NULL, "PSHOST");
        if (shown)
                clixml_string(&c, NULL, "FORWARDED");
        clixml_close(&c, "LST");
        clixml_object_end(&c);
        clixml_string(&c, "User", "");
        clixml_string(&c, "Computer", computer);
        clixml_u32(&c, "ProcessId", (uint32_t)getpid());
        clixml_u32(&c, "NativeThreadId", 0);
        clixml_u32(&c, "ManagedThreadId", 0);
        clixml_close(&c, "Props");
        clixml_object_end(&c);
        message_send(s, MESSAGE_INFORMATION_RECORD, &c);
}

void message_put_progress(Clixml *c, sd_json_variant *record) {
        sd_json_variant *done = object_property(record, "Completed"),
                        *percent = object_property(record, "PercentComplete");
        bool completed = done && sd_json_variant_is_boolean(done) && sd_json_variant_boolean(done);
        int64_t part = percent && sd_json_variant_is_integer(percent) ? sd_json_variant_integer(percent) : -1;
        const char *activity = field(record, "Activity"), *status = field(record, "StatusDescription");

        clixml_object(c, NULL, "System.Management.Automation.PSCustomObject,System.Object");
        clixml_open(c, "MS");
        clixml_string(c, "Activity", *activity ? activity : "Working");
        clixml_i32(c, "ActivityId", 0);
        clixml_string(c, "StatusDescription", *status ? status : "Working");
        clixml_nil(c, "CurrentOperation");
        clixml_i32(c, "ParentActivityId", -1);
        clixml_i32(c, "PercentComplete", part < 0 || part > 100 ? -1 : (int32_t)part);
        clixml_enum(c, "Type", "System.Management.Automation.ProgressRecordType",
                    completed ? "Completed" : "Processing", completed);
        clixml_i32(c, "SecondsRemaining", -1);
        clixml_close(c, "MS");
        clixml_object_end(c);
}

void message_progress(Sender *s, sd_json_variant *record) {
        Clixml c;
        if (message_begin(s, &c) < 0)
                return;
        message_put_progress(&c, record);
        message_send(s, MESSAGE_PROGRESS_RECORD, &c);
}
