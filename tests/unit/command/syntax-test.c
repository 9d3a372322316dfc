#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/text.h"
#include "appliance/command/syntax.h"

/* The parse as one line: "Get-VM -Name:'web01' 5 | …"; strings in ', lists in [], hashtables in {}. */
static void put_literal(FILE *to, const Literal *l) {
        static const char *const constants[] = { [LITERAL_TRUE] = "$true", [LITERAL_FALSE] = "$false",
                                                 [LITERAL_NULL] = "$null" };
        if (l->kind == LITERAL_STRING) {
                (void)fprintf(to, "'%s'", l->text);
        } else if (l->kind == LITERAL_NUMBER || l->kind == LITERAL_VALUE || l->kind == LITERAL_BLOCK) {
                auto_free char *number = NULL;
                assert_true(sd_json_variant_format(l->value, 0, &number) >= 0);
                (void)fputs(number, to);
        } else if (l->kind == LITERAL_ARRAY || l->kind == LITERAL_HASHTABLE) {
                (void)fputc(l->kind == LITERAL_ARRAY ? '[' : '{', to);
                for (size_t i = 0; i < l->count; i++) {
                        (void)fprintf(to, "%s%s%s", i ? " " : "", l->items[i].key ? l->items[i].key : "",
                                      l->items[i].key ? "=" : "");
                        put_literal(to, &l->items[i]);
                }
                (void)fputc(l->kind == LITERAL_ARRAY ? ']' : '}', to);
        } else {
                (void)fputs(constants[l->kind], to);
        }
}

static char *describe(const Script *script) {
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        for (size_t p = 0; p < script->count; p++) {
                const Pipeline *pipeline = &script->pipelines[p];
                (void)fprintf(to, "%s%s%s%s", p ? " ; " : "", pipeline->deferred ? "?" : "",
                              pipeline->assign ? pipeline->assign : "", pipeline->assign ? "=" : "");
                if (pipeline->kind == PIPELINE_EXIT)
                        (void)fprintf(to, "exit %d", pipeline->code);
                for (size_t s = 0; s < script->pipelines[p].count; s++) {
                        const Stage *stage = &script->pipelines[p].stages[s];
                        (void)fprintf(to, "%s%s", s ? " | " : "", stage->name);
                        for (size_t a = 0; a < stage->count; a++) {
                                const Argument *argument = &stage->arguments[a];
                                (void)fprintf(to, " %s%s%s", argument->parameter ? "-" : "",
                                              argument->parameter ? argument->parameter : "",
                                              argument->parameter && argument->has_value ? ":" : "");
                                if (argument->has_value)
                                        put_literal(to, &argument->value);
                        }
                }
        }
        (void)fclose(to);
        return text;
}

static const struct { const char *why, *text, *parsed; } rows[] = {
        { "nothing", "", "" },
        { "only blanks and a comment", " \n# Get-VM\n ", "" },
        { "a command", "Get-VM", "Get-VM" },
        { "positional", "Get-VM web01", "Get-VM 'web01'" },
        { "named", "Get-VM -Name web01", "Get-VM -Name 'web01'" },
        { "attached", "Get-VM -Name:web01", "Get-VM -Name:'web01'" },
        { "attached after blanks", "Get-VM -Name: web01", "Get-VM -Name:'web01'" },
        { "switch off", "Remove-VM x -Confirm:$false", "Remove-VM 'x' -Confirm:$false" },
        { "constants without case", "X $TRUE $False $NULL", "X $true $false $null" },
        { "single quotes", "X 'it''s $a `n'", "X 'it's $a `n'" },
        { "double quotes", "X \"a `\"b`\" c\"", "X 'a \"b\" c'" },
        { "doubled double quotes", "X \"a\"\"b\"", "X 'a\"b'" },
        { "a $ that names nothing", "X \"\\\\fs1\\c$\\vms\"", "X '\\\\fs1\\c$\\vms'" },
        { "UNC path bare", "X \\\\fs1\\vms\\a.raw", "X '\\\\fs1\\vms\\a.raw'" },
        { "escapes", "X \"`t`n\" a` b", "X '\t\n' 'a b'" },
        { "pieces make one word", "X a'b c'\"d\"", "X 'ab cd'" },
        { "typographic quotes and dash", "X \xE2\x80\x93Name \xE2\x80\x98" "a b\xE2\x80\x99", "X -Name 'a b'" },
        { "numbers", "X 1 -5 +7 0x10", "X 1 -5 7 16" },
        { "suffixes", "X 4GB 1kb 1.5GB 2TB", "X 4294967296 1024 1610612736 2199023255552" },
        { "quoted is text", "X '5'", "X '5'" },
        { "no number", "X 5x 1.2.3 0xg 4GBs -", "X '5x' '1.2.3' '0xg' '4GBs' '-'" },
        { "list", "X a,b, 3", "X ['a' 'b' 3]" },
        { "list over lines", "X a,\n b", "X ['a' 'b']" },
        { "array expression", "X @(a, 'b') @()", "X ['a' 'b'] []" },
        { "hashtable", "X @{A='x'; B=1,2\n 'c d' = $true}", "X {A='x' B=[1 2] c d=$true}" },
        { "list of hashtables", "X @{A=1},@{A=2}", "X [{A=1} {A=2}]" },
        { "pipeline", "Get-VM|Stop-VM -Force", "Get-VM | Stop-VM -Force" },
        { "pipeline over lines", "Get-VM |\n  Stop-VM", "Get-VM | Stop-VM" },
        { "statements", "Get-VM; Get-VMHost\nGet-VM;;", "Get-VM ; Get-VMHost ; Get-VM" },
        { "continued line", "Get-VM `\n -Name x", "Get-VM -Name 'x'" },
        { "comments", "Get-VM <# all \n of them #> x # yes", "Get-VM 'x'" },
        { "hash inside a word", "X a#b", "X 'a#b'" },
        { "a value first", "'a',2 | X", "Write-Output ['a' 2] | X" },
        { "a number alone", "5", "Write-Output 5" },
        { "what was piped in", "$input | X", "$input | X" },
        { "variable", "X $vm ${vm} $VM", "X \"web\" \"web\" \"web\"" },
        { "in a string", "X \"a $vm ${vm}b $($o.N[0])\"", "X 'a web webb 7'" },
        { "not in single quotes", "X '$vm'", "X '$vm'" },
        { "members", "X $o.N[1] $o.N[-1] $o.n.Count $o.None", "X 8 8 2 $null" },
        { "of each", "X $l.A", "X [1,2]" },
        { "using", "X $using:v", "X 3" },
        { "a member of using", "X $using:vm.Name \"$using:v.\"", "X \"web\" '3.'" },
        { "parameters", "param([string[]]$a, $Vm,\n $b) X $a $vm $b", "X 1 \"web\" $null" },
        { "no parameters", "param() X", "X" },
        { "assignment", "$a = Get-VM x; X $a.Name", "a=Get-VM 'x' ; ?X $null" },
        { "a value assigned", "$A = 'x', 5", "a=Write-Output ['x' 5]" },
        { "to nowhere", "$null = X; Y > $null; Z 2>$null", "=X ; =Y ; Z" },
        { "parenthesis", "X (Get-VM y).Name z", "(3=Get-VM 'y' ; ?X $null 'z'" },
        { "parenthesis first", "(Get-VM).Count", "(1=Get-VM ; ?Write-Output $null" },
        { "parenthesis inside parenthesis", "X (Y (Z))", "(6=Z ; ?(3=Y $null ; ?X $null" },
        { "block of statements", "& { X; Y\n }; Z", "X ; Y ; Z" },
        { "exit", "X; exit 3", "X ; exit 3" },
        { "exit with nothing", "exit $LASTEXITCODE", "exit 0" },
        { "condition", "X { $_.A -eq 'b' -and -not ($_.C -gt 1 -or $PSItem.D) }",
          "X {\"$type\":\"System.Management.Automation.ScriptBlock\",\"Terms\":[{\"Path\":\"A\",\"Value\":\"b\",\"Operator\":\"eq\"},"
          "{\"Join\":\"and\",\"Not\":true,\"Terms\":[{\"Path\":\"C\",\"Value\":1,\"Operator\":\"gt\"},{\"Join\":\"or\",\"Path\":\"D\"}]}]}" },
};

static void test_parse(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                auto_(script_clear) Script script = { 0 };
                ErrorRecord record = { 0 };
                auto_(sd_json_variant_unrefp) sd_json_variant *variables = NULL;
                assert_true(sd_json_parse("{\"vm\":\"web\",\"o\":{\"N\":[7,8]},\"l\":[{\"A\":1},{\"A\":2}],\"using:v\":3,\"using:vm.name\":\"web\",\"args\":[1,2]}", 0, &variables,
                                          NULL, NULL) >= 0);
                if (syntax_parse(rows[i].text, variables, &script, &record) < 0)
                        fail_msg("%s: %s", rows[i].why, record.message);
                auto_free char *parsed = describe(&script);
                if (strcmp(parsed, rows[i].parsed) != 0)
                        fail_msg("%s: got %s", rows[i].why, parsed);
        }
}

static const struct { const char *why, *text, *id, *says;
} refused[] = {
        { "open string", "X 'a", "TerminatorExpectedAtEndOfString", "The string is missing the terminator: '." },
        { "open double string", "X \"a", "TerminatorExpectedAtEndOfString",
          "The string is missing the terminator: \"." },
        { "nothing in front of |", "| X", "EmptyPipeElement", "An empty pipe element is not allowed." },
        { "nothing behind |", "X |", "EmptyPipeElement", "An empty pipe element is not allowed." },
        { "two |", "X || Y", "EmptyPipeElement", "An empty pipe element is not allowed." },
        { "nothing behind ,", "X a,", "MissingArgument", "Missing argument in parameter list." },
        { "hashtable without =", "X @{A}", "MissingEqualsInHashLiteral",
          "Missing '=' operator after key in hash literal." },
        { "open hashtable", "X @{A=1", "IncompleteHashLiteral", "The hash literal was incomplete." },
        { "open array", "X @(a", "MissingEndParenthesisInExpression", "Missing closing ')' in expression." },
        { "nested hashtable", "X @{A=@{B=1}}", "ExpressionNotSupported", "are not supported" },
        { "open comment", "X <# a", "MissingTerminatorMultiLineComment", "The terminator '#>' is missing" },
        { "variable", "X $vm", "VariableNotSupported", "'$vm'" },
        { "variable in a string", "X \"a $vm\"", "VariableNotSupported", "'$vm'" },
        { "variable inside a word", "X a$vm", "VariableNotSupported", "'$vm'" },
        { "a script block that is no condition", "X { Get-VM }", "ExpressionNotSupported", "braces" },
        { "-match", "X { $_.A -match 'b' }", "ExpressionNotSupported", "-match" },
        { "half a condition", "X { $_.A -eq }", "MissingArgument", "Missing argument" },
        { "two conditions", "X { $_.A $_.B }", "ExpressionNotSupported", "conditions" },
        { "open block", "X { $_.A", "ExpressionNotSupported", "conditions" },
        { "open parenthesis", "X (Get-VM", "MissingEndParenthesisInExpression", "closing ')'" },
        { "nothing in parentheses", "X ()", "UnexpectedToken", "Unexpected token ')'" },
        { "a method", "X (Get-VM).Delete()", "ExpressionNotSupported", "Methods" },
        { "arithmetic", "X (1 + 2)", "UnexpectedToken", "Unexpected token '+'" },
        { "deep parentheses", "X (((((((((Y)))))))))", "LimitExceeded", "More than 8" },
        { "a value behind |", "X | 'a'", "ExpressionsMustBeFirstInPipeline", "first element" },
        { "a parameter with a default", "param($a = 1) X", "ExpressionNotSupported", "param()" },
        { "open parameters", "param($a", "ExpressionNotSupported", "param()" },
        { "if", "if ($true) { X }", "ExpressionNotSupported", "'if' is not supported" },
        { "foreach", "foreach ($v in 1) { X }", "ExpressionNotSupported", "'foreach' is not supported" },
        { "a variable that nothing set", "$a = Get-VM; X $b", "VariableNotSupported", "'$b'" },
        { "a variable before it is set", "X $a; $a = Get-VM", "VariableNotSupported", "'$a'" },
        { "compound assignment", "$a = 1; $a += 2", "UnexpectedToken", "Unexpected token '+='" },
        { "a pipe behind a block", "& { X } | Y", "ExpressionNotSupported", "behind a script block" },
        { "open block of statements", "& { X", "MissingEndCurlyBrace", "closing '}'" },
        { "exit with words", "exit now", "UnexpectedToken", "'now'" },
        { "call operator", "& X", "ExpressionNotSupported", "'&'" },
        { "redirection", "X > file", "ExpressionNotSupported", "Redirections" },
        { "merging", "X 2>&1", "ExpressionNotSupported", "Redirections" },
        { "closing brace", "X }", "UnexpectedToken", "Unexpected token '}'" },
        { "not UTF-8", "X \xFF", "InvalidText", "UTF-8" },
};

static void test_refused(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                Script script = { 0 };
                ErrorRecord record = { 0 };
                if (syntax_parse(refused[i].text, NULL, &script, &record) == 0)
                        fail_msg("%s: was accepted", refused[i].why);
                if (strcmp(record.id, refused[i].id) != 0 || !strstr(record.message, refused[i].says))
                        fail_msg("%s: %s: %s", refused[i].why, record.id, record.message);
                assert_string_equal(record.category, "ParserError");
        }
}

static char *repeat(const char *start, const char *piece, size_t count) {
        char *text = malloc(strlen(start) + strlen(piece) * count + 1), *at = stpcpy(text, start);
        for (size_t i = 0; i < count; i++)
                at = stpcpy(at, piece);
        return text;
}

static void test_limits(void **state) {
        static const struct { const char *why, *start, *piece; size_t most; } limits[] = {
                { "commands in a pipeline", "X", "|X", SYNTAX_STAGES_MAX - 1 },
                { "statements", "X", ";X", SYNTAX_PIPELINES_MAX - 1 },
                { "arguments", "X", " a", SYNTAX_ARGUMENTS_MAX },
                { "list items", "X a", ",a", SYNTAX_ITEMS_MAX - 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                auto_free char *fits = repeat(limits[i].start, limits[i].piece, limits[i].most);
                auto_free char *more = repeat(limits[i].start, limits[i].piece, limits[i].most + 1);
                auto_(script_clear) Script script = { 0 };
                ErrorRecord record = { 0 };
                if (syntax_parse(fits, NULL, &script, &record) < 0)
                        fail_msg("%s: %s", limits[i].why, record.message);
                Script none = { 0 };
                assert_int_equal(syntax_parse(more, NULL, &none, &record), -1);
                assert_string_equal(record.id, "LimitExceeded");
        }
        auto_free char *deep = repeat("X ", "@(", 100000);
        auto_free char *long_text = repeat("X ", "aaaaaaaaaaaaaaaa", SYNTAX_TEXT_MAX / 16);
        Script none = { 0 };
        ErrorRecord record = { 0 };
        assert_int_equal(syntax_parse(deep, NULL, &none, &record), -1);
        assert_int_equal(syntax_parse(long_text, NULL, &none, &record), -1);
        assert_string_equal(record.id, "LimitExceeded");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
