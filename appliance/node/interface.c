#include "appliance/node/interface.h"

#include <systemd/sd-varlink.h>

static SD_VARLINK_DEFINE_ENUM_TYPE(Stream,
        SD_VARLINK_FIELD_COMMENT("An object as JSON with $type, or a plain value"),
        SD_VARLINK_DEFINE_ENUM_VALUE(output),
        SD_VARLINK_FIELD_COMMENT("A PowerShell error record"),
        SD_VARLINK_DEFINE_ENUM_VALUE(error),
        SD_VARLINK_DEFINE_ENUM_VALUE(warning),
        SD_VARLINK_DEFINE_ENUM_VALUE(verbose),
        SD_VARLINK_DEFINE_ENUM_VALUE(information),
        SD_VARLINK_FIELD_COMMENT("Activity, StatusDescription, PercentComplete, Completed"),
        SD_VARLINK_DEFINE_ENUM_VALUE(progress),
        SD_VARLINK_FIELD_COMMENT("Variable and Value: the text set it; Exit: it ended with this code"),
        SD_VARLINK_DEFINE_ENUM_VALUE(state));

static SD_VARLINK_DEFINE_STRUCT_TYPE(SecretNeed,
        SD_VARLINK_FIELD_COMMENT("The key under which Run.Secrets must hold the password"),
        SD_VARLINK_DEFINE_FIELD(Key, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(Command, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(Parameter, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(UserName, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD_FULL(Run, SD_VARLINK_REQUIRES_MORE,
        SD_VARLINK_FIELD_COMMENT("Commands in PowerShell's grammar, at most 1 MiB"),
        SD_VARLINK_DEFINE_INPUT(Pipeline, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Columns of the caller's terminal, 0 or absent: no limit"),
        SD_VARLINK_DEFINE_INPUT(Width, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Values of the variables in Pipeline, by their names without $"),
        SD_VARLINK_DEFINE_INPUT(Variables, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("What is piped into the first command; a plain x as {\"$value\": x}"),
        SD_VARLINK_DEFINE_INPUT(Input, SD_VARLINK_OBJECT, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Passwords by the keys that the error SecretsNeeded gave"),
        SD_VARLINK_DEFINE_INPUT(Secrets, SD_VARLINK_STRING, SD_VARLINK_MAP | SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(Stream, Stream, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The record; a string, number or boolean x comes as {\"$value\": x}"),
        SD_VARLINK_DEFINE_OUTPUT(Value, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("In the last reply only"),
        SD_VARLINK_DEFINE_OUTPUT(Done, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(HadErrors, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Nothing ran: the text could not be parsed or its arguments not be bound"),
        SD_VARLINK_DEFINE_OUTPUT(Refused, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_ERROR(SecretsNeeded,
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(Secrets, SecretNeed, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_ERROR(Busy,
        SD_VARLINK_DEFINE_FIELD(Message, SD_VARLINK_STRING, 0));

SD_VARLINK_DEFINE_INTERFACE(
        io_holdfast_Node, "io.holdfast.Node",
        SD_VARLINK_INTERFACE_COMMENT("Holdfast: virtual machines of this host, by Hyper-V's PowerShell commands"),
        SD_VARLINK_SYMBOL_COMMENT("Where a record belongs"), &vl_type_Stream,
        SD_VARLINK_SYMBOL_COMMENT("A password that a PSCredential parameter needs"), &vl_type_SecretNeed,
        SD_VARLINK_SYMBOL_COMMENT(
                "Runs commands; one reply per record, then one with Done.  Closing the connection "
                "cancels."),
        &vl_method_Run, SD_VARLINK_SYMBOL_COMMENT("Nothing ran yet: call again with these secrets"),
        &vl_error_SecretsNeeded, SD_VARLINK_SYMBOL_COMMENT("Too much runs already; nothing was done"),
        &vl_error_Busy);
