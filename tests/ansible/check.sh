#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-deploy: builds the Debian packages from the tree, lets lintian
# judge them, and runs tests/ansible on a machine of systemd-nspawn. As root.
set -eu
cd "${top_srcdir:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in dpkg-buildpackage dh lintian debootstrap systemd-nspawn; do
    command -v "$program" >/dev/null || {
        echo "no $program: apt-get install dpkg-dev debhelper lintian" \
            "debootstrap systemd-container" >&2
        exit 77
    }
done
mkdir "$work/azimuth"
git ls-files -co --exclude-standard | tar -cf - -T - |
    tar -xf - -C "$work/azimuth"
(
    cd "$work/azimuth"
    DEB_BUILD_OPTIONS="parallel=$(nproc) nocheck" \
        dpkg-buildpackage -us -uc -b >"$work/build.log" 2>&1
) || {
    tail -n 30 "$work/build.log" >&2
    exit 1
}
# Whoever publishes them has an address; a tree has none.
lintian --fail-on error,warning --suppress-tags \
    bogus-mail-host,bogus-mail-host-in-debian-changelog "$work"/*.changes
AZIMUTH_DEPLOY=1 AZIMUTH_PACKAGES_DIR=$work \
    ${PYTHON:-python3} -m pytest -q -ra -p no:cacheprovider -o addopts= \
    tests/ansible
