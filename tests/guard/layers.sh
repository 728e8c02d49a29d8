#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds the order of the rooms (ARCHITECTURE.md): a file includes only its own
# folder and folders further right, and a third party's header stays in the
# rooms named here.
cd "${top_srcdir:-.}" || exit 99

awk '
function rank(room) {
    n = split("wire api snapshot collection segment filter index storage codec kernel",
              rooms, " ")
    for (i = 1; i <= n; i++)
        if (rooms[i] == room)
            return i
    return 0
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}
/^#include "/ {
    split($2, quoted, "\"")
    parts = split(quoted[2], path, "/")
    split(FILENAME, own, "/")
    if (own[1] == "engine" && own[3] != "")
        room = own[2]
    else
        room = ""
    if (path[1] == "base" || path[1] == own[1] && own[1] != "engine")
        next
    if (own[1] == "gateway" && path[1] == "oauth")
        next
    if (own[1] == "tests" || own[1] == "bench" || quoted[2] == "config.h")
        next
    if (own[1] != "engine" || path[1] != "engine") {
        complain("may not include " quoted[2])
        next
    }
    if (room == "")
        next # main.c and the files beside it
    if (parts == 2) {
        if (path[2] != "error.h" && rank(room) > rank("collection"))
            complain(room " may not include " quoted[2])
        next
    }
    if (rank(path[2]) == 0 || rank(path[2]) < rank(room))
        complain(room " may not include " quoted[2])
}
/^#include </ {
    split(FILENAME, own, "/")
    where = own[1] == "engine" && own[3] != "" ? own[2] : own[1]
    if (own[1] == "tests" || own[1] == "bench")
        next
    if (/<rocksdb\// && where != "storage")
        complain("RocksDB stays in engine/storage")
    if (/<(microhttpd|uv)\.h>/ && where != "wire" && where != "engine")
        complain("libuv and libmicrohttpd stay in engine/wire and main.c")
    if (/<(nghttp2\/|zlib\.h)/ && where != "wire")
        complain("nghttp2 and zlib stay in engine/wire")
    if (/<yyjson\.h>/ && rank(where) == 0)
        complain("yyjson stays in the rooms of the engine")
    if (/<roaring\// && where != "filter" && where != "index" &&
        where != "segment")
        complain("CRoaring stays in filter, index and segment")
    if (/<(jansson|jwt)\.h>/ && where != "oauth" && where != "tools")
        complain("jansson and libjwt stay in oauth and tools")
    if (/<ngx_|<hiredis\// && where != "gateway")
        complain("nginx and hiredis stay in gateway")
    if (/<curl\// && where != "gateway" && where != "tools" &&
        where != "snapshot")
        complain("curl stays in gateway, tools and engine/snapshot")
    if (/<yaml\.h>/ && where != "engine")
        complain("libyaml stays in engine/config")
}
END { exit bad }
' $(find base oauth gateway engine tools -name '*.[ch]')
