#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The other way: each snapshot of the backup becomes its collection again.
set -eu
PATH=$PATH:${DP_DATASAFED_BIN_PATH:-}
export DATASAFED_BACKEND_BASE_PATH="$DP_BACKUP_BASE_PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
url=http://$DP_DB_HOST:${DP_DB_PORT:-6333}

datasafed list / | sed -n 's|^/*\([^/]*\)\.snapshot$|\1|p' >"$work/names"
while read -r name; do # escaped already
    datasafed pull "/$name.snapshot" "$work/snapshot"
    printf 'api-key: %s\n' "${QDRANT_API_KEY:-none}" |
        curl -sS -f --header @- -X POST -F "snapshot=@$work/snapshot" \
            "$url/collections/$name/snapshots/upload?priority=snapshot&wait=true"
    rm "$work/snapshot"
    echo " restored $name"
done <"$work/names"
