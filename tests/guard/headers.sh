#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header has the guard FOLDER_FILE_H, and its #endif closes the file.
cd "${top_srcdir:-.}" || exit 99
status=0
for file in $(find base oauth gateway engine tools -name '*.h'); do
    guard=$(printf '%s' "$file" | tr 'a-z/.-' 'A-Z___')
    if ! grep -qx "#ifndef $guard" "$file" ||
        ! grep -qx "#define $guard" "$file" ||
        [ "$(tail -n 1 "$file")" != "#endif /* $guard */" ]; then
        echo "$file: the guard is not $guard, or does not close the file"
        status=1
    fi
done
exit $status
