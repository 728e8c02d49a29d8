#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that dashboard/dist is what its sources build: copies the sources to
# a temporary folder, installs the locked packages, runs the unit tests,
# builds, and compares byte by byte. AZIMUTH_CACHE names a folder that keeps
# downloaded packages between runs.
#   dashboard/check.sh            compare; 1 and a list when anything differs
#   dashboard/check.sh --update   build, then replace dashboard/dist
set -eu
cd "$(dirname "$0")"

fail() {
	echo "dashboard: $*" >&2
	exit 1
}

update=no
case "${1-}" in
'') ;;
--update) update=yes ;;
*) fail "unknown argument $1 (known: --update)" ;;
esac

command -v node >/dev/null || fail "node is missing: apt-get install nodejs"
command -v npm >/dev/null || fail "npm is missing: apt-get install npm"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || fail "node $major is too old: 18 or newer is needed"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cache=${AZIMUTH_CACHE:-$work/cache}
mkdir -p "$cache/npm"

for entry in package.json package-lock.json .npmrc vite.config.js \
	index.html src public test; do
	cp -R "$entry" "$work/"
done

root=$PWD
cd "$work"
npm ci --prefer-offline --cache "$cache/npm" --loglevel=error >npm.log 2>&1 || {
	cat npm.log >&2
	fail "the packages could not be installed"
}
npm test >test.log 2>&1 || {
	cat test.log >&2
	fail "a unit test failed"
}
npm run build --loglevel=error >build.log 2>&1 || {
	cat build.log >&2
	fail "the build failed"
}
cd "$root"

if [ $update = yes ]; then
	rm -rf dist
	cp -R "$work/dist" dist
	echo "dashboard: dist replaced"
	exit 0
fi
diff -r "$work/dist" dist >&2 ||
	fail "dist is not what the sources build; run dashboard/check.sh --update"
echo "dashboard: tests pass, dist is what the sources build"
