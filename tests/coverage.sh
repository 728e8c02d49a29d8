#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh PROGRAM...: builds the unit tests of oauth/ in the current
# directory with gcc's coverage, runs them and says how much of oauth/ they
# reach; fails below the bar. Assertions count as branches. Needs gcovr.
#   make check-coverage [COVERAGE_LINES=95] [COVERAGE_BRANCHES=80]
set -eu
top=$(cd "${top_srcdir:?}" && pwd -P)
command -v gcovr >/dev/null || {
    echo "check-coverage: install gcovr (Debian: apt-get install gcovr)" >&2
    exit 1
}
# Without optimisation every line is where it was written; then glibc has no
# fortified functions and says so.
[ -f Makefile ] ||
    "$top/configure" --quiet CFLAGS='-O0 -g --coverage -Wno-cpp'
"${MAKE:-make}" -s "$@"
find oauth base -name '*.gcda' -exec rm -f {} +
for program; do
    "./$program" >"$program.log" 2>&1 || {
        cat "$program.log"
        exit 1
    }
done
for figure in --print-summary --branches; do
    gcovr --root "$top" --object-directory . --filter "$top/oauth/" \
        $figure --fail-under-line "${COVERAGE_LINES:-95}" \
        --fail-under-branch "${COVERAGE_BRANCHES:-80}" oauth
done
