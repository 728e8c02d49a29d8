#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-cluster: the chart at a real API server. Needs etcd and kubectl of
# Debian; kube-apiserver is built into the cache once, which takes ten minutes
# of a core and more beside others' load, so it is no part of ./appliance check.
#   AZIMUTH_SUMMARY  where the summary of all runs of playbooks is kept
set -eu
here=$(cd "$(dirname -- "$0")/../.." && pwd)
for program in etcd kubectl openssl; do
    command -v "$program" >/dev/null || {
        echo "check-cluster needs $program" >&2
        exit 1
    }
done
AZIMUTH_APISERVER=$("$here/tests/deploy/apiserver.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pids=
# shellcheck disable=SC2086 # several
trap 'kill $pids 2>/dev/null; wait; exit 143' TERM INT
AZIMUTH_SUMMARY=${AZIMUTH_SUMMARY:-$work/summary.txt}
: >"$AZIMUTH_SUMMARY"
export AZIMUTH_APISERVER AZIMUTH_SUMMARY PYTHONDONTWRITEBYTECODE=1
# Playbooks: an Ansible with kubernetes.core, kept in the cache.
cache=${AZIMUTH_CACHE:-/var/cache/azimuth}
venv=$cache/ansible-k8s-venv
[ -e "$venv/ready" ] || {
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        ansible-core==2.19.14 ansible==12.3.0 kubernetes==37.0.2
    touch "$venv/ready"
}
AZIMUTH_ANSIBLE=$venv/bin
export AZIMUTH_ANSIBLE
"$here/tests/deploy/tools.sh" >/dev/null
# Side by side, each file with an API server of its own: most of the time is
# waiting, or Ansible's.
parts="cluster refusals playbooks day2 code_server"
for part in $parts; do
    "${PYTHON:-python3}" -m pytest -v -ra --durations=5 -p no:cacheprovider \
        -o addopts= "$here/tests/deploy/$part.py" >"$work/$part.log" 2>&1 &
    pids="$pids $!"
done
failed=0
for pid in $pids; do
    wait "$pid" || failed=1
done
for part in $parts; do
    cat "$work/$part.log"
done
cat "$AZIMUTH_SUMMARY"
exit "$failed"
