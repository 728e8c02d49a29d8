#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh DIRECTORY SECONDS TARGET...: builds fuzz targets of oauth/ with
# libFuzzer, ASan and UBSan, and runs each for that long, one after another.
# `make fuzz` gives the flags in FUZZ_FLAGS and FUZZ_LIBS. The exit code is the
# number of targets that found something; their inputs are in
# DIRECTORY/TARGET-crash-*.
set -eu
directory=$1
seconds=$2
shift 2
cc=${FUZZ_CC:-clang-14}
mkdir -p "$directory"
cd "${top_srcdir:?}"
# The flags are words on purpose.
# shellcheck disable=SC2086
build()
{
    extra=
    [ "$1" != claims ] || extra=tests/unit/oauth/forge.c
    "$cc" -std=gnu11 -g -O1 -fno-omit-frame-pointer \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -I. $FUZZ_FLAGS "tests/fuzz/fuzz_$1.c" $extra oauth/*.c base/*.c \
        $FUZZ_LIBS -o "$directory/fuzz_$1"
}
found=0
for target; do
    build "$target"
    mkdir -p "$directory/corpus-$target"
    log=$directory/$target.log
    "$directory/fuzz_$target" -max_total_time="$seconds" -max_len=8192 \
        -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$directory/$target-" \
        "$directory/corpus-$target" "tests/fuzz/corpus/$target" \
        >"$log" 2>&1 || found=$((found + 1))
    printf '%s: %s runs, %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -E '^SUMMARY|^==.*ERROR' "$log" || echo 'nothing found')"
done
exit "$found"
