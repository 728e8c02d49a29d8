#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copies every image of images.txt to a registry, under the names that the
# chart asks for with global.imageRegistry=REGISTRY. Log in with skopeo first.
# usage: mirror.sh REGISTRY    (registry.example.com/library)
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
[ -n "${1:-}" ] || {
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
}
command -v skopeo >/dev/null || {
    echo "mirror.sh needs skopeo" >&2
    exit 1
}
registry=${1#docker://}
registry=${registry%/}
grep -v '^#' "$here/images.txt" | while read -r source; do
    skopeo copy "$source" "docker://$registry/${source##*/}"
done
