#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds both images with buildah, from what git knows of this tree. The base is
# made by debootstrap once and kept in the cache, or named by BASE.
# usage: build.sh [TAG]    (default: latest)
set -eu
here=$(cd "$(dirname -- "$0")/../.." && pwd)
cache=${AZIMUTH_CACHE:-/var/cache/azimuth}
suite=trixie
tag=${1:-latest}
base=${BASE:-localhost/debian:$suite-slim}
command -v buildah >/dev/null || {
    echo "build.sh needs buildah (and, without BASE, debootstrap)" >&2
    exit 1
}

# The mirror is the one this machine uses.
base_make()
{
    root=$cache/container-base-$suite
    [ -e "$root/etc/os-release" ] || {
        codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
        # shellcheck disable=SC2016 # apt's own variables
        mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
            'Identifier: Packages' |
            awk -v c="$codename" '$1 == c { print $2; exit }')
        rm -rf "$root.new"
        mkdir -p "$cache"
        debootstrap --variant=minbase "$suite" "$root.new" "$mirror" >&2
        rm -rf "$root.new/var/cache/apt/archives" "$root.new/var/lib/apt/lists"
        mkdir -p "$root.new/var/cache/apt/archives/partial" \
            "$root.new/var/lib/apt/lists/partial"
        mv "$root.new" "$root"
    }
    work=$(buildah from scratch)
    buildah add -q "$work" "$root" /
    buildah config --cmd /bin/sh "$work"
    buildah commit -q --rm "$work" "$base"
}

buildah inspect --type image "$base" >/dev/null 2>&1 || base_make
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 143' TERM
(cd "$here" && git ls-files -z | tar -c --null -T - -f -) |
    tar -x -C "$context" -f -
for image in engine gateway; do
    buildah build --isolation=chroot --network=host --layers \
        --build-arg "BASE=$base" --target "$image" \
        -t "localhost/azimuth-$image:$tag" \
        -f "$context/ingress/container/Containerfile" "$context"
done
