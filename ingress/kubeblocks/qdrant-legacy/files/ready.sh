#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ready when the node says that it works.
url=${AZIMUTH_URL:-http://localhost:6333}
if [ -n "${QDRANT__SERVICE__API_KEY:-}" ]; then
    set -- --header @-
fi
printf 'api-key: %s\n' "${QDRANT__SERVICE__API_KEY:-}" |
    curl -s "$@" "$url/cluster" |
    grep -q '"consensus_thread_status":"working"' || {
    echo "consensus stopped"
    exit 1
}
