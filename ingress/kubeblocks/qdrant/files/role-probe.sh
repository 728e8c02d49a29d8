#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints leader or follower, as the node says of itself.
url=${AZIMUTH_URL:-http://localhost:6333}
role=$(printf 'api-key: %s\n' "${QDRANT__SERVICE__API_KEY:-none}" |
    curl -s -f --header @- "$url/cluster" |
    sed -n 's/.*"role":"\([A-Za-z]*\)".*/\1/p')
case $role in
    Leader) printf leader ;;
    '') exit 1 ;;
    *) printf follower ;;
esac
