#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the login costs: requests with a valid session through the module
# against the same through plain proxy_pass, same nginx, same upstream,
# interleaved. Prints ratios, never absolute figures of this machine.
#   bench/gateway.sh [--runs N] [--seconds S]
# AZIMUTH_BUILD  build directory (default ./build)
# PYTHON         an interpreter with tests/requirements.txt installed
# Needs nginx, valkey-server and wrk.
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
