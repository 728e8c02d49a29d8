#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests that a table names are there. `FILE::TEST` and `FILE` stand below
# tests/ or beside the table; `::TEST` is of the file before; "unit: a, b" are
# tests/unit/oauth/test_a.c and test_b.c; a * is any part of a name.
cd "${top_srcdir:-.}" || exit 99

# shellcheck disable=SC2016 # backticks are meant
names() { # what is in backticks, and "unit:" lists, a line each
    tr '\n' ' ' <"$1" | grep -oE '`[^`]*`|unit: [a-z_, ]+' |
        awk '/^unit: / {
                 gsub(/^unit: |,/, "")
                 for (i = 1; i <= NF; i++) print "unit/oauth/test_" $i ".c"
                 next
             }
             { gsub(/`/, "") }
             /^[^ ]*::[^ ]+$/ || /^[a-z_.\/]*test_[a-z0-9_]*\.(py|c)$/'
}

fault() {
    echo "$table: $1"
    count=$((count + 1))
}

count=0
for table in gateway/FEATURES.md tests/login/attacks/ATTACKS.md \
    engine/api/ENDPOINTS.md ingress/REQUIREMENTS.md; do
    list=$(names "$table")
    [ -n "$list" ] || fault "names no test"
    file=
    for name in $list; do
        path=${name%%::*}
        if [ -n "$path" ]; then
            file=tests/$path
            [ -f "$file" ] || file=$(dirname "$table")/$path
        fi
        [ -f "$file" ] || { fault "no file $path"; continue; }
        [ "$path" != "$name" ] || continue
        test=$(printf '%s' "${name#*::}" | sed 's/\*/[a-z0-9_]*/g')
        grep -qE "^(def |START_TEST\()$test(\(|\))" "$file" ||
            fault "no ${name#*::} in $file"
    done
done
[ "$count" -eq 0 ]
