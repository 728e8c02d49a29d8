# SPDX-License-Identifier: Apache-2.0
"""A person's way through the appliance, in a real browser."""


def test_login_search_and_sign_out(walk, appliance):
    said = walk("login.mjs", **appliance)
    assert "collection debian_packages" in said
    assert "nearest to" in said
