/* A runspace pool from end to end: a client's bytes in, the commands of tests/unit/command/fixture.c behind it, and what
 * comes out as one line per message. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/command/batch.h"
#include "appliance/psrp/clixml-read.h"
#include "appliance/psrp/message.h"
#include "appliance/psrp/psrp.h"
#include "tests/unit/command/fixture.h"

DEFINE_FREEP(Batch, batch_free);

typedef struct Asked {                  /* a run the pool wants */
        char *text, *variables, *input;
        uint64_t run;
        bool cancelled, paused;
} Asked;

typedef struct Client {
        PsrpPool *pool;
        uint64_t object;
        Asked asked;
        unsigned runs;
        FragmentReader readers[2];      /* of the pool, of a pipeline */
} Client;

static const PsrpGuid pool_id = { { 0xAA } }, pipe_id = { { 0xBB } };

static int on_run(void *userdata, PsrpPool *pool, uint64_t run, const PsrpWork *work, Error *err) {
        Client *c = userdata;
        c->asked = (Asked){ .text = strdup(work->text), .run = run };
        c->runs++;
        if (work->variables)
                assert_true(sd_json_variant_format(work->variables, 0, &c->asked.variables) >= 0);
        if (work->input)
                assert_true(sd_json_variant_format(work->input, 0, &c->asked.input) >= 0);
        return strstr(work->text, "Unreachable") ? error_set(err, ERROR_UNREACHABLE, 0, "nobody there") : 0;
}

static void on_cancel(void *userdata, PsrpPool *pool, uint64_t run) { ((Client *)userdata)->asked.cancelled = true; }
static void on_pause(void *userdata, PsrpPool *pool, uint64_t run, bool paused) {
        ((Client *)userdata)->asked.paused = paused;
}

static void forget(Client *c) {
        free(c->asked.text);
        free(c->asked.variables);
        free(c->asked.input);
        c->asked = (Asked){ 0 };
}

static void client_start(Client *c) {
        const PsrpTransport transport = { 0 };
        const PsrpRunner runner = { .run = on_run, .cancel = on_cancel, .pause = on_pause, .userdata = c };
        Error err = { 0 };
        *c = (Client){ 0 };
        assert_int_equal(psrp_pool_new(&transport, &runner, &c->pool, &err), 0);
}

static void client_end(Client *c) {
        psrp_pool_free(c->pool);
        forget(c);
        for (size_t i = 0; i < 2; i++)
                fragment_reader_clear(&c->readers[i]);
}

/* Sends one message in fragments of 100 bytes. */
static int say(Client *c, const PsrpGuid *pipeline, MessageType type, const char *clixml, Error *err) {
        auto_(outbox_clear) Outbox out = { 0 };
        uint8_t fragment[100];
        bool first = true;
        int r = 0;

        assert_int_equal(outbox_put(&out, ++c->object, (uint32_t)type, &pool_id, pipeline ? pipeline : &(PsrpGuid){ 0 },
                                    clixml, strlen(clixml), err), 0);
        for (size_t size; r == 0 && (size = outbox_take(&out, fragment, sizeof fragment)) > 0; first = false) {
                if (first)
                        fragment[PSRP_FRAGMENT_HEAD] = 2;       /* to the server */
                r = psrp_receive(c->pool, pipeline, PSRP_STDIN, fragment, size, err);
        }
        return r;
}

static void must(Client *c, const PsrpGuid *pipeline, MessageType type, const char *clixml) {
        Error err = { 0 };
        if (say(c, pipeline, type, clixml, &err) < 0)
                fail_msg("%08x: %s", (unsigned)type, err.text);
}

static int put(void *sink, RecordStream stream, sd_json_variant *record, Error *err) {
        Client *c = sink;
        psrp_record(c->pool, c->asked.run, stream, record);
        return 0;
}

/* Does what the pool asked for, as holdfastd would. */
static void work(Client *c) {
        auto_(sd_json_variant_unrefp) sd_json_variant *variables = NULL, *input = NULL;
        auto_(batch_freep) Batch *batch = NULL;
        ErrorRecord record = { 0 };
        PsrpEnd end = { 0 };

        if (!c->asked.text || c->asked.cancelled)
                return;
        if (c->asked.variables)
                assert_true(sd_json_parse(c->asked.variables, 0, &variables, NULL, NULL) >= 0);
        if (c->asked.input)
                assert_true(sd_json_parse(c->asked.input, 0, &input, NULL, NULL) >= 0);
        if (input) {                    /* as holdfastd does */
                auto_(sd_json_variant_unrefp) sd_json_variant *plain = NULL;
                for (size_t i = 0; i < sd_json_variant_elements(input); i++)
                        assert_true(sd_json_variant_append_array(&plain, sd_json_variant_by_key(sd_json_variant_by_index(input, i), "$value")) >= 0);
                (void)sd_json_variant_unref(input);
                input = take_ptr(plain);
        }
        const BatchText source = { .text = c->asked.text, .variables = variables, .has_input = input,
                                   .role = ROLE_ADMINISTRATOR };
        const BatchRun how = { .caller = "root", .input = input, .record = put, .sink = c };
        if (batch_new(&fixture_table, &source, &batch, &record) == 0) {
                (void)batch_run(batch, &how);
        } else {
                auto_(sd_json_variant_unrefp) sd_json_variant *json = record_json(&record);
                psrp_record(c->pool, c->asked.run, STREAM_ERROR, json);
                end.refused = true;
        }
        psrp_ended(c->pool, c->asked.run, &end);
}

static const char *name_of(uint32_t type) {
        static const struct { uint32_t type; const char *name; } names[] = {
                { MESSAGE_SESSION_CAPABILITY, "capability" },  { MESSAGE_APPLICATION_PRIVATE_DATA, "private" },
                { MESSAGE_RUNSPACEPOOL_STATE, "pool" },        { MESSAGE_RUNSPACE_AVAILABILITY, "available" },
                { MESSAGE_RUNSPACEPOOL_INIT_DATA, "init" },    { MESSAGE_PIPELINE_OUTPUT, "output" },
                { MESSAGE_ERROR_RECORD, "error" },             { MESSAGE_PIPELINE_STATE, "state" },
                { MESSAGE_WARNING_RECORD, "warning" },         { MESSAGE_VERBOSE_RECORD, "verbose" },
                { MESSAGE_INFORMATION_RECORD, "information" }, { MESSAGE_PROGRESS_RECORD, "progress" },
                { MESSAGE_PIPELINE_HOST_CALL, "host" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i].type == type)
                        return names[i].name;
        return "?";
}

static sd_json_variant *field(sd_json_variant *value, const char *name) {
        return value && sd_json_variant_is_object(value) ? sd_json_variant_by_key(value, name) : NULL;
}

static void put_field(FILE *to, sd_json_variant *value, const char *name) {
        auto_free char *text = NULL;
        sd_json_variant *f = field(value, name);
        if (f && sd_json_variant_format(f, 0, &text) >= 0)
                (void)fprintf(to, " %s=%s", name, text);
}

/* The parts of a message that tests look at; strings whole. */
static void put_message(FILE *to, const Message *m) {
        static const char *const fields[] = { "RunspaceState", "PipelineState", "Name", "Count", "State", "FullyQualifiedErrorId",
                                              "InformationalRecord_Message", "MessageData", "Activity", "mi", "mp", "protocolversion",
                                              "SetMinMaxRunspacesResponse", "MinRunspaces", "MaxRunspaces", "ci" };
        auto_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        auto_free char *text = NULL;
        Error err = { 0 };

        if (clixml_read(m->data, m->size, &value, &err) < 0)
                fail_msg("%s: %s", name_of(m->type), err.text);
        (void)fprintf(to, "%s", name_of(m->type));
        if (!sd_json_variant_is_object(value)) {
                assert_true(sd_json_variant_format(value, 0, &text) >= 0);
                (void)fprintf(to, " %s", text);
        }
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                put_field(to, value, fields[i]);
        put_field(to, field(value, "ExceptionAsErrorRecord"), "FullyQualifiedErrorId");
        (void)fputc('\n', to);
}

/* Everything that waits for the pool or the pipeline. */
static char *taken(Client *c, const PsrpGuid *pipeline) {
        uint8_t fragment[512];
        char *text = NULL;
        size_t size = 0, part;
        FILE *to = open_memstream(&text, &size);

        while ((part = psrp_take(c->pool, pipeline, fragment, sizeof fragment)) > 0) {
                Span bytes = { fragment, part };
                Message m;
                Error err = { 0 };
                int r = fragment_read(&c->readers[pipeline != NULL], &bytes, &m, &err);
                if (r < 0)
                        fail_msg("%s", err.text);
                if (r == 1)
                        put_message(to, &m);
        }
        (void)fclose(to);
        return text;
}

#define CAPABILITY \
        "<Obj RefId=\"0\"><MS><Version N=\"protocolversion\">2.3</Version><Version N=\"PSVersion\">2.0</Version>" \
        "<Version N=\"SerializationVersion\">1.1.0.1</Version></MS></Obj>"
#define INIT \
        "<Obj RefId=\"0\"><MS><I32 N=\"MinRunspaces\">1</I32><I32 N=\"MaxRunspaces\">3</I32><Obj N=\"HostInfo\"><MS>" \
        "<B N=\"_isHostNull\">false</B></MS></Obj></MS></Obj>"

static void client_open(Client *c) {
        auto_free char *answer = NULL;
        client_start(c);
        must(c, NULL, MESSAGE_SESSION_CAPABILITY, CAPABILITY);
        must(c, NULL, MESSAGE_INIT_RUNSPACEPOOL, INIT);
        answer = taken(c, NULL);
        assert_string_equal(answer, "capability protocolversion=\"2.3\"\nprivate\npool RunspaceState=2\n");
        assert_true(psrp_pool_is_open(c->pool));
}

static void test_pool(void **state) {
        auto_(client_end) Client c;
        auto_free char *first = NULL, *second = NULL;
        uint8_t *connect = NULL;
        size_t size;
        Error err = { 0 };

        client_open(&c);
        must(&c, NULL, MESSAGE_GET_AVAILABLE_RUNSPACES, "<Obj><MS><I64 N=\"ci\">1</I64></MS></Obj>");
        must(&c, NULL, MESSAGE_SET_MAX_RUNSPACES, "<Obj><MS><I32 N=\"MaxRunspaces\">5</I32><I64 N=\"CI\">2</I64></MS></Obj>");
        must(&c, NULL, MESSAGE_SET_MIN_RUNSPACES, "<Obj><MS><I32 N=\"MinRunspaces\">6</I32><I64 N=\"CI\">3</I64></MS></Obj>");
        must(&c, NULL, MESSAGE_RESET_RUNSPACE_STATE, "<Obj><MS><I64 N=\"ci\">4</I64></MS></Obj>");
        first = taken(&c, NULL);
        assert_string_equal(first, "available SetMinMaxRunspacesResponse=3 ci=1\navailable SetMinMaxRunspacesResponse=true ci=2\n"
                                   "available SetMinMaxRunspacesResponse=false ci=3\navailable SetMinMaxRunspacesResponse=true ci=4\n");
        /* another client takes over */
        uint8_t bytes[400];
        size_t at = 0;
        auto_(outbox_clear) Outbox out = { 0 };
        assert_int_equal(outbox_put(&out, 1, MESSAGE_SESSION_CAPABILITY, &pool_id, &(PsrpGuid){ 0 }, "<S/>", 4, &err), 0);
        assert_int_equal(outbox_put(&out, 2, MESSAGE_CONNECT_RUNSPACEPOOL, &pool_id, &(PsrpGuid){ 0 }, "<S/>", 4, &err), 0);
        while (out.first)
                at += outbox_take(&out, bytes + at, sizeof bytes - at);
        assert_int_equal(psrp_connect(c.pool, bytes, at, &connect, &size, &err), 0);
        assert_true(size > 100);
        free(connect);
        second = taken(&c, NULL);
        assert_string_equal(second, "private\n");
}

static const struct { const char *why; MessageType type; const char *xml, *says; bool opened; } wrong[] = {
        { "not negotiated", MESSAGE_INIT_RUNSPACEPOOL, INIT, "out of turn", false },
        { "another protocol", MESSAGE_SESSION_CAPABILITY, "<Obj><MS><Version N=\"protocolversion\">3.0</Version></MS></Obj>", "3.0", false },
        { "before the pool is open", MESSAGE_GET_AVAILABLE_RUNSPACES, "<Obj><MS/></Obj>", "before the pool was open", false },
        { "negotiates twice", MESSAGE_SESSION_CAPABILITY, CAPABILITY, "second time", true },
        { "opens twice", MESSAGE_INIT_RUNSPACEPOOL, INIT, "out of turn", true },
        { "a server's message", MESSAGE_RUNSPACEPOOL_STATE, "<S/>", "00021005 is none a client may send", true },
        { "a pipeline's message", MESSAGE_CREATE_PIPELINE, "<S/>", "00021006 is none", true },
        { "no CLIXML", MESSAGE_PUBLIC_KEY, "<Foo/>", "message 00010005", true },
};

static void test_wrong(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                auto_(client_end) Client c;
                Error err = { 0 };
                if (wrong[i].opened)
                        client_open(&c);
                else
                        client_start(&c);
                if (say(&c, NULL, wrong[i].type, wrong[i].xml, &err) != -1 || !strstr(err.text, wrong[i].says))
                        fail_msg("%s: '%s'", wrong[i].why, err.text);
        }
}

/* ---- pipelines -------------------------------------------------------------------------------------------- */

#define ARG(n, v) "<Obj><MS>" n v "</MS></Obj>"
#define NAMED(name, v) ARG("<S N=\"N\">" name "</S>", v)
#define PLACED(v) ARG("<Nil N=\"N\"/>", v)
#define CMD(name, script, args, more) \
        "<Obj><MS><S N=\"Cmd\">" name "</S><B N=\"IsScript\">" script "</B><Obj N=\"Args\"><LST>" args "</LST></Obj>" more "</MS></Obj>"
#define PIPE(commands, more) \
        "<Obj><MS><B N=\"NoInput\">true</B>" more "<Obj N=\"PowerShell\"><MS><Obj N=\"Cmds\"><LST>" commands \
        "</LST></Obj></MS></Obj></MS></Obj>"
#define NO_HOST "<Obj N=\"HostInfo\"><MS><B N=\"_isHostNull\">true</B></MS></Obj>"
#define POOL_HOST "<Obj N=\"HostInfo\"><MS><B N=\"_isHostNull\">true</B><B N=\"_useRunspaceHost\">true</B></MS></Obj>"
#define EXTRA(statements) \
        "<Obj><MS><B N=\"NoInput\">true</B><Obj N=\"PowerShell\"><MS><Obj N=\"Cmds\"><LST>" CMD("Get-VM", "false", "", "") \
        "</LST></Obj><Obj N=\"ExtraCmds\"><LST>" statements "</LST></Obj></MS></Obj></MS></Obj>"
#define STATEMENT(commands) "<Obj><MS><Obj N=\"Cmds\"><LST>" commands "</LST></Obj></MS></Obj>"
#define COMPLETED "state PipelineState=4\n"

static const struct { const char *why, *xml, *text, *variables, *says; } pipelines[] = {
        { "a command", PIPE(CMD("Get-VM", "false", NAMED("Name", "<S N=\"V\">db01</S>"), ""), ""), "Get-VM -Name:'db01'", NULL,
          "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "converted from text, positional", PIPE(CMD("Get-VM", "false", NAMED("-Name", "<Nil N=\"V\"/>") PLACED("<S N=\"V\">db01</S>"), ""), ""),
          "Get-VM -Name 'db01'", NULL, "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "attached, in a module", PIPE(CMD("Hyper-V\\Get-VM", "false", NAMED("-Name: ", "<S N=\"V\">db01</S>"), ""), ""),
          "Get-VM -Name:'db01'", NULL, "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "a value is never code", PIPE(CMD("Get-VM", "false", NAMED("Name", "<S N=\"V\">x'; Get-VM '</S>"), ""), ""),
          "Get-VM -Name:'x''; Get-VM '''", NULL, "error FullyQualifiedErrorId=\"InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM\"\n" COMPLETED },
        { "a list", PIPE(CMD("Get-VM", "false", PLACED("<Obj N=\"V\"><LST><S>db01</S><S>web02</S></LST></Obj>"), ""), ""),
          "Get-VM $__1", "{\"__1\":[\"db01\",\"web02\"]}", "output Name=\"db01\" State=\"Off\"\noutput Name=\"web02\" State=\"Running\"\n" COMPLETED },
        { "an API's switch takes no value", PIPE(CMD("Get-VM", "false", "", "") CMD("Measure-Object", "false",
          NAMED("Sum", "<Nil N=\"V\"/>") PLACED("<S N=\"V\">CPUUsage</S>"), ""), ""), "Get-VM | Measure-Object 'CPUUsage' -Sum", NULL,
          "output Count=3\n" COMPLETED },
        { "several statements", EXTRA(STATEMENT(CMD("Get-VM", "false", PLACED("<S N=\"V\">db01</S>"), "")) STATEMENT(CMD("Get-VM", "false",
          PLACED("<S N=\"V\">web02</S>"), ""))), "Get-VM 'db01'\nGet-VM 'web02'", NULL,
          "output Name=\"db01\" State=\"Off\"\noutput Name=\"web02\" State=\"Running\"\n" COMPLETED },
        { "a script", PIPE(CMD("Get-VM db01", "true", "", ""), ""), "Get-VM db01", NULL, "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "its values", PIPE(CMD("Get-VM $using:n", "true", NAMED("--%", "<Obj N=\"V\"><DCT><En><S N=\"Key\">JAB1AHMAaQBuAGcAOgBuAA==</S>"
          "<S N=\"Value\">db01</S></En></DCT></Obj>"), ""), ""), "Get-VM $using:n", "{\"using:n\":\"db01\"}", "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "its arguments", PIPE(CMD("Get-VM $args[0]", "true", PLACED("<S N=\"V\">db01</S>"), ""), ""), "Get-VM $args[0]", "{\"args\":[\"db01\"]}",
          "output Name=\"db01\" State=\"Off\"\n" COMPLETED },
        { "an unknown command fails", PIPE(CMD("Get-Foo", "false", "", ""), ""), "Get-Foo", NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"CommandNotFoundException\"\n" },
        { "a command that is none", PIPE(CMD("Get-VM; x", "false", "", ""), ""), NULL, NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"CommandNotFoundException\"\n" },
        { "no commands", "<Obj><MS/></Obj>", NULL, NULL, "state PipelineState=5 FullyQualifiedErrorId=\"InvalidPipeline\"\n" },
        { "nobody to ask", PIPE(CMD("Unreachable", "false", "", ""), ""), "Unreachable", NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"Unreachable,Microsoft.PowerShell.Commands.HoldfastCommand\"\n" },
        { "a secret without keys", PIPE(CMD("Move-VM", "false", NAMED("Credential", "<Obj N=\"V\" RefId=\"9\"><TN RefId=\"9\"><T>System.Management.Automation.PSCredential</T></TN>"
          "<Props><S N=\"UserName\">a</S><SS N=\"Password\">AAAA</SS></Props></Obj>"), ""), ""), NULL, NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"InvalidCredential\"\n" },
        { "a credential without a password", PIPE(CMD("Move-VM", "false", NAMED("Credential", "<Obj N=\"V\" RefId=\"9\"><TN RefId=\"9\"><T>System.Management.Automation.PSCredential</T></TN>"
          "<Props><S N=\"UserName\">a</S></Props></Obj>"), ""), ""), NULL, NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"InvalidCredential\"\n" },
        { "Out-String -Stream", PIPE(CMD("Get-VM", "false", PLACED("<S N=\"V\">db01</S>"), "") CMD("Select-Object", "false", PLACED("<S N=\"V\">Name</S>"), "")
          CMD("Out-String", "false", NAMED("Stream", "<Nil N=\"V\"/>"), ""), NO_HOST), "Get-VM 'db01' | Select-Object 'Name'", NULL,
          "output \"\"\noutput \"Name\"\noutput \"----\"\noutput \"db01\"\noutput \"\"\n" COMPLETED },
        { "Out-String", PIPE(CMD("Get-VM", "false", PLACED("<S N=\"V\">db01</S>"), "") CMD("Select-Object", "false", PLACED("<S N=\"V\">Name</S>"), "")
          CMD("Out-String", "false", "", ""), NO_HOST), "Get-VM 'db01' | Select-Object 'Name'", NULL, "output \"\\nName\\n----\\ndb01\\n\\n\"\n" COMPLETED },
        { "Out-Null", PIPE(CMD("Get-VM", "false", "", "") CMD("Out-Null", "false", "", ""), ""), "Get-VM", NULL, COMPLETED },
        { "the console", PIPE(CMD("Get-VM", "false", PLACED("<S N=\"V\">none</S>"), "") CMD("Out-Default", "false", "", ""), ""), "Get-VM 'none'", NULL,
          "host mi=\"WriteErrorLine\" mp=[\"Get-VM : Hyper-V was unable to find a virtual machine with name \\\"none\\\".\\n"
          "    + CategoryInfo          : InvalidArgument: (none:String) [Get-VM], VirtualizationInvalidArgumentException\\n"
          "    + FullyQualifiedErrorId : InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM\"] ci=-100\n" COMPLETED },
        { "words, with a host", PIPE(CMD("Write-Warning w; Write-Host h; Write-Verbose v -Verbose", "true", "", ""), POOL_HOST),
          "Write-Warning w; Write-Host h; Write-Verbose v -Verbose", NULL,
          "host mi=\"WriteWarningLine\" mp=[\"w\"] ci=-100\nwarning InformationalRecord_Message=\"w\"\n"
          "host mi=\"WriteLine2\" mp=[\"h\"] ci=-100\ninformation MessageData=\"h\"\n"
          "host mi=\"WriteVerboseLine\" mp=[\"v\"] ci=-100\nverbose InformationalRecord_Message=\"v\"\n" COMPLETED },
        { "words, without", PIPE(CMD("Write-Warning w; Write-Host h", "true", "", ""), NO_HOST), "Write-Warning w; Write-Host h", NULL,
          "warning InformationalRecord_Message=\"w\"\ninformation MessageData=\"h\"\n" COMPLETED },
        { "Stop fails the pipeline", PIPE(CMD("Get-VM", "false", PLACED("<S N=\"V\">none</S>") NAMED("ErrorAction", "<S N=\"V\">Stop</S>"), ""), ""),
          "Get-VM 'none' -ErrorAction:'Stop'", NULL,
          "state PipelineState=5 FullyQualifiedErrorId=\"InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM\"\n" },
        { "exit", PIPE(CMD("Get-VM db01\nexit 3", "true", "", ""), POOL_HOST), "Get-VM db01\nexit 3", NULL,
          "output Name=\"db01\" State=\"Off\"\nhost mi=\"SetShouldExit\" mp=[3] ci=-100\n" COMPLETED },
        { "errors into the output", PIPE(CMD("Get-VM", "false", PLACED("<S N=\"V\">none</S>"), "<S N=\"MergeMyResult\">Error</S><S N=\"MergeToResult\">Output</S>"), ""),
          "Get-VM 'none'", NULL, "output FullyQualifiedErrorId=\"InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM\"\n" COMPLETED },
        { "leaving", PIPE(CMD("Exit-PSSession", "false", "", "") CMD("Out-Default", "false", "", ""), ""), NULL, NULL,
          "host mi=\"PopRunspace\" mp=[] ci=-100\n" COMPLETED },
        { "the prompt", PIPE(CMD("prompt", "false", "", ""), ""), NULL, NULL, "output \"PS> \"\n" COMPLETED },
};

static void run_pipeline(Client *c, size_t i) {
        auto_free char *got = NULL;
        Error err = { 0 };

        client_open(c);
        assert_int_equal(psrp_pipeline_open(c->pool, &pipe_id, &err), 0);
        must(c, &pipe_id, MESSAGE_CREATE_PIPELINE, pipelines[i].xml);
        work(c);
        if (strcmp(c->asked.text ? c->asked.text : "", pipelines[i].text ? pipelines[i].text : "") != 0)
                fail_msg("%s: asked for: %s", pipelines[i].why, c->asked.text ? c->asked.text : "nothing");
        if (strcmp(c->asked.variables ? c->asked.variables : "", pipelines[i].variables ? pipelines[i].variables : "") != 0)
                fail_msg("%s: with %s", pipelines[i].why, c->asked.variables ? c->asked.variables : "nothing");
        assert_int_equal(psrp_pipeline_state(c->pool, &pipe_id), PSRP_ENDING);
        got = taken(c, &pipe_id);
        if (strcmp(got, pipelines[i].says) != 0)
                fail_msg("%s: got\n%s", pipelines[i].why, got);
        assert_int_equal(psrp_pipeline_state(c->pool, &pipe_id), PSRP_DONE);
        psrp_pipeline_close(c->pool, &pipe_id);
        assert_int_equal(psrp_pipeline_state(c->pool, &pipe_id), PSRP_NONE);
}

static void test_pipelines(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(pipelines); i++) {
                auto_(client_end) Client c;
                run_pipeline(&c, i);
        }
}

#define WITH_INPUT(commands) "<Obj><MS><B N=\"NoInput\">false</B><Obj N=\"PowerShell\"><MS><Obj N=\"Cmds\"><LST>" commands "</LST></Obj></MS></Obj></MS></Obj>"

static void test_input(void **state) {
        auto_(client_end) Client c;
        auto_free char *got = NULL;
        Error err = { 0 };

        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, WITH_INPUT(CMD("Get-VM", "false", "", "")));
        must(&c, &pipe_id, MESSAGE_PIPELINE_INPUT, "<S>db01</S>");
        assert_int_equal(c.runs, 0);
        must(&c, &pipe_id, MESSAGE_PIPELINE_INPUT, "<S>web01</S>");
        must(&c, &pipe_id, MESSAGE_END_OF_PIPELINE_INPUT, "");
        work(&c);
        assert_string_equal(c.asked.input, "[{\"$value\":\"db01\"},{\"$value\":\"web01\"}]");
        got = taken(&c, &pipe_id);
        assert_string_equal(got, "output Name=\"db01\" State=\"Off\"\noutput Name=\"web01\" State=\"Running\"\n" COMPLETED);
}

/* What failed a line of an interactive session comes back as input of Out-Default, to be shown. */
static void test_shown_error(void **state) {
        auto_(client_end) Client c;
        auto_free char *got = NULL;
        Error err = { 0 };

        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, WITH_INPUT(CMD("Out-Default", "false", "", "")));
        must(&c, &pipe_id, MESSAGE_PIPELINE_INPUT,
             "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.Management.Automation.ErrorRecord</T></TN><MS><Obj N=\"Exception\" RefId=\"1\"><Props>"
             "<S N=\"Message\">no such thing</S><Ref N=\"Self\" RefId=\"1\"/></Props></Obj><S N=\"FullyQualifiedErrorId\">Id</S>"
             "<S N=\"ErrorCategory_Message\">ParserError: (:) [], X</S></MS></Obj>");
        must(&c, &pipe_id, MESSAGE_END_OF_PIPELINE_INPUT, "");
        got = taken(&c, &pipe_id);
        assert_int_equal(c.runs, 0);
        assert_string_equal(got, "host mi=\"WriteErrorLine\" mp=[\"no such thing\\n    + CategoryInfo          : ParserError: (:) [], X\\n"
                                 "    + FullyQualifiedErrorId : Id\"] ci=-100\n" COMPLETED);
}

static char *run_script(Client *c, const char *xml) {
        Error err = { 0 };
        forget(c);
        assert_int_equal(psrp_pipeline_open(c->pool, &pipe_id, &err), 0);
        must(c, &pipe_id, MESSAGE_CREATE_PIPELINE, xml);
        work(c);
        char *got = taken(c, &pipe_id);
        psrp_pipeline_close(c->pool, &pipe_id);
        return got;
}

/* A session keeps what its scripts set, until it is reset. */
static void test_variables(void **state) {
        auto_(client_end) Client c;
        client_open(&c);
        auto_free char *set = run_script(&c, PIPE(CMD("$v = Get-VM db01; $w = 5", "true", "", ""), NO_HOST));
        assert_string_equal(set, COMPLETED);
        auto_free char *used = run_script(&c, PIPE(CMD("$v.Name; $w; $using:n", "true", NAMED("--%", "<Obj N=\"V\"><DCT><En>"
                                                   "<S N=\"Key\">JAB1AHMAaQBuAGcAOgBuAA==</S><S N=\"Value\">x</S></En></DCT></Obj>"), ""), NO_HOST));
        assert_string_equal(used, "output \"db01\"\noutput 5\noutput \"x\"\n" COMPLETED);
        must(&c, NULL, MESSAGE_RESET_RUNSPACE_STATE, "<Obj><MS><I64 N=\"ci\">1</I64></MS></Obj>");
        auto_free char *gone = run_script(&c, PIPE(CMD("$v.Name", "true", "", ""), NO_HOST));
        assert_string_equal(gone, "state PipelineState=5 FullyQualifiedErrorId=\"VariableNotSupported\"\n");
}

/* Input is for $input; a script that does not name it does not get it. */
static void test_script_input(void **state) {
        static const char *const scripts[] = {
                WITH_INPUT(CMD("$input | Get-VM", "true", "", "")), WITH_INPUT(CMD("Get-VM web02", "true", "", "")),
        };
        static const char *const says[] = { "output Name=\"db01\" State=\"Off\"\n" COMPLETED,
                                            "output Name=\"web02\" State=\"Running\"\n" COMPLETED };
        for (size_t i = 0; i < 2; i++) {
                auto_(client_end) Client c;
                Error err = { 0 };
                client_open(&c);
                assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
                must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, scripts[i]);
                must(&c, &pipe_id, MESSAGE_PIPELINE_INPUT, "<S>db01</S>");
                must(&c, &pipe_id, MESSAGE_END_OF_PIPELINE_INPUT, "");
                work(&c);
                auto_free char *got = taken(&c, &pipe_id);
                assert_string_equal(got, says[i]);
        }
}

/* A password nobody sent: the user is asked, and may refuse.  (That a given one arrives: key-test.c and the lab.) */
static void test_credential(void **state) {
        static const char xml[] = PIPE(CMD("Move-VM", "false", NAMED("Credential", "<S N=\"V\">anna</S>"), ""), POOL_HOST);
        static const struct { const char *answer, *id; } answers[] = {
                { "<Obj><MS><Nil N=\"mr\"/><I64 N=\"ci\">1</I64></MS></Obj>", "CredentialRequired" },
                { "<Obj><MS><Obj N=\"mr\"><Props><S N=\"UserName\">eve</S><SS N=\"Password\">AAAA</SS></Props></Obj><I64 N=\"ci\">1</I64></MS></Obj>",
                  "CredentialRequired" },
                { "<Obj><MS><Obj N=\"mr\"><Props><S N=\"UserName\">anna</S><SS N=\"Password\">AAAA</SS></Props></Obj><I64 N=\"ci\">1</I64></MS></Obj>",
                  "CredentialRequired" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                auto_(client_end) Client c;
                auto_(sd_json_variant_unrefp) sd_json_variant *needs = NULL;
                Error err = { 0 };
                char wanted[120];

                client_open(&c);
                assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
                must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, xml);
                assert_true(sd_json_parse("[{\"Key\":\"0.Credential\",\"Command\":\"Move-VM\",\"Parameter\":\"Credential\","
                                          "\"UserName\":\"anna\"}]", 0, &needs, NULL, NULL) >= 0);
                psrp_secrets_needed(c.pool, c.asked.run, needs);
                auto_free char *asked = taken(&c, &pipe_id);
                assert_string_equal(asked, "host mi=\"PromptForCredential1\" mp=[\"Credential request\","
                                           "\"Move-VM needs the password of anna.\",\"anna\",\"\"] ci=1\n");
                must(&c, &pipe_id, MESSAGE_PIPELINE_HOST_RESPONSE, "<Obj><MS><Nil N=\"mr\"/><I64 N=\"ci\">7</I64></MS></Obj>");
                assert_int_equal(psrp_pipeline_state(c.pool, &pipe_id), PSRP_RUNNING);
                must(&c, &pipe_id, MESSAGE_PIPELINE_HOST_RESPONSE, answers[i].answer);
                auto_free char *got = taken(&c, &pipe_id);
                (void)snprintf(wanted, sizeof wanted, "state PipelineState=5 FullyQualifiedErrorId=\"%s\"\n", answers[i].id);
                assert_string_equal(got, wanted);
                assert_int_equal(c.runs, 1);
        }
}

static void test_metadata(void **state) {
        auto_(client_end) Client c;
        auto_free char *got = NULL;
        Error err = { 0 };

        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_GET_COMMAND_METADATA,
             "<Obj><MS><Obj N=\"Name\"><LST><S>Out-Default</S><S>Exit-PSSession</S><S>No'such</S></LST></Obj></MS></Obj>");
        work(&c);
        assert_string_equal(c.asked.text,
                            "Get-Command -ShowCommandInfo -ErrorAction SilentlyContinue -Name 'Out-Default','Exit-PSSession','No''such'");
        got = taken(&c, &pipe_id);
        assert_string_equal(got, "output Count=2\noutput Name=\"Out-Default\"\noutput Name=\"Exit-PSSession\"\n" COMPLETED);
}

static void test_stop_and_close(void **state) {
        auto_(client_end) Client c;
        auto_free char *got = NULL;
        Error err = { 0 };

        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFLICT);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, pipelines[0].xml);
        psrp_pipeline_stop(c.pool, &pipe_id);
        assert_true(c.asked.cancelled);
        psrp_ended(c.pool, c.asked.run, &(PsrpEnd){ 0 });       /* too late: means nothing */
        psrp_pipeline_stop(c.pool, &pipe_id);
        got = taken(&c, &pipe_id);
        assert_string_equal(got, "state PipelineState=3 FullyQualifiedErrorId=\"PipelineStopped\"\n");
        psrp_pipeline_close(c.pool, &pipe_id);
        assert_int_equal(say(&c, &pipe_id, MESSAGE_PIPELINE_INPUT, "<S/>", &err), -1);
        assert_int_equal(err.kind, ERROR_NOT_FOUND);

        /* closing a pipeline, and the pool, cancel what runs */
        forget(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, pipelines[0].xml);
        psrp_pipeline_close(c.pool, &pipe_id);
        assert_true(c.asked.cancelled);
}

/* A client that does not read pauses its run, and reading lets it go on. */
static void test_slow_client(void **state) {
        auto_(client_end) Client c;
        auto_(sd_json_variant_unrefp) sd_json_variant *record = NULL;
        auto_free char *big = calloc(1, 100001);
        uint8_t fragment[PSRP_FRAGMENT_MAX];
        Error err = { 0 };

        memset(big, 'x', 100000);
        assert_true(sd_json_variant_new_string(&record, big) >= 0);
        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, pipelines[0].xml);
        for (unsigned i = 0; i < 200 && !c.asked.paused; i++)
                psrp_record(c.pool, c.asked.run, STREAM_OUTPUT, record);
        assert_true(c.asked.paused);
        unsigned takes = 0;
        while (c.asked.paused && psrp_take(c.pool, &pipe_id, fragment, sizeof fragment) > 0)
                takes++;
        assert_false(c.asked.paused);
        assert_true(takes > PSRP_QUEUE_MAX / 2 / PSRP_FRAGMENT_MAX);
}

/* One who asks for ever and reads nothing is turned away; so is one who pipes for ever. */
static void test_bounded(void **state) {
        auto_(client_end) Client c;
        Error err = { 0 };
        int r = 0;

        client_open(&c);
        assert_int_equal(psrp_pipeline_open(c.pool, &pipe_id, &err), 0);
        must(&c, &pipe_id, MESSAGE_CREATE_PIPELINE, WITH_INPUT(CMD("Get-VM", "false", "", "")));
        for (unsigned i = 0; i < 100000 && psrp_pipeline_state(c.pool, &pipe_id) == PSRP_RUNNING; i++)
                must(&c, &pipe_id, MESSAGE_PIPELINE_INPUT, "<S/>");
        auto_free char *got = taken(&c, &pipe_id);
        assert_string_equal(got, "state PipelineState=5 FullyQualifiedErrorId=\"LimitExceeded\"\n");
        for (unsigned i = 0; i < 100000 && r == 0; i++)
                r = say(&c, NULL, MESSAGE_GET_AVAILABLE_RUNSPACES, "<Obj><MS><I64 N=\"ci\">1</I64></MS></Obj>", &err);
        assert_int_equal(r, -1);
        assert_int_equal(err.kind, ERROR_LIMIT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pool), cmocka_unit_test(test_wrong), cmocka_unit_test(test_pipelines),
                cmocka_unit_test(test_input), cmocka_unit_test(test_shown_error), cmocka_unit_test(test_metadata),
                cmocka_unit_test(test_variables), cmocka_unit_test(test_script_input), cmocka_unit_test(test_credential),
                cmocka_unit_test(test_stop_and_close), cmocka_unit_test(test_slow_client),
                cmocka_unit_test(test_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
