#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A START_TEST that is never added to a suite tests nothing; a test program
# that is in no local.mk is never built.
cd "${top_srcdir:-.}" || exit 99
status=0
for file in $(find tests/unit -name 'test_*.c'); do
    for name in $(sed -n 's/^START_TEST(\([a-z0-9_]*\)).*/\1/p' "$file"); do
        grep -v "^START_TEST" "$file" | grep -qw "$name" || {
            echo "$file: $name is in no suite"
            status=1
        }
    done
    program=${file%.c}
    grep -qrF "$program" --include=local.mk . || {
        echo "$file: in no local.mk"
        status=1
    }
done
exit $status
