/* Build time: the command table as the manual page holdfast.8, or as completion for bash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/command/bind.h"
#include "appliance/command/help.h"
#include "appliance/node/node.h"

/* roff: a backslash is \e, and a line must not begin with a dot or an apostrophe. */
static void put_roff(FILE *to, const char *text) {
        bool start = true;
        for (; *text; text++) {
                if (start && (*text == '.' || *text == '\''))
                        (void)fputs("\\&", to);
                if (*text == '\\')
                        (void)fputs("\\e", to);
                else if (*text == '-')
                        (void)fputs("\\-", to);
                else
                        (void)fputc(*text, to);
                start = *text == '\n';
        }
}

static void put_command(FILE *to, const Command *command) {
        char *text = NULL;
        size_t size = 0;

        (void)fputs(".SS ", to);
        put_roff(to, command->name);
        (void)fputc('\n', to);
        put_roff(to, command->synopsis);
        (void)fputs("\n.PP\n.nf\n", to);
        for (const ParameterSet *set = command->sets; set->name; set++) {
                FILE *line = open_memstream(&text, &size);
                if (!line)
                        exit(EXIT_FAILURE);
                help_syntax(line, command, set);
                (void)fclose(line);
                put_roff(to, text);
                (void)fputc('\n', to);
                free(text);
                text = NULL;
        }
        (void)fputs(".fi\n", to);
        for (const Parameter *p = command->parameters; p->name; p++) {
                (void)fputs(".TP\n.B \\-", to);
                put_roff(to, p->name);
                (void)fputc('\n', to);
                put_roff(to, p->help ? p->help : "");
                (void)fputc('\n', to);
        }
        if (command->refused) {
                (void)fputs(".PP\nNot supported: ", to);
                put_roff(to, command->refused);
                (void)fputs(".\n", to);
        }
}

static const char head[] =
        ".TH HOLDFAST 8 \"\" \"Holdfast\" \"Administration\"\n"
        ".SH NAME\nholdfast \\- Hyper\\-V's PowerShell commands for the virtual machines of this host\n"
        ".SH SYNOPSIS\n"
        ".B holdfast\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fB\\-PARAMETER\\fR [\\fIVALUE\\fR]]...\n.br\n"
        ".B holdfast\n[\\fIOPTION\\fR...] '\\fICOMMAND\\fR | \\fICOMMAND\\fR ...'\n"
        ".SH DESCRIPTION\n"
        "Sends commands in PowerShell's grammar to\n.BR holdfastd ,\n"
        "the service of this host, and shows what comes back.\n"
        "One argument is taken as text, so that a whole pipeline can stand in one pair of quotes.\n"
        "Of several arguments each is one value: nothing in it becomes a command, a,b of simple words is a list.\n"
        "Names of commands and parameters have no case, and a unique prefix of a parameter's name is enough.\n"
        ".SH OPTIONS\n"
        ".TP\n.B \\-\\-json\nObjects as a JSON array on standard output; errors and warnings as JSON lines on "
        "standard error.\n"
        ".TP\n.B \\-\\-password\\-stdin\nThe password of a \\fB\\-Credential\\fR \\fIUSER\\fR is one line of "
        "standard input. "
        "Else it is asked for on the terminal. Passwords never are arguments.\n"
        ".TP\n.BI \\-\\-socket \" PATH\"\nAnother socket than /run/holdfast/node.\n"
        ".TP\n.BR \\-\\-help , \" \\-\\-version\"\n"
        ".SH EXIT STATUS\n0 done, 1 with errors, 2 not understood (nothing ran), 130 interrupted.\n"
        ".SH EXAMPLES\n.nf\n"
        "holdfast Get\\-VM \\-Name web01\n"
        "holdfast 'Get\\-VM | Where\\-Object State \\-eq Running | Move\\-VM \\-DestinationHost hv2'\n"
        "holdfast \\-\\-json Get\\-VMHost\n"
        "holdfast help Move\\-VM\n.fi\n"
        ".SH COMMANDS\n";

static const char tail[] =
        ".SH COMMON PARAMETERS\n\\-Verbose, \\-ErrorAction, \\-WarningAction, \\-ProgressAction; \\-WhatIf and "
        "\\-Confirm where "
        "something is changed; \\-AsJob where Hyper\\-V has it: it returns a job at once, and Get\\-Job, Wait\\-Job, Receive\\-Job, "
        "Stop\\-Job and Remove\\-Job are about the jobs of the same session. Here a session is one command text, and its jobs end "
        "with it.\n"
        ".SH FILES\n"
        ".TP\n.I /etc/holdfast/node.json\nWhat Set\\-VMHost sets, and AllowEmulation, "
        "MaximumMachinePasswordAge (days), ReaderGroups, OperatorGroups, "
        "AdministratorGroups, RemoteChannelBinding.\n"
        ".TP\n.I /var/lib/holdfast/jobs.db\nThe jobs of this host, past and running.\n"
        ".TP\n.I /run/holdfast/node\nThe socket of holdfastd; varlinkctl introspect documents it.\n"
        ".SH SEE ALSO\n.BR journalctl (1),\n.BR virsh (1)\n";

static int write_page(void) {
        (void)fputs(head, stdout);
        for (const Command *const *row = node_commands.rows; *row; row++)
                put_command(stdout, *row);
        (void)fputs(tail, stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int write_completion(void) {
        (void)printf("# bash completion for holdfast(8), made from the command table\n"
                     "_holdfast() {\n"
                     "        local word=${COMP_WORDS[COMP_CWORD]} command= i\n"
                     "        local -A parameters=(\n");
        for (const Command *const *row = node_commands.rows; *row; row++) {
                (void)printf("                [%s]='", (*row)->name);
                for (const Parameter *p = (*row)->parameters; p->name; p++)
                        (void)printf("-%s ", p->name);
                for (const Parameter *p = common_parameters(*row); p->name; p++)
                        (void)printf("-%s%s", p->name, p[1].name ? " " : "");
                (void)printf("'\n");
        }
        (void)printf("        )\n"
                     "        for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "                [[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i]} == help ]] || { "
                     "command=${COMP_WORDS[i]}; break; }\n"
                     "        done\n"
                     "        shopt -s nocasematch\n"
                     "        local choices='help --json --password-stdin --help --version' name\n"
                     "        if [[ $command ]]; then\n"
                     "                choices=\n"
                     "                for name in \"${!parameters[@]}\"; do\n"
                     "                        [[ $name != \"$command\" ]] || choices=${parameters[$name]}\n"
                     "                done\n"
                     "        else\n"
                     "                choices+=\" ${!parameters[*]}\"\n"
                     "        fi\n"
                     "        COMPREPLY=()\n"
                     "        for name in $choices; do\n"
                     "                [[ $name != \"$word\"* ]] || COMPREPLY+=(\"$name\")\n"
                     "        done\n"
                     "        shopt -u nocasematch\n"
                     "}\n"
                     "complete -F _holdfast holdfast\n");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[]) {
        if (argc == 2 && strcmp(argv[1], "man") == 0)
                return write_page();
        if (argc == 2 && strcmp(argv[1], "bash") == 0)
                return write_completion();
        (void)fprintf(stderr, "usage: manual man|bash\n");
        return 2;
}
