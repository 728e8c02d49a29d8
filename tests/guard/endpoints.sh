#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# engine/api/ENDPOINTS.md has a row for every route and every gRPC method, and
# every row that is served names its tests; features.sh looks that they exist.
cd "${top_srcdir:-.}" || exit 99

awk '
function complain(text) { print text; bad = 1 }
FILENAME ~ /ENDPOINTS/ && /^\| (GET|PUT|POST|PATCH|DELETE) / {
    split($0, cell, /[ \t]*\|[ \t]*/)
    gsub(/\/collections\/C/, "/collections/{name}", cell[2])
    row[cell[2]] = $0
    calls = calls " " cell[3] ","
    served[cell[2]] = cell[4] != ""
    if (is_served && cell[4] == "")
        complain("no test over REST: " cell[2])
    if (is_served && cell[3] != "" && cell[5] == "")
        complain("no test over gRPC: " cell[2])
}
FILENAME ~ /ENDPOINTS/ && /^## Not served/ { is_served = 0 }
FILENAME ~ /ENDPOINTS/ && /^# / { is_served = 1 }
FILENAME ~ /routes/ && /(\{ |LATER\()REQUEST_[A-Z]+, / {
    line = $0
    gsub(/, C "/, ", \"/collections/{name}", line)
    gsub(/, C,/, ", \"/collections/{name}\",", line)
    match(line, /REQUEST_[A-Z]+/)
    name = substr(line, RSTART + 8, RLENGTH - 8)
    match(line, /"\/[^"]*"/)
    name = name " " substr(line, RSTART + 1, RLENGTH - 2)
    is_later = $0 ~ /LATER/
    if (!(name in row))
        complain("no row in engine/api/ENDPOINTS.md: " name)
    else if (is_later == served[name])
        complain("engine/api/ENDPOINTS.md says wrongly whether served: " name)
    seen[name] = 1
}
FILENAME ~ /grpc_methods/ && /^    (\{|[A-Z]+\()/ &&
    !/\{ (P name|path),/ { # those are macros
    match($0, /"[^"]*"/)
    name = substr($0, RSTART + 1, RLENGTH - 2)
    sub(/.*\//, "", name)
    if (index(calls, " " name ",") == 0)
        complain("no row in engine/api/ENDPOINTS.md: gRPC " name)
}
END {
    for (name in row)
        if (!(name in seen))
            complain("engine/api/ENDPOINTS.md: no such route: " name)
    exit bad
}
' engine/api/ENDPOINTS.md engine/api/routes.c engine/api/grpc_methods.c
