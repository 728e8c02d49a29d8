#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# engine.sh SECONDS TARGET...: in the current directory, a build of its own,
# links fuzz targets of the engine with libFuzzer, ASan and UBSan instead of
# replay.c, and runs each for that long, one after another. FUZZ_JOBS of them
# run at a time (1). The exit code is the number of targets that found
# something; their inputs are in TARGET-crash-*, and what reached new code in
# corpus-TARGET/, which the next run goes on from.
set -eu
: "${top_srcdir:?}"
export top_srcdir
seconds=$1
shift
flags=-fsanitize=address,undefined
test -f Makefile || "$top_srcdir/configure" --quiet CC="${FUZZ_CC:-clang-14}"
programs=
for target; do
    programs="$programs tests/fuzz/fuzz_$target"
done
# The programs are words on purpose; replay.c is empty in this mode.
# shellcheck disable=SC2086
${MAKE:-make} --quiet \
    CPPFLAGS=-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION \
    CFLAGS="-g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all \
        -fsanitize=fuzzer-no-link $flags" \
    LDFLAGS="-fsanitize=fuzzer $flags" $programs

search()
{
    mkdir -p "corpus-$1"
    ASAN_OPTIONS=detect_leaks=1:handle_abort=1 \
        "tests/fuzz/fuzz_$1" -max_total_time="$seconds" -max_len=8192 \
        -timeout=25 -rss_limit_mb=3000 -print_final_stats=1 \
        -artifact_prefix="$1-" "corpus-$1" "$top_srcdir/tests/fuzz/corpus/$1" \
        >"$1.log" 2>&1
}

# Named when it ends, whichever ends first.
told()
{
    if search "$1"; then result='nothing found'; else
        result=$(grep -m 1 -E '^SUMMARY|ERROR: ' "$1.log" || echo 'it ended')
        echo "$1" >>found
    fi
    printf '%s: %s runs, %s\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$1.log" |
            tail -n 1)" \
        "$result"
}

rm -f found
running=0
for target; do
    told "$target" &
    running=$((running + 1))
    if [ "$running" -ge "${FUZZ_JOBS:-1}" ]; then
        wait
        running=0
    fi
done
wait
[ ! -f found ] || exit "$(wc -l <found)"
