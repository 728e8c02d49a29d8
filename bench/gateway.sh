#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the login costs, beside plain nginx and Apache with mod_auth_openidc;
# --help names the parts.
#   bench/gateway.sh [PART...] [--runs N] [--seconds S]
# AZIMUTH_BUILD  build directory (default ./build)
# PYTHON         an interpreter with tests/requirements.txt installed
# Needs nginx, valkey-server and wrk; `apache` needs apache2 and
# libapache2-mod-auth-openidc (not installed by itself: Debian starts Apache
# at once), `logins` needs make bench/stub-provider.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
for tool in nginx valkey-server wrk; do
    command -v "$tool" >/dev/null || {
        echo "bench/gateway.sh: $tool is missing: apt-get install $tool" >&2
        exit 1
    }
done
PYTHONPATH=$root/tests${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
exec "${PYTHON:-python3}" "$root/bench/gateway.py" "$@"
