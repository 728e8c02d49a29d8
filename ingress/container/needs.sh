#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Debian packages of the libraries that programs are linked with.
# usage: needs.sh FILE...
set -eu
for program; do
    ldd "$program"
done | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r file; do
    # A merged /usr: dpkg may know a library by the other name.
    { dpkg -S "$(readlink -f "$file")" || dpkg -S "$file" ||
        dpkg -S "/usr$file"; } 2>/dev/null | head -n 1
done | sed 's/:.*//' | sort -u
