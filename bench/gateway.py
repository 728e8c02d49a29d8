# SPDX-License-Identifier: Apache-2.0
"""What the login costs, side by side with its peers in one run.

  own      warm and store-backed sessions against plain proxy_pass
  apache   the same requests against Apache with mod_auth_openidc
  hang     the open host while Valkey or the provider hangs
  logins   whole logins per second
  memory   of a cached session, of a login that waits

Runs take turns; each ratio is the median over pairs of runs, with the least
and the most. CPU is that of the server's own processes per request, which
other programs on the machine disturb less than throughput.
"""

import argparse

from login.gateway import MODULE

from edge import apache, hang, logins, memory, peers, table

PARTS = ("own", "apache", "hang", "logins", "memory")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help="what to measure; default: all")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    assert MODULE.exists(), f"{MODULE} is not built; set AZIMUTH_BUILD"
    parts = arguments.parts or PARTS
    for part in parts:
        if part not in PARTS:
            parser.error(f"no part {part}; there are {', '.join(PARTS)}")
    if "own" in parts:
        table.show(peers.own_cost(arguments.runs, arguments.seconds))
    if "apache" in parts:
        packages = apache.missing()
        if packages:
            parser.error("for apache: apt-get install " + " ".join(packages))
        table.show(peers.beside_apache(arguments.runs, arguments.seconds))
    if "hang" in parts:
        table.show(hang.rows(arguments.runs, arguments.seconds))
    if "logins" in parts:
        if not logins.STUB.exists():
            parser.error("for logins: make bench/stub-provider")
        logins.show(5 * arguments.seconds)
    if "memory" in parts:
        memory.show()


if __name__ == "__main__":
    main()
