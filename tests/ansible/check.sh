#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-deploy: builds the Debian packages from the tree, lets lintian
# judge them, and runs tests/ansible on machines of systemd-nspawn. As root.
#   check.sh [FILES-OF-TESTS...]
#   AZIMUTH_PACKAGES_DIR  .deb files that are built already
#   AZIMUTH_SUMMARY       where the summary of all runs is kept
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

build_packages()
{
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
    AZIMUTH_PACKAGES_DIR=$work
}

[ -n "${AZIMUTH_PACKAGES_DIR:-}" ] || build_packages
[ $# != 0 ] || set -- tests/ansible
AZIMUTH_SUMMARY=${AZIMUTH_SUMMARY:-$work/summary.txt}
: >"$AZIMUTH_SUMMARY"
export AZIMUTH_PACKAGES_DIR AZIMUTH_SUMMARY
code=0
AZIMUTH_DEPLOY=1 ${PYTHON:-python3} -m pytest -v -ra --durations=0 \
    -p no:cacheprovider -o addopts= "$@" || code=$?
cat "$AZIMUTH_SUMMARY"
exit "$code"
