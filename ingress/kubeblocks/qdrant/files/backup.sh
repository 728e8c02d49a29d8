#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# KubeBlocks calls it in a job of its own, with datasafed for the store: a
# snapshot of each collection goes there as it is read, and is deleted here.
set -eu
PATH=$PATH:${DP_DATASAFED_BIN_PATH:-}
export DATASAFED_BACKEND_BASE_PATH="$DP_BACKUP_BASE_PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
url=http://$DP_DB_HOST:${DP_DB_PORT:-6333}

ask()
{
    method=$1 path=$2
    shift 2
    printf 'api-key: %s\n' "${QDRANT_API_KEY:-none}" |
        curl -sS -f --header @- -X "$method" "$@" "$url$path"
}

# A name as a part of an address; it holds no quote and no backslash.
escape()
{
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'
}

# Brackets and braces are letters of a name like others; a quote ends it.
ask GET /collections >"$work/collections"
grep -o '"name":"[^"]*"' "$work/collections" | cut -d '"' -f 4 >"$work/names" || :
while read -r name; do
    at=/collections/$(escape "$name")/snapshots
    snapshot=$(ask POST "$at" </dev/null |
        sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
    [ -n "$snapshot" ] || {
        echo "no snapshot of $name" >&2
        exit 1
    }
    { ask GET "$at/$(escape "$snapshot")" || touch "$work/failed"; } </dev/null |
        datasafed push - "/$(escape "$name").snapshot"
    [ ! -e "$work/failed" ]
    ask DELETE "$at/$(escape "$snapshot")" </dev/null >/dev/null
    echo "saved $name"
done <"$work/names"
size=$(datasafed stat / | sed -n 's/.*TotalSize: *\([0-9]*\).*/\1/p')
printf '{"totalSize":"%s"}\n' "${size:-0}" >"$DP_BACKUP_INFO_FILE"
