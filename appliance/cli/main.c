/* holdfast: PowerShell's grammar in a shell; everything is done by holdfastd */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/log.h"
#include "appliance/base/text.h"
#include "appliance/cli/call.h"
#include "appliance/cli/quote.h"
#include "appliance/cli/ssh.h"
#include "appliance/cli/subsystem.h"

enum { EXIT_ERRORS = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

typedef struct Option {
        const char *name, *argument, *help;
        char letter;
} Option;

static const Option option_rows[] = {
        { "json", NULL, "objects as a JSON array; errors and warnings as JSON lines on standard error", 'j' },
        { "password-stdin", NULL, "read the password of a -Credential USER from standard input, one line", 'p' },
        { "socket", "PATH", "speak to holdfastd at PATH (/run/holdfast/node)", 's' },
        { "help", NULL, "this text; holdfast help COMMAND tells about a command", 'h' },
        { "version", NULL, "the version", 'v' },
};

static int usage(FILE *to, int status) {
        (void)fprintf(to, "holdfast [OPTION…] COMMAND [-PARAMETER [VALUE]]…\n"
                          "holdfast [OPTION…] 'COMMAND | COMMAND …'\n"
                          "holdfast psrp            PowerShell's SSH subsystem on standard input and output\n\n"
                          "Runs Hyper-V's PowerShell commands on this host:\n"
                          "  holdfast Get-VM -Name web01\n"
                          "  holdfast 'Get-VM | Where-Object State -eq Running | Move-VM -DestinationHost hv2'\n"
                          "  holdfast Get-Command            lists the commands\n\n");
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
                char name[40];
                (void)snprintf(name, sizeof name, "--%s%s%s", option_rows[i].name,
                               option_rows[i].argument ? " " : "",
                               option_rows[i].argument ? option_rows[i].argument : "");
                (void)fprintf(to, "  %-18s %s\n", name, option_rows[i].help);
        }
        (void)fprintf(to, "\nExit: 0 done, 1 with errors, 2 not understood, 130 interrupted.\n");
        return status;
}

/* "holdfast help [Move-VM]" is Get-Help. */
static int command_text(int argc, char *argv[], char **ret, Error *err) {
        if (!text_equal_nocase(argv[0], "help"))
                return quote_arguments(argc, argv, ret, err);
        auto_free char *get_help = strdup("Get-Help");
        if (!get_help)
                return error_oom(err);
        argv[0] = get_help;
        return quote_arguments(argc, argv, ret, err);
}

/* Which way into holdfastd: root's, or that of people of the domain, who came by SSH. */
typedef struct Way {
        const char *address, *origin;
} Way;

static Way find_way(char origin[static SSH_ORIGIN_SIZE]) {
        if (geteuid() == 0)
                return (Way){ "/run/holdfast/node", NULL };
        ssh_origin(getenv("SSH_CONNECTION"), origin);
        return (Way){ "/run/holdfast/people", origin };
}

static int run(bool json, bool password_stdin, const Way *way, const char *text) {
        CallResult result = { 0 };
        Error err = { 0 };
        Show *show = NULL;

        int r = show_new(json, &show, &err);
        const CallRequest request = {
                .address = way->address, .origin = way->origin, .text = text, .password_stdin = password_stdin, .show = show
        };
        if (r == 0)
                r = call_run(&request, &result, &err);
        if (show && show_end(show, r == 0 ? &err : &(Error){ 0 }) < 0)
                r = -1;
        show_free(show);
        if (r < 0) {
                (void)fprintf(stderr, "holdfast: %s\n", err.text);
                return EXIT_ERRORS;
        }
        if (result.interrupted) {
                (void)fprintf(
                        stderr,
                        "holdfast: interrupted; holdfastd was told to stop what ran (Get-VM and Get-VMMigration "
                        "show how it ended)\n");
                return EXIT_INTERRUPTED;
        }
        return result.refused ? EXIT_USAGE : result.had_errors ? EXIT_ERRORS : EXIT_SUCCESS;
}

static int run_subsystem(const Way *way) {
        Error err = { 0 };

        if (subsystem_run(way->address, way->origin, &err) == 0)
                return EXIT_SUCCESS;
        (void)fprintf(stderr, "holdfast psrp: %s\n", err.text);
        /* sshd throws away what a subsystem says */
        log_write(LOG_NOTICE, NULL, NULL, "PowerShell over SSH: %s", err.text);
        return EXIT_ERRORS;
}

/* As the shell of people of the domain: -c, and what sshd was asked for beside it. */
static int run_as_shell(const Way *way, const char *command) {
        const char *original = getenv("SSH_ORIGINAL_COMMAND");
        SshWish wish = { 0 };
        Error err = { 0 };

        if (ssh_wish(original ? original : command, &wish, &err) < 0) {
                (void)fprintf(stderr, "holdfast: %s\n", err.text);
                return EXIT_ERRORS;
        }
        auto_free char *text = wish.text;
        if (wish.kind == SSH_POWERSHELL)
                return run_subsystem(way);
        if (wish.kind == SSH_COMMANDS)
                return run(wish.json, false, way, text);
        (void)fprintf(stderr, "holdfast: this host gives no shell; use PowerShell (Enter-PSSession -HostName HOST -UserName "
                              "USER@DOMAIN), or say a command (ssh -l USER@DOMAIN HOST Get-VM)\n");
        return EXIT_USAGE;
}

int main(int argc, char *argv[]) {
        struct option options[ARRAY_SIZE(option_rows) + 1] = { 0 };
        char origin[SSH_ORIGIN_SIZE];
        Way way = find_way(origin);
        bool json = false, password_stdin = false;
        auto_free char *text = NULL;
        Error err = { 0 };

        if (argv[0][0] == '-' || (argc == 3 && strcmp(argv[1], "-c") == 0))
                return run_as_shell(&way, argc == 3 ? argv[2] : NULL);
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
                options[i] = (struct option){ option_rows[i].name,
                                              option_rows[i].argument ? required_argument : no_argument, NULL,
                                              option_rows[i].letter };
        for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) >= 0;) {
                if (c == 'h')
                        return usage(stdout, EXIT_SUCCESS);
                if (c == 'v')
                        return puts("holdfast " HOLDFAST_VERSION) < 0;
                if (c == '?')
                        return usage(stderr, EXIT_USAGE);
                json = json || c == 'j';
                password_stdin = password_stdin || c == 'p';
                way.address = c == 's' ? optarg : way.address;
        }
        if (optind >= argc)
                return usage(stderr, EXIT_USAGE);
        if (strcmp(argv[optind], "psrp") == 0 && argc == optind + 1)
                return run_subsystem(&way);
        /* So natural behind the command that they are taken there too. */
        for (; argc > optind + 1; argc--) {
                if (strcmp(argv[argc - 1], "--json") == 0)
                        json = true;
                else if (strcmp(argv[argc - 1], "--password-stdin") == 0)
                        password_stdin = true;
                else
                        break;
        }
        if (command_text(argc - optind, argv + optind, &text, &err) < 0) {
                (void)fprintf(stderr, "holdfast: %s\n", err.text);
                return EXIT_USAGE;
        }
        return run(json, password_stdin, &way, text);
}
