# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Building out of tree, and putting the results into the state directory, so
# that a later build never changes what is running.

build_programs()
{
    build_log=$state/log/build.log
    : >"$build_log"
    # Mostly there is nothing to do, or only little.
    [ ! -e "$build/Makefile" ] || step_quiet=3
    step "Building (all cores)" "$build_log" build_all
    step_quiet=0
    ! step_failed || {
        last_lines "$build_log" 20
        die "the build failed" "read $build_log"
    }
    build_keep "$build/azimuthd" "$state/program/azimuthd"
    build_keep "$build/azimuthctl" "$state/program/azimuthctl"
    build_keep "$build/gateway/ngx_http_azimuth_module.so" \
        "$state/program/ngx_http_azimuth_module.so"
    build_keep_folder "$here/dashboard/dist" "$state/program/dashboard"
}

build_all()
{
    set -e
    [ -e "$here/configure" ] || (cd "$here" && autoreconf -fi)
    mkdir -p "$build"
    [ -e "$build/Makefile" ] || (cd "$build" && "$here/configure" "$@")
    build_make
}

build_make()
{
    make -s -C "$build" -j"$(nproc)" all
}

# build_keep FROM TO: a new file takes the old one's place in one move.
build_keep()
{
    [ -e "$1" ] || die "the build made no $1" "read $build_log"
    ! cmp -s "$1" "$2" || return 0
    cp "$1" "$2.new"
    chmod a+rX "$2.new"
    mv -f "$2.new" "$2"
}

build_keep_folder()
{
    [ -d "$1" ] || {
        mkdir -p "$2"
        return 0
    }
    ! diff -rq "$1" "$2" >/dev/null 2>&1 || return 0
    rm -rf "$2.new" "$2.old"
    cp -R "$1" "$2.new"
    chmod -R a+rX "$2.new"
    [ ! -d "$2" ] || mv "$2" "$2.old"
    mv "$2.new" "$2"
    rm -rf "$2.old"
}
