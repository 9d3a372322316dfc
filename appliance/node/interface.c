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
        SD_VARLINK_DEFINE_ENUM_VALUE(state),
        SD_VARLINK_FIELD_COMMENT("Id, Message: a question that waits for Answer; only when Interactive was said"),
        SD_VARLINK_DEFINE_ENUM_VALUE(prompt));

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
        SD_VARLINK_FIELD_COMMENT("The handle SignIn gave: run as that caller; the gateway must, nobody else may"),
        SD_VARLINK_DEFINE_INPUT(Session, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The address a person came from by SSH, for the record; on that socket only, and there it must be"),
        SD_VARLINK_DEFINE_INPUT(Origin, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Another host's word on who asks: Sid, Role, Origin; over the channel of that host only"),
        SD_VARLINK_DEFINE_INPUT(Vouched, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The caller can be asked: a command may send a prompt and wait for Answer"),
        SD_VARLINK_DEFINE_INPUT(Interactive, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The session whose jobs the commands see and begin: 32 to 64 characters that nobody else can "
                                 "guess, the caller's own choice; absent: one of this call"),
        SD_VARLINK_DEFINE_INPUT(Runspace, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(Stream, Stream, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The record; a string, number or boolean x comes as {\"$value\": x}"),
        SD_VARLINK_DEFINE_OUTPUT(Value, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("In the last reply only"),
        SD_VARLINK_DEFINE_OUTPUT(Done, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(HadErrors, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Nothing ran: the text could not be parsed or its arguments not be bound"),
        SD_VARLINK_DEFINE_OUTPUT(Refused, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Runspace has jobs: who wants to keep them calls Hold within five seconds"),
        SD_VARLINK_DEFINE_OUTPUT(Jobs, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(Answer,
        SD_VARLINK_FIELD_COMMENT("As the prompt gave it"),
        SD_VARLINK_DEFINE_INPUT(Id, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("0 yes, 1 yes to all, 2 no, 3 no to all; -1 nobody could be asked"),
        SD_VARLINK_DEFINE_INPUT(Choice, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(Hold,
        SD_VARLINK_FIELD_COMMENT("As Run's"),
        SD_VARLINK_DEFINE_INPUT(Runspace, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Whether there is anything to keep"),
        SD_VARLINK_DEFINE_OUTPUT(Jobs, SD_VARLINK_BOOL, 0));

static SD_VARLINK_DEFINE_ERROR(QuestionUnknown);

static SD_VARLINK_DEFINE_METHOD(SignIn,
        SD_VARLINK_FIELD_COMMENT("A SPNEGO or Kerberos token, base64"),
        SD_VARLINK_DEFINE_INPUT(Token, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("What the caller's TLS connection is known by (RFC 5929), base64"),
        SD_VARLINK_DEFINE_INPUT(Binding, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The caller's address, for the record"),
        SD_VARLINK_DEFINE_INPUT(Origin, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("False: send Token to the caller and bring its next one on this connection"),
        SD_VARLINK_DEFINE_OUTPUT(Done, SD_VARLINK_BOOL, 0),
        SD_VARLINK_DEFINE_OUTPUT(Token, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("For gss_import_sec_context()"),
        SD_VARLINK_DEFINE_OUTPUT(Context, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("For Run; ends with this connection, or after Lifetime seconds"),
        SD_VARLINK_DEFINE_OUTPUT(Session, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(User, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(UserId, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(Role, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT(Lifetime, SD_VARLINK_INT, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_ERROR(SignInRefused,
        SD_VARLINK_FIELD_COMMENT("Denied, Protocol, Unreachable …"),
        SD_VARLINK_DEFINE_FIELD(Kind, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(Message, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_ERROR(SessionUnknown);

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
        &vl_method_Run,
        SD_VARLINK_SYMBOL_COMMENT("Answers a prompt of a Run, on another connection of the same kind"),
        &vl_method_Answer, SD_VARLINK_SYMBOL_COMMENT("No such question waits (any more)"),
        &vl_error_QuestionUnknown,
        SD_VARLINK_SYMBOL_COMMENT("Keeps a session and its jobs until the last connection that holds it is closed"),
        &vl_method_Hold,
        SD_VARLINK_SYMBOL_COMMENT("The gateway brings a remote caller's token; holdfastd decides who that is"),
        &vl_method_SignIn, SD_VARLINK_SYMBOL_COMMENT("Not who it should be, or without a role here"),
        &vl_error_SignInRefused, SD_VARLINK_SYMBOL_COMMENT("No such handle, or it has expired: sign in again"),
        &vl_error_SessionUnknown, SD_VARLINK_SYMBOL_COMMENT("Nothing ran yet: call again with these secrets"),
        &vl_error_SecretsNeeded, SD_VARLINK_SYMBOL_COMMENT("Too much runs already; nothing was done"),
        &vl_error_Busy);
