# SPDX-License-Identifier: Apache-2.0
"""The whole life of a login, with the real provider, in a real browser."""


def test_a_login_outlives_what_it_may_and_nothing_else(walk, own_appliance):
    said = walk("life.mjs", **own_appliance)
    for what in ("deep link:", "fragment through redirects:",
                 "fragment through the form:",
                 "a token in a fragment stays in the browser",
                 "without scripts:",
                 "two tabs are in", "both forms were sent, both are in",
                 "refreshed:", "the back channel alone ended the session",
                 "an empty store cost one trip",
                 "a session goes on though its token is over",
                 "a newcomer is told:", "the same session is refreshed again"):
        assert what in said


def test_other_sites_get_what_they_are_given(walk, own_appliance):
    said = walk("foreign.mjs", **own_appliance)
    for what in ("other sites ask without the cookie",
                 "a site on the list sees: demo",
                 "not on the list gets no data"):
        assert what in said
