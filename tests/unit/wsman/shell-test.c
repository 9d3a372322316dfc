/* Shells as a client sees them: answers, faults and waiting, over a node that does what the test says. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/wsman/wsman.h"

#define TRANSFER "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
#define SHELL "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
#define CMD SHELL "/cmd"
#define ID "AAAAAAAA-0000-0000-0000-000000000001"
#define COMMAND "BBBBBBBB-0000-0000-0000-000000000001"

typedef struct Fixture {
        sd_event *event;
        Wsman *wsman;
        WsmanEvents events;             /* of the last run */
        unsigned runs, cancelled;
        bool paused;
        char session[32], text[256];
        unsigned answers, status;       /* of the last request */
        char *reply;
        WsmanWait *wait;
} Fixture;

static int run(void *userdata, const WsmanWork *work, const WsmanEvents *events, void **ret_call, Error *err) {
        Fixture *f = userdata;
        f->events = *events;
        f->runs++;
        (void)snprintf(f->session, sizeof f->session, "%s", work->session);
        (void)snprintf(f->text, sizeof f->text, "%s", work->text);
        *ret_call = f;
        return 0;
}

static void cancel(void *userdata, void *call) { ((Fixture *)userdata)->cancelled++; }
static void pause_call(void *userdata, void *call, bool paused) { ((Fixture *)userdata)->paused = paused; }

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        Error err = { 0 };
        const WsmanNode node = { .run = run, .cancel = cancel, .pause = pause_call, .userdata = f };
        if (sd_event_new(&f->event) < 0 || wsman_new(f->event, &node, &f->wsman, &err) < 0)
                fail_msg("%s", err.text);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        wsman_free(f->wsman);
        (void)sd_event_unref(f->event);
        free(f->reply);
        free(f);
        return 0;
}

static void answer(void *userdata, unsigned status, const char *text, size_t size) {
        Fixture *f = userdata;
        f->answers++;
        f->status = status;
        f->wait = NULL;
        free(f->reply);
        f->reply = strndup(text, size);
}

/* One request of @sid; the answer is in f->reply, or f->wait is set. */
static void ask_as(Fixture *f, const char *sid, const char *action, const char *resource, const char *shell,
                   const char *timeout, const char *body) {
        const WsmanCaller caller = { .user = "LAB\\anna", .sid = sid, .session = "handle", .origin = "192.0.2.1" };
        auto_free char *selector = text_format("<w:SelectorSet><w:Selector Name='ShellId'>%s</w:Selector></w:SelectorSet>", shell);
        auto_free char *xml = text_format(
                "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' "
                "xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' "
                "xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' xmlns:rsp='" SHELL "'><s:Header><a:Action>%s"
                "</a:Action><a:MessageID>uuid:Same-Bytes</a:MessageID><w:ResourceURI>%s</w:ResourceURI>"
                "<w:OperationTimeout>%s</w:OperationTimeout>%s</s:Header><s:Body>%s</s:Body></s:Envelope>",
                action, resource, timeout, *shell ? selector : "", body);
        WsmanWait *wait = NULL;
        unsigned before = f->answers;
        wsman_request(f->wsman, &caller, xml, strlen(xml), answer, f, &wait);
        f->wait = wait;
        assert_int_equal(f->answers - before, wait ? 0 : 1);
        if (!wait)
                assert_non_null(strstr(f->reply, "<a:RelatesTo>uuid:Same-Bytes</a:RelatesTo>"));
}

static void ask(Fixture *f, const char *action, const char *body) {
        ask_as(f, "S-1-5-21-1", action, CMD, ID, "PT5S", body);
}

static void expect(const Fixture *f, unsigned status, const char *piece) {
        if (f->status != status || !strstr(f->reply, piece))
                fail_msg("wanted %u with '%s', got %u: %s", status, piece, f->status, f->reply);
}

static void spin(Fixture *f, unsigned answers) {
        for (unsigned i = 0; i < 1000 && f->answers < answers; i++)
                (void)sd_event_run(f->event, 10000);
        assert_int_equal(f->answers, answers);
}

static void open_shell(Fixture *f) {
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell ShellId='" ID "'/>");
        expect(f, 200, "<w:Selector Name=\"ShellId\">" ID "</w:Selector>");
}

static void start_command(Fixture *f, const char *line) {
        auto_free char *body = text_format("<rsp:CommandLine CommandId='" COMMAND "'><rsp:Command>%s</rsp:Command></rsp:CommandLine>",
                                           line);
        ask(f, SHELL "/Command", body);
        expect(f, 200, "<rsp:CommandId>" COMMAND "</rsp:CommandId>");
}

#define RECEIVE "<rsp:Receive><rsp:DesiredStream CommandId='" COMMAND "'>stdout stderr</rsp:DesiredStream></rsp:Receive>"

static void say(Fixture *f, RecordStream stream, const char *text) {
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        assert_true(sd_json_variant_new_string(&value, text) >= 0);
        f->events.record(f->events.userdata, stream, value);
}

static void end(Fixture *f, const char *failure) {
        WsmanEnd how = { .had_errors = failure != NULL };
        if (failure)
                (void)error_set(&how.failure, ERROR_DENIED, 0, "%s", failure);
        f->events.ended(f->events.userdata, &how);
}

static void test_life(void **state) {
        Fixture *f = *state;

        open_shell(f);
        assert_int_equal(wsman_shell_count(f->wsman), 1);
        start_command(f, "Get-VM");
        assert_string_equal(f->text, "Get-VM");
        assert_string_equal(f->session, "handle");
        unsigned answers = f->answers;
        ask(f, SHELL "/Receive", RECEIVE);
        assert_non_null(f->wait);               /* nothing yet */
        say(f, STREAM_OUTPUT, "web01");
        end(f, NULL);
        spin(f, answers + 1);
        expect(f, 200, ">d2ViMDENCg==</rsp:Stream>");           /* "web01\r\n" */
        ask(f, SHELL "/Receive", RECEIVE);      /* the rest fitted into one reply, so this is the end again */
        expect(f, 200, "CommandState/Done\"><rsp:ExitCode>0</rsp:ExitCode>");
        expect(f, 200, "<rsp:Stream Name=\"stderr\" CommandId=\"" COMMAND "\" End=\"true\"/>");
        ask(f, SHELL "/Signal", "<rsp:Signal CommandId='" COMMAND "'><rsp:Code>" SHELL "/signal/Terminate</rsp:Code></rsp:Signal>");
        expect(f, 200, "SignalResponse");
        ask(f, SHELL "/Receive", RECEIVE);
        expect(f, 500, "Code=\"2150858843\"");
        ask(f, TRANSFER "Delete", "");
        expect(f, 200, "<s:Body></s:Body>");
        assert_int_equal(wsman_shell_count(f->wsman), 0);
        assert_int_equal(f->cancelled, 0);
}

/* "exit N" is the exit code, whatever else happened; else an error makes it 1. */
static void test_exit(void **state) {
        static const struct { const char *exit, *code; bool fails; } rows[] = {
                { "{\"Exit\":3}", "<rsp:ExitCode>3</rsp:ExitCode>", true },
                { "{\"Exit\":0}", "<rsp:ExitCode>0</rsp:ExitCode>", true },
                { "{\"Exit\":-1}", "<rsp:ExitCode>4294967295</rsp:ExitCode>", false },
                { "{\"Variable\":\"x\",\"Value\":1}", "<rsp:ExitCode>0</rsp:ExitCode>", false },
                { "{\"Exit\":\"3\"}", "<rsp:ExitCode>1</rsp:ExitCode>", true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                Fixture *f = *state;
                open_shell(f);
                start_command(f, "exit");
                assert_true(sd_json_parse(rows[i].exit, 0, &value, NULL, NULL) >= 0);
                f->events.record(f->events.userdata, STREAM_STATE, value);
                f->events.ended(f->events.userdata, &(WsmanEnd){ .had_errors = rows[i].fails });
                ask(f, SHELL "/Receive", RECEIVE);
                expect(f, 200, rows[i].code);
                ask(f, TRANSFER "Delete", "");
        }
}

static void test_time_out(void **state) {
        Fixture *f = *state;
        open_shell(f);
        start_command(f, "Get-VM");
        unsigned answers = f->answers;
        ask_as(f, "S-1-5-21-1", SHELL "/Receive", CMD, ID, "PT0.05S", RECEIVE);
        assert_non_null(f->wait);
        spin(f, answers + 1);
        expect(f, 500, "Code=\"2150858793\"");
        expect(f, 500, "w:TimedOut");
}

static void test_failure(void **state) {
        Fixture *f = *state;
        open_shell(f);
        start_command(f, "powershell -Command Get-VM");
        end(f, "The sign-in has ended; connect again.");
        ask(f, SHELL "/Receive", RECEIVE);
        expect(f, 200, "<rsp:ExitCode>1</rsp:ExitCode>");
        expect(f, 200, "<rsp:Stream Name=\"stderr\" CommandId=\"" COMMAND "\">IzwgQ0xJWE1M"); /* "#< CLIXML" */
}

static void test_stop(void **state) {
        Fixture *f = *state;
        open_shell(f);
        start_command(f, "Move-VM");
        ask(f, SHELL "/Signal", "<rsp:Signal CommandId='" COMMAND "'><rsp:Code>" SHELL "/signal/ctrl_c</rsp:Code></rsp:Signal>");
        expect(f, 200, "SignalResponse");
        assert_int_equal(f->cancelled, 1);
        ask(f, SHELL "/Receive", RECEIVE);
        expect(f, 200, "CommandState/Done");
        start_command(f, "Get-VM");             /* the same id once more: Delete stops what still runs */
        ask(f, TRANSFER "Delete", "");
        assert_int_equal(f->cancelled, 2);
}

/* Somebody else's shell does not exist. */
static void test_strangers(void **state) {
        Fixture *f = *state;
        open_shell(f);
        static const char *const tries[] = { SHELL "/Command", SHELL "/Receive", SHELL "/Signal", SHELL "/Send",
                                             TRANSFER "Delete", SHELL "/Connect", SHELL "/Disconnect" };
        for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
                ask_as(f, "S-1-5-21-2", tries[i], CMD, ID, "PT1S", "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>");
                expect(f, 500, "Code=\"2150858843\"");
        }
        assert_int_equal(f->runs, 0);
        ask_as(f, "S-1-5-21-2", "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate", SHELL, "", "PT1S", "");
        expect(f, 200, "<w:Items></w:Items>");
        ask_as(f, "S-1-5-21-2", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell ShellId='" ID "'/>");
        expect(f, 500, "already");
}

static void test_quotas(void **state) {
        Fixture *f = *state;
        for (unsigned i = 0; i < WSMAN_SHELLS_USER_MAX; i++) {
                ask_as(f, "S-1-5-21-1", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell/>");
                expect(f, 200, "ResourceCreated");
        }
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell/>");
        expect(f, 500, "Code=\"2150859173\"");
        ask_as(f, "S-1-5-21-2", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell ShellId='" ID "'/>");
        expect(f, 200, "ResourceCreated");
        for (unsigned i = 0; i < WSMAN_COMMANDS_MAX; i++)
                ask_as(f, "S-1-5-21-2", SHELL "/Command", CMD, ID, "PT5S", "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>");
        expect(f, 200, "CommandResponse");
        ask_as(f, "S-1-5-21-2", SHELL "/Command", CMD, ID, "PT5S", "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>");
        expect(f, 500, "Code=\"2150859174\"");
}

/* A client that does not fetch makes the command wait. */
static void test_slow_client(void **state) {
        Fixture *f = *state;
        char line[8192];
        open_shell(f);
        start_command(f, "Get-VM");
        memset(line, 'x', sizeof line - 1);
        line[sizeof line - 1] = '\0';
        for (unsigned i = 0; i < 1000 && !f->paused; i++)
                say(f, STREAM_INFORMATION, line);
        assert_true(f->paused);
        for (unsigned i = 0; i < 10 && f->paused; i++)
                ask(f, SHELL "/Receive", RECEIVE);
        assert_false(f->paused);
        end(f, NULL);
}

static void test_not_ours(void **state) {
        Fixture *f = *state;
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", "http://schemas.microsoft.com/wbem/wsman/1/wmi/x", "", "PT5S", "<rsp:Shell/>");
        expect(f, 500, "Code=\"2150858752\"");
        ask_as(f, "S-1-5-21-1", TRANSFER "Get", "http://schemas.microsoft.com/wbem/wsman/1/config", "", "PT5S", "");
        expect(f, 200, "<cfg:MaxEnvelopeSizekb>512</cfg:MaxEnvelopeSizekb>");
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", "http://schemas.microsoft.com/powershell/Microsoft.PowerShell", "", "PT5S",
               "<rsp:Shell ShellId='" ID "'><creationXml xmlns='http://schemas.microsoft.com/powershell'>AAAA</creationXml></rsp:Shell>");
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", CMD, "", "PT5S", "<rsp:Shell><rsp:WorkingDirectory>C:</rsp:WorkingDirectory></rsp:Shell>");
        expect(f, 500, "WorkingDirectory is not supported");
        ask(f, TRANSFER "Delete", "");          /* whatever became of it, nothing is left */
        assert_int_equal(wsman_shell_count(f->wsman), 0);
}

/* Windows asks for compression: replies are stored blocks, 6 - 1 bytes here. */
static void test_compressed(void **state) {
        Fixture *f = *state;
        ask_as(f, "S-1-5-21-1", TRANSFER "Create", CMD "</w:ResourceURI><rsp:CompressionType>xpress</rsp:CompressionType><w:ResourceURI>",
               "", "PT5S", "<rsp:Shell ShellId='" ID "'/>");
        expect(f, 200, "<rsp:CompressionMode>XpressCompression</rsp:CompressionMode>");
        start_command(f, "Get-VM");
        say(f, STREAM_OUTPUT, "web1");
        end(f, NULL);
        ask(f, SHELL "/Receive", RECEIVE);
        expect(f, 200, ">BQAFAHdlYjENCg==</rsp:Stream>");       /* 05 00 05 00 "web1\r\n" */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_exit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_time_out, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_quotas, setup, teardown),
                cmocka_unit_test_setup_teardown(test_slow_client, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
                cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
