#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts the engine of one pod. It does not cluster: pods beside the first would
# be databases of their own behind one service, so they refuse to start.
set -eu
annotations=${AZIMUTH_ANNOTATIONS:-/etc/annotations}
config=${AZIMUTH_CONFIG:-/qdrant/config/production.yaml}
pod=${KB_POD_NAME:-$(hostname)}
replicas=$(cat "$annotations/component-replicas" 2>/dev/null || echo 1)
case ${pod##*-} in
    0) ;;
    *)
        echo "$pod: this version does not cluster; ${replicas:-1} replicas are" \
            "wanted: scale back to 1" | tee "${AZIMUTH_LAST_WORDS:-/dev/termination-log}" >&2
        exit 1
        ;;
esac
exec azimuthd --config-path "$config" --uri "http://$pod:6335"
