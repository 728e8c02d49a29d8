#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files have at most 800 lines, functions at most 70.
cd "${top_srcdir:-.}" || exit 99

awk '
FNR == 1 { name = "" }
FNR == 801 {
    printf "%s: more than 800 lines\n", FILENAME
    bad = 1
}
/^[a-zA-Z_][a-zA-Z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name) }
/^{/ { start = FNR }
/^}/ {
    if (start && FNR - start - 1 > 70) {
        printf "%s:%d: %s has %d lines\n", FILENAME, start, name,
               FNR - start - 1
        bad = 1
    }
    start = 0
}
END { exit bad }
' $(find base oauth gateway engine tools tests bench -name '*.[ch]' \
    -not -path '*/node_modules/*')
