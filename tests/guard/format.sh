#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# C sources are as clang-format makes them; shell is clean for shellcheck; no
# misspellings. A missing tool skips its part (77 when all are missing).
cd "${top_srcdir:-.}" || exit 99
status=77
format=$(command -v clang-format-14 || command -v clang-format-19 || true)
# Other major versions lay out differently: one version decides.
if [ -n "$format" ] && "$format" --version | grep -q 'version 14'; then
    [ $status = 77 ] && status=0
    "$format" --dry-run -Werror \
        $(find base oauth gateway engine tools tests bench -name '*.[ch]' \
            -not -path '*/node_modules/*') || status=1
fi
if command -v shellcheck >/dev/null; then
    [ $status = 77 ] && status=0
    shellcheck -s sh -e SC2046,SC2044,SC2013 appliance \
        $(find tests build-aux bench ingress dashboard -name '*.sh' \
            -not -path '*/node_modules/*' -exec grep -l '^#!/bin/sh' {} +) ||
        status=1
fi
if command -v codespell >/dev/null; then
    [ $status = 77 ] && status=0
    codespell -q 3 -L 'ser,te,nd,fo,ot,ba,ue,crate,statics' \
        README.md ARCHITECTURE.md CHANGELOG.md base oauth gateway engine tools \
        tests/unit tests/guard bench/*.md ingress || status=1
fi
exit $status
