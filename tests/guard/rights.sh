#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# engine/api/RIGHTS.md has a row for every route and names every gRPC method
# beside its route: test_rights_table.py calls what is there under every kind of
# key and token, and nothing is left out. A new row is
#   | POST /collections/C/x | Points/X | write |
# and then: python tests/wire/rights_table.py > new && mv new engine/api/RIGHTS.md
cd "${top_srcdir:-.}" || exit 99

awk '
function complain(text) { print text; bad = 1 }
# The patterns of the C sources, spelled as in the table.
function plain(line) {
    gsub(/, C "\//, ", \"/collections/C/", line)
    gsub(/, C,/, ", \"/collections/C\",", line)
    gsub(/\/collections\/\{name\}/, "/collections/C", line)
    return line
}
function named(line, where) {
    match(line, /REQUEST_[A-Z]+|(^|[ (,])(GET|PUT|POST|DELETE|PATCH),/)
    name = substr(line, RSTART, RLENGTH)
    gsub(/REQUEST_|[ (,]/, "", name)
    rest = substr(line, where)
    match(rest, /"\/[^"]*"/)
    return name " " substr(rest, RSTART + 1, RLENGTH - 2)
}
FILENAME ~ /RIGHTS/ && /^\| (GET|PUT|POST|PATCH|DELETE) / {
    split($0, cell, /[ \t]*\|[ \t]*/)
    row[cell[2]] = 1
    count = split(cell[3], methods, " ")
    for (i = 1; i <= count; i++)
        route[methods[i]] = cell[2]
}
FILENAME ~ /routes/ && /(\{ |LATER\()REQUEST_[A-Z]+, / {
    name = named(plain($0), 1)
    if (!(name in row))
        complain("no row in engine/api/RIGHTS.md: " name)
    seen[name] = 1
}
FILENAME ~ /grpc_methods/ && /^    (\{|[A-Z]+\()/ &&
    !/\{ (P name|path),/ { # those are macros
    match($0, /"[^"]*"/)
    method = substr($0, RSTART + 1, RLENGTH - 2)
    after = RSTART + RLENGTH
    line = plain($0)
    if (/\(S "/)
        method = "Collections/" method
    else if (substr(method, 1, 1) != "/")
        method = "Points/" method
    sub(/^\/(qdrant\.)?/, "", method)
    called[method] = 1
    if (!(method in route))
        complain("not in engine/api/RIGHTS.md: gRPC " method)
    else if (!/ READ\(|^    (READ|UPDATE)\(/ &&
             route[method] != named(line, after))
        complain("engine/api/RIGHTS.md: gRPC " method " is of " \
                 named(line, after))
}
END {
    for (name in row)
        if (!(name in seen))
            complain("engine/api/RIGHTS.md: no such route: " name)
    for (method in route)
        if (!(method in called))
            complain("engine/api/RIGHTS.md: no such gRPC method: " method)
    exit bad
}
' engine/api/RIGHTS.md engine/api/routes.c engine/api/grpc_methods.c
