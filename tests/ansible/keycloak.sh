#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the appliance's Keycloak for a test: keycloak.sh FOLDER PORT. The
# password of the user admin is in FOLDER/secret/keycloak-admin-password.
# shellcheck disable=SC2034,SC1091
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")/../..
state=$1
keycloak_port=$2
cache=${AZIMUTH_CACHE:-/var/cache/azimuth}
issuer=local
owner=
run_as=
. "$here/ingress/local/say.sh"
. "$here/ingress/local/machine.sh"
. "$here/ingress/local/packages.sh"
. "$here/ingress/local/keycloak.sh"
mkdir -p "$state/log" "$state/keycloak"
keycloak_url=http://127.0.0.1:$keycloak_port
keycloak_prepare
cd /
run_keycloak
