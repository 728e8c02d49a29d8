# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helm test: a collection of its own is made, filled, searched and deleted.
set -eu
url=$QDRANT_URL/collections/helm_test_$$
ask() {
    method=$1 path=$2
    shift 2
    printf 'header = "api-key: %s"\n' "${QDRANT_API_KEY:-none}" |
        curl -sS -f --config - -X "$method" -H 'Content-Type: application/json' \
            "$url$path" "$@"
}
trap 'ask DELETE "" >/dev/null || :' EXIT
ask PUT '' -d '{"vectors":{"size":4,"distance":"Cosine"}}'
ask PUT '/points?wait=true' -d '{"points":[
    {"id":1,"vector":[0.1,0.9,0.1,0.1]},{"id":2,"vector":[0.9,0.1,0.1,0.1]}]}'
ask POST /points/search -d '{"vector":[0.9,0.1,0.1,0.2],"limit":1}' |
    grep -q '"id":2'
echo found
