#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the configure of Debian's nginx sources once, outside of them, with the
# flags of the packaged nginx: nginx-stage.sh SOURCE STAGE ADDON
#   SOURCE  directory with configure and conf_flags (package nginx-dev)
#   STAGE   directory to make: gets ngx_auto_config.h, ngx_auto_headers.h and
#           ngx_http_azimuth_module_modules.c
#   ADDON   directory with our "config"
# bash, because conf_flags is a bash array.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: nginx-stage.sh SOURCE STAGE ADDON" >&2
    exit 2
fi
source_dir=$1
mkdir -p "$2"
stage_dir=$(cd "$2" && pwd)
addon_dir=$(cd "$3" && pwd)

if [ ! -r "$source_dir/conf_flags" ]; then
    echo "nginx-stage: no conf_flags in $source_dir:" \
        "apt-get install nginx-dev" >&2
    exit 1
fi
# shellcheck source=/dev/null
. "$source_dir/conf_flags"

cd "$source_dir"
if ! ./configure "${NGX_CONF_FLAGS[@]}" --builddir="$stage_dir" \
    --with-cc-opt='-g -O2 -fPIC' --add-dynamic-module="$addon_dir" \
    >"$stage_dir/configure.log" 2>&1; then
    tail -n 20 "$stage_dir/configure.log" >&2
    echo "nginx-stage: nginx's configure failed, see" \
        "$stage_dir/configure.log" >&2
    exit 1
fi
