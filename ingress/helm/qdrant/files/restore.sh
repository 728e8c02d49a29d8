#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# snapshotRestoration, run beside the engine when a pod starts; the pod is not
# ready before it has ended. A collection that is there already stays as it is.
# usage: restore.sh FILE:COLLECTION...
set -eu
url=${AZIMUTH_URL:-http://127.0.0.1:6333}

ask()
{
    printf 'api-key: %s\n' "${QDRANT__SERVICE__API_KEY:-none}" |
        curl -sS -f --header @- "$@"
}

# A name as a part of an address.
escape()
{
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'
}

until curl -sf "$url/readyz" >/dev/null; do
    sleep 1
done
for item; do
    file=${item%:*}
    at=$url/collections/$(escape "${item##*:}")
    case $(ask "$at/exists") in
        *'"exists":true'*) continue ;;
    esac
    ask -X POST -F "snapshot=@$file" \
        "$at/snapshots/upload?priority=snapshot&wait=true" >/dev/null
done
