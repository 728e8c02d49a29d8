#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-cluster: the chart at a real API server. Needs etcd and kubectl of
# Debian; kube-apiserver is built into the cache once, which takes ten minutes
# of a core and more beside others' load, so it is no part of ./appliance check.
set -eu
here=$(cd "$(dirname -- "$0")/../.." && pwd)
for program in etcd kubectl openssl; do
    command -v "$program" >/dev/null || {
        echo "check-cluster needs $program" >&2
        exit 1
    }
done
AZIMUTH_APISERVER=$("$here/tests/deploy/apiserver.sh")
export AZIMUTH_APISERVER PYTHONDONTWRITEBYTECODE=1
"${PYTHON:-python3}" -m pytest -q -ra -p no:cacheprovider -o addopts= \
    "$here/tests/deploy/cluster.py"
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
"${PYTHON:-python3}" -m pytest -q -ra -p no:cacheprovider -o addopts= \
    "$here/tests/deploy/playbooks.py" "$here/tests/deploy/code_server.py"
