# SPDX-License-Identifier: Apache-2.0
"""The whole life of a login, with the real provider, in a real browser."""

def test_a_login_outlives_what_it_may_and_nothing_else(walk, own_appliance):
    said = walk("life.mjs", **own_appliance)
    for what in ("deep link:", "two tabs are in", "refreshed:",
                 "ended the session", "an empty store cost one trip",
                 "provider down:", "another host of the domain sees: demo"):
        assert what in said
