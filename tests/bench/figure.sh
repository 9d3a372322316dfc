# figure.sh — from interleaved runs to one JSON object per figure.  Sourced by the benchmarks.
# shellcheck shell=bash
#
# A benchmark runs A (ours) and B (the baseline) in turn, appends each value to a file, and calls
# figure().  The first run of each is dropped, medians are compared, and the result is a ratio:
# times on a shared machine mean little by themselves.  Where a time was promised as such, bound() holds
# us to it, and the ratio beside it says what the machine was like.

# interleave RUNS A B FUNCTION_A FUNCTION_B: each function prints one number; one run more is made and dropped.
interleave() {
        local runs=$1 a=$2 b=$3 ours=$4 baseline=$5 i
        : >"$a" >"$b"
        for ((i = 0; i <= runs; i++)); do
                "$ours" >>"$a" || return 1
                "$baseline" >>"$b" || return 1
        done
}

# figure NAME UNIT lower|higher GOAL A B: the values' files, one number a line, oldest first.
# GOAL is the bound on the ratio A/B.  Fails when it does not hold.
figure() { figure_of ratio "$@"; }
# bound NAME UNIT lower|higher GOAL A B: as figure(), but GOAL is the bound on A's own value.
bound() { figure_of value "$@"; }

figure_of() {
        awk -v of="$1" -v name="$2" -v unit="$3" -v better="$4" -v goal="$5" '
                function sorted(v, n,   i, j, t) {
                        for (i = 2; i <= n; i++)
                                for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
                }
                function at(v, n, q,   x, i) {  # quantile by linear interpolation
                        x = 1 + (n - 1) * q; i = int(x)
                        return i >= n ? v[n] : v[i] + (x - i) * (v[i + 1] - v[i])
                }
                FNR == 1 { file++; next }       # the first run of each is dropped
                file == 1 { a[++n] = $1 + 0 }
                file == 2 { b[++m] = $1 + 0 }
                END {
                        if (n < 1 || n != m) { print "bench: " name ": no runs to compare" >"/dev/stderr"; exit 2 }
                        sorted(a, n); sorted(b, m)
                        value = at(a, n, 0.5); base = at(b, m, 0.5)
                        if (base == 0) { print "bench: " name ": the baseline is 0" >"/dev/stderr"; exit 2 }
                        ratio = value / base
                        judged = of == "value" ? value : ratio
                        holds = better == "lower" ? judged <= goal : judged >= goal
                        printf "{\"figure\": \"%s\", \"value\": %.6g, \"baseline\": %.6g, \"ratio\": %.4g, \"unit\": \"%s\", " \
                               "\"better\": \"%s\", \"goal\": %g, \"goal_of\": \"%s\", \"holds\": %s, \"runs\": %d, \"spread\": %.3g}\n",
                               name, value, base, ratio, unit, better, goal, of, holds ? "true" : "false", n,
                               value ? (at(a, n, 0.75) - at(a, n, 0.25)) / value : 0
                        exit !holds
                }' "$6" "$7"
}
