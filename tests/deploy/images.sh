#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-images: builds both images and runs their root folders read-only,
# as the image's user, in a network of their own, with what the chart writes
# for them. Needs root, buildah, debootstrap and systemd-container; the first
# build takes minutes, so it is no part of ./appliance check.
set -eu
here=$(cd "$(dirname -- "$0")/../.." && pwd)
for program in buildah debootstrap systemd-nspawn unshare; do
    command -v "$program" >/dev/null || {
        echo "check-images needs $program" >&2
        exit 1
    }
done
[ "${1:-}" = run ] || "$here/ingress/container/build.sh" check
work=$(mktemp -d)
names=
clean()
{
    for name in $names; do
        buildah umount "$name" >/dev/null 2>&1 || :
        buildah rm "$name" >/dev/null 2>&1 || :
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 143' TERM INT
for image in engine gateway; do
    name=$(buildah from --pull-never "localhost/azimuth-$image:check")
    names="$names $name"
    buildah mount "$name" >"$work/$image.root"
    buildah inspect --type image "localhost/azimuth-$image:check" \
        >"$work/$image.json"
done
export AZIMUTH_IMAGES="$work" PYTHONPATH="$here/tests" PYTHONDONTWRITEBYTECODE=1
# Ports are those of a pod: nobody else is in this network. Programs meet at an
# address that is not loopback, as pods do: Valkey tells them apart.
# shellcheck disable=SC2016 # the inner shell's
unshare --net sh -c 'ip link set lo up && ip addr add 10.99.0.1/32 dev lo &&
    exec "$@"' sh \
    "${PYTHON:-python3}" -m pytest -q -ra -p no:cacheprovider -o addopts= \
    "$here/tests/deploy/images.py"
