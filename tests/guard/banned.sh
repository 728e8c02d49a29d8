#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls that cannot be used safely, SPDX lines, stray names.
cd "${top_srcdir:-.}" || exit 99
status=0
calls='strcpy|strcat|strncat|strncpy|sprintf|vsprintf|strtok|gets|gmtime|localtime|ctime|asctime|atoi|atol|atof|alloca|rand|srand|tmpnam|mktemp|system|popen|setenv'
if grep -nE "(^|[^_a-zA-Z0-9>.])($calls)[[:space:]]*\\(" \
    $(find base oauth gateway engine tools -name '*.[ch]'); then
    echo 'banned calls: bounds, locale or threads make them unsafe'
    status=1
fi
for file in $(find base oauth gateway engine tools tests bench dashboard/src \
    ingress -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \
    -o -name '*.mk' -o -name '*.js' -o -name '*.jsx' -o -name '*.conf' \
    -o -name '*.yaml' \) -not -path '*/node_modules/*' \
    -not -path '*/corpus/*' 2>/dev/null); do
    head -n 5 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || {
        echo "$file: no SPDX line"
        status=1
    }
done
exit $status
