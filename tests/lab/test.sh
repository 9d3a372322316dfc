# test.sh — running suites and counting.  One line per test, then the sum alone on the last line.
# shellcheck shell=bash disable=SC2034

# suite | runner | what it proves
suites=(
        'unit|meson check|pure functions, with sanitizers'
        'wire|meson check|recorded and hand-made packets, with sanitizers'
        'fuzz|meson check|the corpus of every decoder, with sanitizers'
        'layers|meson plain|who includes whom, headers that stand alone, no hidden state'
        'lab|cases [0-57]|moves and refusals between real nodes'
        'powershell|cases 8|the remoting clients'
        'access|cases 6|who may do what: broken permissions, their mends, and the server'"'"'s own word'
        'web||the pages'
        'image||the appliance boots'
        'fault||every ending is named'
        'model||the life of a move'
)

test_run() {
        local wanted=${1:-} row suite runner known=() passed=0 failed=0 skipped=0
        for row in "${suites[@]}"; do
                suite=${row%%|*} row=${row#*|} runner=${row%%|*}
                known+=("$suite")
                [[ ! $wanted || $wanted == "$suite" ]] || continue
                case $runner in
                'meson '*) test_meson "$suite" "${runner#* }" ;;
                'cases '*) test_cases "$suite" "${runner#* }" ;;
                *) say "suite $suite has no tests yet" ;;
                esac
        done
        [[ ! $wanted || " ${known[*]} " == *" $wanted "* ]] || die "there is no suite '$wanted'; there are: ${known[*]}"
        printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
        ((failed == 0))
}

# result ok|FAIL|skip SUITE NAME [REMARK]
result() {
        printf '%-4s  %-7s %s%s\n' "$1" "$2" "$3" "${4:+  ($4)}"
        case $1 in
        ok) passed=$((passed + 1)) ;;
        skip) skipped=$((skipped + 1)) ;;
        *) failed=$((failed + 1)) ;;
        esac
}

# A build serves several suites of one run; when it fails, each of them says so.
build_once() {
        [[ -e $state/built-$1-$$ ]] && return
        mkdir -p "$state"
        rm -f "$state"/built-"$1"-*
        say "building ($1); log: $state/build-$1.log"
        quietly "$state/build-$1.log" "build_$1" && : >"$state/built-$1-$$"
}

test_meson() {
        local suite=$1 build=$2 line log=$state/test-$1.log
        build_once "$build" || { result FAIL "$suite" build "see $state/build-$build.log"; return; }
        tools_run meson test -C "/build/$build" --no-rebuild --suite "$suite" --print-errorlogs >"$log" 2>&1 </dev/null || true
        while read -r line && [[ $line != 'Summary of Failures:' ]]; do
                [[ $line =~ ^[0-9]+/[0-9]+\ (.*[^\ ])\ +(OK|FAIL|TIMEOUT|SKIP|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS|INTERRUPT)\ +([0-9.]+)s ]] ||
                        continue
                case ${BASH_REMATCH[2]} in
                OK|EXPECTEDFAIL) result ok "$suite" "${BASH_REMATCH[1]##*[: ]}" "${BASH_REMATCH[3]} s" ;;
                SKIP) result skip "$suite" "${BASH_REMATCH[1]##*[: ]}" ;;
                *) result FAIL "$suite" "${BASH_REMATCH[1]##*[: ]}" "${BASH_REMATCH[2],,}; see $log" ;;
                esac
        done <"$log"
        if grep -qE 'No suitable tests|No tests defined' "$log"; then
                say "suite $suite has no tests yet"
        elif ! grep -qE '^ *[0-9]+/[0-9]+ ' "$log"; then
                result FAIL "$suite" run "see $log"
        fi
        sed -n '/ ✀ /,/^―*$/p' "$log" | head -n 60 >&2   # what the failing ones printed
}

# test_cases SUITE FIRST-DIGITS: the cases talk to nodes that run the product of this checkout and have joined through it.
test_cases() {
        local suite=$1 digits=$2 file name log code wanted
        build_once plain || { result FAIL "$suite" build "see $state/build-plain.log"; return; }
        (hosts_up 2 >&2) || { result FAIL "$suite" up "the lab did not come up"; return; }
        mkdir -p "$state/test"
        # shellcheck disable=SC2086
        for file in "$lab_dir"/cases/$digits[0-9]-*.sh; do
                [[ -e $file ]] || continue
                name=$(basename "$file" .sh) log=$state/test/$(basename "$file" .sh).log
                wanted=$SECONDS code=0
                LAB=$lab_dir/lab timeout --kill-after=10 600 bash "$file" >"$log" 2>&1 </dev/null || code=$?
                case $code in
                0) result ok "$suite" "$name" "$((SECONDS - wanted)) s" ;;
                77) result skip "$suite" "$name" "$(tail -n 1 "$log")" ;;
                *) result FAIL "$suite" "$name" "see $log"; tail -n 15 "$log" >&2 ;;
                esac
        done
}

bench_run() {
        local name=${1:-} file found=0 code=0
        shift || true
        mkdir -p "$state"
        (build_run)
        (hosts_up 2 >&2) || exit 1
        for file in "$checkout"/tests/bench/*-bench.sh; do
                [[ -e $file ]] || continue
                [[ ! $name || $(basename "$file" -bench.sh) == "$name" ]] || continue
                found=1
                LAB=$lab_dir/lab LAB_NETNS=$lab_netns LAB_BUILD=$state/build/plain bash "$file" "$@" || code=1
        done
        ((found)) || die "there is no benchmark '${name:-at all}' in tests/bench"
        return $code
}
