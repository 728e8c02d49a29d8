#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ingress/REQUIREMENTS.md has every row of the manuals once and in order, each
# with a test or a reason; features.sh looks that the tests exist.
cd "${top_srcdir:-.}" || exit 99

rows=$(i=1; while [ $i -le 66 ]; do
    printf '%s ' $i
    case $i in
        32) printf '32a 32b 32c 32d ' ;;
        52) printf '52a ' ;;
        60) printf '60a ' ;;
    esac
    i=$((i + 1))
done)
awk -F '|' -v wanted="$rows" '
    BEGIN { count = split(wanted, row, " "); at = 1 }
    /^\| [0-9]+[a-z]? \|/ {
        gsub(/ /, "", $2)
        if ($2 != row[at]) {
            print "ingress/REQUIREMENTS.md: row " row[at] " expected, not " $2
            bad = 1
        }
        at++
        if ($4 !~ /`[^`]*(test_|::)|`bench\/`|Not: [a-z`]+ /) {
            print "ingress/REQUIREMENTS.md: row " $2 ": no test, no reason"
            bad = 1
        }
    }
    END {
        if (at != count + 1) {
            print "ingress/REQUIREMENTS.md: " at - 1 " rows, not " count
            bad = 1
        }
        exit bad
    }' ingress/REQUIREMENTS.md
