#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# helm, kubeconform and the schemas they are asked with, kept outside the
# checkout under the hash of what makes them. Prints two folders: programs and
# schemas. Needs Go, whose module proxy is $GOPROXY; the first time takes six
# minutes of a core and 150 MB of downloads.
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
cache=${AZIMUTH_CACHE:-/var/cache/azimuth}
programs=$cache/deploy-bin-$(grep '^install' "$here/tools.txt" |
    sha256sum | cut -c 1-16)
schemas=$cache/deploy-schemas-$(cat "$here/tools.txt" "$here/schemas.py" \
    "$here/tools.sh" | sha256sum | cut -c 1-16)
if [ ! -e "$programs/ready" ] || [ ! -e "$schemas/ready" ]; then
    # Where Debian's golang-1.24-go is.
    PATH=$PATH:/usr/lib/go-1.24/bin
    command -v go >/dev/null || {
        echo "tests/deploy needs Go (1.21 or later), for helm and kubeconform" >&2
        exit 1
    }
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/deploy-work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 143' TERM
    # -modcacherw: what Go keeps can be removed again.
    export GOFLAGS='-buildvcs=false -modcacherw' GOTOOLCHAIN=auto \
        GOMODCACHE="$work/mod" GOCACHE="$work/build"
fi
[ -e "$programs/ready" ] || {
    mkdir -p "$programs"
    sed -n 's/^install //p' "$here/tools.txt" >"$work/install"
    while read -r module; do
        GOBIN=$programs go install "$module" >&2 </dev/null
    done <"$work/install"
    touch "$programs/ready"
}
[ -e "$schemas/ready" ] || {
    files=
    sed -n 's/^schemas //p' "$here/tools.txt" >"$work/schemas"
    while read -r module file; do
        folder=$(cd "$work" && go mod download -json "$module" </dev/null |
            sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
        [ -f "$folder/$file" ] || {
            echo "no $file in $module" >&2
            exit 1
        }
        files="$files $folder/$file"
    done <"$work/schemas"
    rm -rf "$schemas"
    # shellcheck disable=SC2086 # paths of the cache
    "${PYTHON:-python3}" "$here/schemas.py" $files "$schemas"
    # As they are, for an API server.
    mkdir "$schemas/crds"
    for file in $files; do
        case $file in
            *kubeblocks@v0*) ;;
            *.yaml) cp "$file" "$schemas/crds/" ;;
        esac
    done
    touch "$schemas/ready"
}
printf '%s\n' "$programs" "$schemas"
