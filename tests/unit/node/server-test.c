/* The varlink server with commands of its own: streaming, slow readers, callers who go away, secrets. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/node/job-commands.h"
#include "appliance/node/run.h"
#include "appliance/node/server.h"
#include "auth/person.h"

enum { MANY = 5000, PERSON = PERSON_UID_BASE + 1104 };

static _Atomic unsigned emitted;                /* by Get-Many, which is refused or blocked in between */
static atomic_bool waiting, released;           /* Wait-Forever runs; it has ended because its caller is gone */
static char password[64];

static int get_many(Invocation *invocation, Error *err) {
        for (unsigned i = 0; i < MANY; i++) {
                sd_json_variant *object = NULL;
                if (sd_json_build(&object, SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_UNSIGNED("Number", i),
                                                                SD_JSON_BUILD_PAIR_STRING("Padding",
                                  "0123456789012345678901234567890123456789012345678901234567890123456789"))) < 0)
                        return error_oom(err);
                if (invocation_emit(invocation, object, err) < 0)
                        return -1;
                atomic_fetch_add(&emitted, 1);
        }
        return 0;
}

static int wait_forever(Invocation *invocation, Error *err) {
        atomic_store(&waiting, true);
        while (!invocation_cancelled(invocation))
                (void)usleep(1000);
        atomic_store(&released, true);
        return error_set(err, ERROR_CANCELLED, 0, "cancelled");
}

static int use_secret(Invocation *invocation, Error *err) {
        const char *secret = NULL, *user = invocation_credential(invocation, "Credential", &secret);
        (void)snprintf(password, sizeof password, "%s:%s", user, secret ? secret : "-");
        return 0;
}

#define PLAIN .module = "Hyper-V", .synopsis = "Test.", .role = ROLE_ADMINISTRATOR, \
        .parameters = (const Parameter[]){ { NULL } }, .sets = (const ParameterSet[]){ { "Default" }, { NULL } }
static const Command many_row = { .name = "Get-Many", PLAIN, .confirm = true, .as_job = true, .run = get_many };
static const Command wait_row = { .name = "Wait-Forever", PLAIN, .confirm = true, .as_job = true, .run = wait_forever };
static const Command secret_row = {
        .name = "Use-Secret",
        .module = "Hyper-V",
        .synopsis = "Test.",
        .role = ROLE_ADMINISTRATOR,
        .parameters =
                (const Parameter[]){ { "Credential", "PSCredential", NULL, PARAMETER_SECRET, NULL, "" }, { NULL } },
        .sets = (const ParameterSet[]){ { "Default", NULL, NULL, "Credential" }, { NULL } },
        .run = use_secret,
};
static int who_asks(Invocation *invocation, Error *err) {
        sd_json_variant *name = NULL;
        return sd_json_variant_new_string(&name, invocation_caller(invocation)) < 0 ? error_oom(err)
                                                                                     : invocation_emit(invocation, name, err);
}

#define ASKED(verb, least)                                                                                          \
        {                                                                                                           \
                .name = verb "-There", .module = "Hyper-V", .synopsis = "Test.", .role = least,                     \
                .parameters = (const Parameter[]){ { "ComputerName", "String[]", NULL, PARAMETER_COMPUTERS, NULL, "" }, \
                                                   { NULL } },                                                      \
                .sets = (const ParameterSet[]){ { "Default", NULL, NULL, "ComputerName" }, { NULL } }, .run = who_asks, \
        }
static int ask_me(Invocation *invocation, Error *err) {
        sd_json_variant *said = NULL;
        bool yes = invocation_should_continue(invocation, "it", "Really?");
        return sd_json_variant_new_string(&said, yes ? "said yes" : "said no") < 0 ? error_oom(err)
                                                                                : invocation_emit(invocation, said, err);
}

static const Command ask_row = {
        .name = "Ask-Me", .module = "Hyper-V", .synopsis = "Test.", .role = ROLE_READER, .confirm = true,
        .parameters = (const Parameter[]){ { NULL } }, .sets = (const ParameterSet[]){ { "Default" }, { NULL } }, .run = ask_me,
};
static const Command there_row = ASKED("Get", ROLE_READER), change_row = ASKED("Set", ROLE_ADMINISTRATOR);
static const Command *const rows[] = { &many_row, &wait_row, &secret_row, &there_row, &change_row, &ask_row,
                                      &command_get_job, &command_wait_job, &command_receive_job, &command_stop_job,
                                      &command_remove_job, NULL };
const CommandTable node_commands = { rows };    /* instead of the product's */

typedef struct Fixture {
        char path[64];
        Node node;
        Server *server;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        Error err = { 0 };
        (void)snprintf(f->path, sizeof f->path, "/tmp/holdfast-server-%d", (int)getpid());
        f->node.config.peer_role = ROLE_ADMINISTRATOR;
        if (sd_event_new(&f->node.event) < 0 || pool_new(f->node.event, 4, 16, &f->node.pool, &err) < 0 ||
            pool_new(f->node.event, 2, 4, &f->node.peer_pool, &err) < 0 ||
            pool_new(f->node.event, 2, 4, &f->node.remote_pool, &err) < 0 ||
            pool_new(f->node.event, 4, 4, &f->node.job_pool, &err) < 0 ||
            server_new(&f->node, f->path, &f->server, &err) < 0)
                fail_msg("%s", err.text);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        server_stop(f->server);
        pool_free(f->node.pool);
        pool_free(f->node.peer_pool);
        pool_free(f->node.remote_pool);
        pool_free(f->node.job_pool);
        server_free(f->server);
        (void)sd_event_unref(f->node.event);
        (void)unlink(f->path);
        free(f);
        return 0;
}

static int dial(const Fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        return fd;
}

static void ask(int fd, const char *parameters) {
        char text[512];
        int size = snprintf(text, sizeof text,
                            "{\"method\":\"io.holdfast.Node.Run\",\"more\":true,\"parameters\":{%s}}", parameters);
        assert_int_equal(write(fd, text, (size_t)size + 1), size + 1);
}

/* By the clock, not by turns: how much one turn does depends on how busy the machine is. */
static bool turn(Fixture *f, bool (*enough)(void *userdata), void *userdata) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        for (time_t until = now.tv_sec + 30; now.tv_sec < until && !enough(userdata);) {
                (void)sd_event_run(f->node.event, 10000);
                (void)clock_gettime(CLOCK_MONOTONIC, &now);
        }
        return enough(userdata);
}

typedef struct Replies {
        int fd;
        char *text;
        size_t size;
} Replies;

static bool all_read(void *userdata) {
        Replies *r = userdata;
        for (;;) {
                char chunk[65536];
                ssize_t n = recv(r->fd, chunk, sizeof chunk, MSG_DONTWAIT);
                if (n <= 0)
                        break;
                r->text = realloc(r->text, r->size + (size_t)n + 1);
                memcpy(r->text + r->size, chunk, (size_t)n);
                r->size += (size_t)n;
                r->text[r->size] = '\0';
        }
        if (r->size > 0 && memmem(r->text, r->size, "\"prompt\"", 8) && r->text[r->size - 1] == '\0')
                return true;    /* it waits for us */
        const char *last = r->size > 200 ? r->text + r->size - 200 : r->text;
        for (size_t i = 0; last && i + 6 < (size_t)(r->text + r->size - last); i++)
                if (memcmp(last + i, "\"Done\"", 6) == 0 || memcmp(last + i, "\"Jobs\"", 6) == 0 || memcmp(last + i, "\"error", 6) == 0)
                        return true;
        return false;
}

/* Until nothing has been emitted for a while: the thread stands still, or is done. */
static unsigned settle(Fixture *f) {
        unsigned seen = atomic_load(&emitted);
        for (unsigned quiet = 0; quiet < 30;) {
                quiet = sd_event_run(f->node.event, 10000) == 0 ? quiet + 1 : 0;        /* 0: nothing happened */
                if (atomic_load(&emitted) != seen)
                        quiet = 0;
                seen = atomic_load(&emitted);
        }
        return seen;
}

/* The pool thread stands still while the caller does not read, and goes on when it does; nothing is lost. */
static void test_slow_reader(void **state) {
        Fixture *f = *state;
        auto_fd int fd = dial(f);
        Replies replies = { .fd = fd };

        atomic_store(&emitted, 0);
        ask(fd, "\"Pipeline\":\"Get-Many\"");
        assert_in_range(settle(f), 1, MANY / 2);

        assert_true(turn(f, all_read, &replies));
        assert_int_equal(atomic_load(&emitted), MANY);
        size_t messages = 0;
        for (size_t i = 0; i < replies.size; i++)
                messages += replies.text[i] == '\0';
        assert_int_equal(messages, MANY + 1);
        free(replies.text);
}

/* A caller who goes away while a slow reader's thread is blocked. */
static void test_reader_leaves(void **state) {
        Fixture *f = *state;
        int fd = dial(f);

        atomic_store(&emitted, 0);
        ask(fd, "\"Pipeline\":\"Get-Many\"");
        (void)settle(f);
        (void)close(fd);
        assert_in_range(settle(f), 1, MANY - 1);
        /* The thread is free again: four of them would be blocked by now. */
        for (int i = 0; i < 6; i++) {
                auto_fd int again = dial(f);
                Replies replies = { .fd = again };
                ask(again, "\"Pipeline\":\"Use-Secret\"");
                assert_true(turn(f, all_read, &replies));
                free(replies.text);
        }
}

static bool is_set(void *flag) { return atomic_load((atomic_bool *)flag); }

/* A caller who goes away while the command says nothing. */
static void test_cancel(void **state) {
        Fixture *f = *state;
        int fd = dial(f);

        atomic_store(&waiting, false);
        atomic_store(&released, false);
        ask(fd, "\"Pipeline\":\"Wait-Forever\"");
        assert_true(turn(f, is_set, &waiting));
        assert_false(atomic_load(&released));
        (void)close(fd);
        assert_true(turn(f, is_set, &released));
}

/* A command that waits for a thread does not begin when its caller is gone by then. */
static void test_queued(void **state) {
        Fixture *f = *state;
        int busy[4];

        password[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(busy); i++) {
                busy[i] = dial(f);
                atomic_store(&waiting, false);
                ask(busy[i], "\"Pipeline\":\"Wait-Forever\"");
                assert_true(turn(f, is_set, &waiting));
        }
        int gone = dial(f);
        auto_fd int stays = dial(f);
        Replies replies = { .fd = stays };
        ask(gone, "\"Pipeline\":\"Use-Secret -Credential gone\",\"Secrets\":{\"0.Credential\":\"x\"}");
        (void)settle(f);
        (void)close(gone);
        (void)settle(f);
        ask(stays, "\"Pipeline\":\"Ask-Me -Confirm:$false\"");
        for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
                (void)close(busy[i]);
        assert_true(turn(f, all_read, &replies));       /* behind the other in the queue */
        assert_non_null(memmem(replies.text, replies.size, "said yes", 8));
        assert_string_equal(password, "");
        free(replies.text);
}

static void test_secrets(void **state) {
        Fixture *f = *state;
        auto_fd int fd = dial(f);
        Replies asked = { .fd = fd }, done = { .fd = fd };

        password[0] = '\0';
        ask(fd, "\"Pipeline\":\"Use-Secret -Credential anna\"");
        assert_true(turn(f, all_read, &asked));
        assert_non_null(strstr(asked.text, "io.holdfast.Node.SecretsNeeded"));
        assert_non_null(strstr(asked.text, "\"Key\":\"0.Credential\""));
        assert_non_null(strstr(asked.text, "\"UserName\":\"anna\""));
        assert_string_equal(password, "");
        free(asked.text);
        ask(fd, "\"Pipeline\":\"Use-Secret -Credential anna\",\"Secrets\":{\"0.Credential\":\"pass word\"}");
        assert_true(turn(f, all_read, &done));
        assert_string_equal(password, "anna:pass word");
        assert_non_null(strstr(done.text, "\"HadErrors\":false"));
        free(done.text);
}

static void test_refused(void **state) {
        static const struct { const char *why, *parameters, *says; } refused[] = {
                { "no text", "", "InvalidParameter" },
                { "no string", "\"Pipeline\":5", "InvalidParameter" },
                { "unknown parameter", "\"Pipeline\":\"Get-Many\",\"Foo\":1", "InvalidParameter" },
                { "where root is", "\"Pipeline\":\"Get-Many\",\"Origin\":\"192.0.2.1\"", "InvalidParameter" },
                { "too wide", "\"Pipeline\":\"Get-Many\",\"Width\":99999", "InvalidParameter" },
                { "secrets that are no strings", "\"Pipeline\":\"Use-Secret\",\"Secrets\":{\"a\":1}", "error" },
                { "not understood", "\"Pipeline\":\"Frob\"", "CommandNotFoundException" },
        };
        Fixture *f = *state;
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                auto_fd int fd = dial(f);
                Replies replies = { .fd = fd };
                ask(fd, refused[i].parameters);
                if (!turn(f, all_read, &replies))
                        fail_msg("%s: no answer", refused[i].why);
                if (!memmem(replies.text, replies.size, refused[i].says, strlen(refused[i].says)))
                        fail_msg("%s: %s", refused[i].why, replies.text);
                free(replies.text);
        }
}

/* On the gateway's socket nobody is anybody without a sign-in, and a sign-in needs a host that has joined. */
static void test_gateway(void **state) {
        static const struct { const char *why, *parameters, *says; } refused[] = {
                { "no handle", "\"Pipeline\":\"Get-Many\"", "SessionUnknown" },
                { "a handle that was never given", "\"Pipeline\":\"Get-Many\",\"Session\":\"0\"", "SessionUnknown" },
                { "an empty handle", "\"Pipeline\":\"Get-Many\",\"Session\":\"\"", "SessionUnknown" },
        };
        Fixture *f = *state, gateway = *f;
        Error err = { 0 };

        (void)snprintf(gateway.path, sizeof gateway.path, "/tmp/holdfast-gateway-%d", (int)getpid());
        if (server_listen_gateway(f->server, gateway.path, geteuid(), getegid(), &err) < 0)
                fail_msg("%s", err.text);
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                auto_fd int fd = dial(&gateway);
                Replies replies = { .fd = fd };
                ask(fd, refused[i].parameters);
                if (!turn(f, all_read, &replies) || !strstr(replies.text, refused[i].says))
                        fail_msg("%s: %s", refused[i].why, replies.text);
                free(replies.text);
        }
        auto_fd int fd = dial(f);       /* root's own socket knows no handles */
        Replies replies = { .fd = fd };
        ask(fd, "\"Pipeline\":\"Get-Many\",\"Session\":\"0\"");
        assert_true(turn(f, all_read, &replies));
        assert_non_null(strstr(replies.text, "PermissionDenied"));
        free(replies.text);
        (void)unlink(gateway.path);
}

/* On the socket of people of the domain the kernel says who is who, and nobody is anybody without the directory. */
static void test_people(void **state) {
        static const struct { const char *why; uid_t uid; const char *parameters, *says; } asked[] = {
                { "no address", PERSON, "\"Pipeline\":\"Get-There\"", "InvalidParameter" },
                { "what is no address", PERSON, "\"Pipeline\":\"Get-There\",\"Origin\":\"my desk\"", "InvalidParameter" },
                { "somebody else's handle", PERSON, "\"Pipeline\":\"Get-There\",\"Origin\":\"192.0.2.1\",\"Session\":\"0\"", "PermissionDenied" },
                { "root", 0, "\"Pipeline\":\"Get-There\",\"Origin\":\"192.0.2.1\"", "PermissionDenied" },
                { "a local user", 1000, "\"Pipeline\":\"Get-There\",\"Origin\":\"192.0.2.1\"", "PermissionDenied" },
                { "one past the last person", PERSON_UID_BASE + PERSON_RID_MAX + 1,
                  "\"Pipeline\":\"Get-There\",\"Origin\":\"192.0.2.1\"", "PermissionDenied" },
                { "a person, without a directory", PERSON, "\"Pipeline\":\"Get-There\",\"Origin\":\"192.0.2.1\"", "no directory" },
                { "a person by IPv6", PERSON, "\"Pipeline\":\"Get-There\",\"Origin\":\"2001:db8::1\"", "no directory" },
        };
        Fixture *f = *state, people = *f;
        Error err = { 0 };

        if (geteuid() != 0)
                skip();                 /* only root can be somebody else */
        (void)error_set(&f->node.why_not, ERROR_UNREACHABLE, 0, "no directory");
        (void)snprintf(people.path, sizeof people.path, "/tmp/holdfast-people-%d", (int)getpid());
        if (server_listen_people(f->server, people.path, getegid(), &err) < 0)
                fail_msg("%s", err.text);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                assert_int_equal(seteuid(asked[i].uid), 0);
                auto_fd int fd = dial(&people);
                assert_int_equal(seteuid(0), 0);
                Replies replies = { .fd = fd };
                ask(fd, asked[i].parameters);
                if (!turn(f, all_read, &replies) ||
                    !memmem(replies.text, replies.size, asked[i].says, strlen(asked[i].says)))
                        fail_msg("%s: %s", asked[i].why, replies.text);
                free(replies.text);
        }
        (void)unlink(people.path);
}

/* What another host brings: it must say for whom, and what it says is capped. */
static void test_host(void **state) {
#define ROOT "\"Vouched\":{\"Role\":\"administrator\",\"Origin\":\"\"}"
        static const struct { const char *why, *parameters, *says; int most; } asked[] = {
                { "root of that host", "\"Pipeline\":\"Get-There\"," ROOT, "HV9\\\\root", ROLE_ADMINISTRATOR },
                { "up to what it may vouch for", "\"Pipeline\":\"Get-There\"," ROOT, "HV9\\\\root", ROLE_READER },
                { "and no more", "\"Pipeline\":\"Set-There\"," ROOT, "required permission", ROLE_OPERATOR },
                { "nor more than it says itself", "\"Pipeline\":\"Set-There\",\"Vouched\":{\"Role\":\"operator\",\"Origin\":\"\"}",
                  "required permission", ROLE_ADMINISTRATOR },
                { "nobody at all", "\"Pipeline\":\"Get-There\"," ROOT, "MaximumPeerRole", -1 },
                { "an account, without a directory", "\"Pipeline\":\"Get-There\",\"Vouched\":{\"Sid\":\"S-1-5-21-1-2-3-500\","
                  "\"Role\":\"reader\",\"Origin\":\"\"}", "HV9 asks for somebody", ROLE_ADMINISTRATOR },
                { "what runs on the spot only", "\"Pipeline\":\"Get-Many\"," ROOT, "cannot be run from another host", ROLE_ADMINISTRATOR },
                { "further", "\"Pipeline\":\"Get-There -ComputerName hv1\"," ROOT, "no third one", ROLE_ADMINISTRATOR },
                { "for nobody", "\"Pipeline\":\"Get-There\"", "PermissionDenied", ROLE_ADMINISTRATOR },
                { "a claim that is none", "\"Pipeline\":\"Get-There\",\"Vouched\":{}", "InvalidParameter", ROLE_ADMINISTRATOR },
        };
        Fixture *f = *state;
        Error err = { 0 };

        assert_int_equal(server_admit_hosts(f->server, &err), 0);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                int pair[2];
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
                f->node.config.peer_role = asked[i].most;
                f->node.admit(f->node.admit_userdata, "HV9", pair[1]);
                auto_fd int fd = pair[0];
                Replies replies = { .fd = fd };
                ask(fd, asked[i].parameters);
                if (!turn(f, all_read, &replies) ||
                    !memmem(replies.text, replies.size, asked[i].says, strlen(asked[i].says)))
                        fail_msg("%s: %s", asked[i].why, replies.text);
                free(replies.text);
        }
        auto_fd int fd = dial(f);       /* nobody else may speak for a host */
        Replies replies = { .fd = fd };
        ask(fd, "\"Pipeline\":\"Get-There\"," ROOT);
        assert_true(turn(f, all_read, &replies));
        assert_non_null(strstr(replies.text, "PermissionDenied"));
        free(replies.text);
}

/* A question waits for the answer that names it; who cannot be asked is not. */
static void test_question(void **state) {
        static const struct { const char *why; int choice; const char *says; } answers[] = {
                { "yes", 0, "said yes" },
                { "no", 2, "said no" },
                { "nobody", -1, "HostFunctionNotImplemented" },
        };
        Fixture *f = *state;
        char text[200], id[64];

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                auto_fd int fd = dial(f), other = dial(f), wrong = dial(f);
                Replies asked = { .fd = fd }, refused = { .fd = wrong }, done = { .fd = fd };
                ask(fd, "\"Pipeline\":\"Ask-Me\",\"Interactive\":true");
                assert_true(turn(f, all_read, &asked));
                const char *at = strstr(asked.text, "\"Id\":\"");
                assert_non_null(at);
                assert_non_null(strstr(asked.text, "Really?"));
                assert_int_equal(sscanf(at, "\"Id\":\"%32[0-9a-f]\"", id), 1);
                free(asked.text);

                int n = snprintf(text, sizeof text, "{\"method\":\"io.holdfast.Node.Answer\",\"parameters\":{\"Id\":\"0\",\"Choice\":0}}");
                assert_int_equal(write(wrong, text, (size_t)n + 1), n + 1);
                assert_true(turn(f, all_read, &refused));
                assert_non_null(strstr(refused.text, "QuestionUnknown"));
                free(refused.text);

                n = snprintf(text, sizeof text, "{\"method\":\"io.holdfast.Node.Answer\",\"oneway\":true,\"parameters\":{\"Id\":\"%s\",\"Choice\":%d}}", id, answers[i].choice);
                assert_int_equal(write(other, text, (size_t)n + 1), n + 1);
                assert_true(turn(f, all_read, &done));
                if (!memmem(done.text, done.size, answers[i].says, strlen(answers[i].says)))
                        fail_msg("%s: %s", answers[i].why, done.text);
                free(done.text);
        }
        auto_fd int fd = dial(f);
        Replies replies = { .fd = fd };
        ask(fd, "\"Pipeline\":\"Ask-Me\"");
        assert_true(turn(f, all_read, &replies));
        assert_non_null(memmem(replies.text, replies.size, "HostFunctionNotImplemented", 26));
        free(replies.text);
}

/* What @pipeline says; @runspace NULL: it is a session of its own. */
static Replies say(Fixture *f, int fd, const char *pipeline, const char *runspace) {
        Replies replies = { .fd = fd };
        char text[300];

        (void)snprintf(text, sizeof text, "\"Pipeline\":\"%s\"%s%s%s", pipeline, runspace ? ",\"Runspace\":\"" : "",
                       runspace ? runspace : "", runspace ? "\"" : "");
        ask(fd, text);
        assert_true(turn(f, all_read, &replies));
        return replies;
}

static void says(Fixture *f, const char *pipeline, const char *runspace, const char *wanted) {
        auto_fd int fd = dial(f);
        Replies replies = say(f, fd, pipeline, runspace);
        if (!memmem(replies.text, replies.size, wanted, strlen(wanted)))
                fail_msg("%s: %.*s", pipeline, (int)replies.size, replies.text);
        free(replies.text);
}

/* A text that is a session of its own: its jobs run beside it, end with it, and nobody else sees them. */
static void test_job(void **state) {
        Fixture *f = *state;
        auto_fd int fd = dial(f);

        Replies replies = say(f, fd, "Get-Many -AsJob | Wait-Job | Receive-Job; Get-Job", NULL);
        size_t messages = 0;
        for (size_t i = 0; i < replies.size; i++)
                messages += replies.text[i] == '\0';
        assert_int_equal(messages, MANY + 2);   /* and the job, and the end */
        assert_non_null(memmem(replies.text, replies.size, "\"State\":\"Completed\"", 19));
        free(replies.text);

        atomic_store(&waiting, false);
        atomic_store(&released, false);
        says(f, "Wait-Forever -AsJob | Wait-Job -Timeout 1", NULL, "put Wait-Job behind it");
        assert_true(atomic_load(&waiting));
        assert_true(turn(f, is_set, &released));
        says(f, "Wait-Forever -AsJob | Wait-Job -Timeout 0; Stop-Job 1; Get-Job", NULL, "\"State\":\"Stopped\"");
        says(f, "Get-Job 1", NULL, "JobWithSpecifiedSessionIdNotFound,Microsoft.PowerShell.Commands.GetJobCommand");
        says(f, "Wait-Forever -AsJob; Remove-Job 1", NULL, "the job is not finished");
        says(f, "Wait-Forever -AsJob; Remove-Job 1 -Force; Get-Job 1", NULL, "JobWithSpecifiedSessionIdNotFound");
}

/* A session that is held: its jobs outlive the text that began them, not the session. */
static void test_session(void **state) {
        static const char mine[] = "0123456789abcdef0123456789abcdef", other[] = "fedcba9876543210fedcba9876543210";
        Fixture *f = *state;
        Replies kept = { .fd = dial(f) };
        char text[200];

        atomic_store(&waiting, false);
        atomic_store(&released, false);
        says(f, "Get-Job", mine, "\"Refused\":false}");
        says(f, "Wait-Forever -AsJob", mine, "\"Refused\":false,\"Jobs\":true}");
        int n = snprintf(text, sizeof text, "{\"method\":\"io.holdfast.Node.Hold\",\"parameters\":{\"Runspace\":\"%s\"}}", mine);
        assert_int_equal(write(kept.fd, text, (size_t)n + 1), n + 1);
        assert_true(turn(f, all_read, &kept));
        assert_non_null(strstr(kept.text, "\"Jobs\":true"));
        free(kept.text);
        assert_true(turn(f, is_set, &waiting));
        says(f, "Get-Job", mine, "\"State\":\"Running\"");
        says(f, "Get-Job 1", other, "JobWithSpecifiedSessionIdNotFound");
        says(f, "Get-Job 1", NULL, "JobWithSpecifiedSessionIdNotFound");
        says(f, "Get-Job 1", "short", "InvalidParameter");
        assert_false(atomic_load(&released));
        (void)close(kept.fd);
        assert_true(turn(f, is_set, &released));
        says(f, "Get-Job 1", mine, "JobWithSpecifiedSessionIdNotFound");
}

int main(void) {
        if (geteuid() != 0)
                return 77;              /* the server serves root only */
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reader_leaves, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
                cmocka_unit_test_setup_teardown(test_queued, setup, teardown),
                cmocka_unit_test_setup_teardown(test_secrets, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gateway, setup, teardown),
                cmocka_unit_test_setup_teardown(test_people, setup, teardown),
                cmocka_unit_test_setup_teardown(test_host, setup, teardown),
                cmocka_unit_test_setup_teardown(test_question, setup, teardown),
                cmocka_unit_test_setup_teardown(test_job, setup, teardown),
                cmocka_unit_test_setup_teardown(test_session, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
