#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kube-apiserver, built from its Go module into the cache: some ten minutes of a
# core, once. Prints the folder that holds it.
set -eu
version=1.33.13
cache=${AZIMUTH_CACHE:-/var/cache/azimuth}
folder=$cache/kube-apiserver-$version
[ ! -e "$folder/kube-apiserver" ] || {
    echo "$folder"
    exit 0
}
PATH=$PATH:/usr/lib/go-1.24/bin
mkdir -p "$folder"
work=$(mktemp -d "$cache/apiserver-work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
export GOFLAGS='-buildvcs=false -modcacherw -mod=mod' GOTOOLCHAIN=auto \
    GOMODCACHE="$work/mod" GOCACHE="$work/build" CGO_ENABLED=0 GOWORK=off
source=$(cd "$work" && GOFLAGS=-modcacherw go mod download -json \
    "k8s.io/kubernetes@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cp -r "$source" "$work/source"
chmod -R u+w "$work/source"
cd "$work/source"
# What stands beside it in its own repository are modules of their own here.
staging=v0.${version#1.}
sed -i "s|^\(.*\) => \./staging/src/\([^ ]*\)\$|\1 => \2 $staging|" go.mod
rm -rf staging go.work vendor
names=k8s.io/component-base/version
go build -trimpath -o "$folder/kube-apiserver.new" -ldflags "-s -w \
    -X $names.gitVersion=v$version -X $names.gitMajor=1 \
    -X $names.gitMinor=33" ./cmd/kube-apiserver >&2
mv "$folder/kube-apiserver.new" "$folder/kube-apiserver"
echo "$folder"
