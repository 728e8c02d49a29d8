# SPDX-License-Identifier: Apache-2.0
from .gateway import COOKIE, Browser


def test_a_browser_is_logged_in_and_lands_where_it_wanted(
    gateway, upstream, browser
):
    reply = browser.login("/dashboard?collection=a%20b&x=1")
    assert browser.local(reply.get("location")) == (
        "/dashboard?collection=a%20b&x=1"
    )
    assert COOKIE in browser.cookies
    page = browser.get("/dashboard")
    assert page.status == 200
    seen = page.json()["headers"]
    assert ["x-auth-request-user", "user-0001"] in seen
    assert ["x-auth-request-email", "ada@example.org"] in seen
    assert ["x-auth-request-preferred-username", "ada"] in seen
