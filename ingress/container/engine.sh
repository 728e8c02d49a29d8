#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts azimuthd in a container. A mounted secret is readable for its group,
# the engine wants its key for itself: it gets a copy in memory, and
# a new one when the container is started again beside the old one's memory.
set -eu
umask 077
secret=${AZIMUTH_SECRETS:-/etc/azimuth/secret}/identity-key
run=${AZIMUTH_RUN:-/run/azimuth}
[ ! -e "$secret" ] || cp -f "$secret" "$run/identity-key"
# shellcheck disable=SC3045 # dash knows both
ulimit -n "$(ulimit -Hn)"
exec azimuthd "$@"
