# SPDX-License-Identifier: Apache-2.0
"""Redirect targets that some reader takes for another host.

Made from their classes: what stands before the host, how it is written, what
hides it. `python3 -m login.redirects` (in tests/) writes redirects.txt, one
percent-encoded target a line, which the unit test of the guard reads.
"""

import pathlib
import urllib.parse

OWN = "dash.example.test"
EVIL = "evil.example"
FILE = pathlib.Path(__file__).with_suffix(".txt")

# Bytes that browsers drop or take for white space, and some that they keep.
CONTROLS = [*map(chr, range(0, 0x21)), "\x7f", "\x80", "\x85", "\xa0",
            "\u1680", "\u200b", "\u2028", "\u2029", "\u3000", "\ufeff"]
SLASHES = ["//", "///", "////", "/\\", "\\/", "\\\\", "/\\/", "\\/\\/",
           "//\\", "/\\\\", "\\//", "/\\\\/"]
ENCODED_SLASHES = ["%2f", "%2F", "%5c", "%5C", "%252f", "%255c", "%25252f",
                   "%c0%af", "%e0%80%af", "%ef%bc%8f", "%u002f", "%u2215"]
UNICODE_SLASHES = ["\uff0f", "\u2044", "\u2215", "\u29f8", "\ufe68", "\uff3c",
                   "\u3002", "\u2571", "\u12f0\u2f00"]
UNICODE_DOTS = ["\u3002", "\uff0e", "\uff61", "\u2024"]
SCHEMES = ["http:", "https:", "HTTPS:", "hTtPs:", "ftp:", "ws:", "wss:",
           "file:", "blob:", "about:", "javascript:", "JaVaScRiPt:",
           "vbscript:", "data:", "view-source:", "mailto:", "intent:", "x:"]
ADDRESSES = ["[::1]", "[::ffff:127.0.0.1]", "[::", "0x7f.1", "127.1", "0",
             "2130706433", "0x7f000001", "017700000001", "127.0.0.1",
             "localhost", "\u2460\u2461\u2466.0.0.1", "xn--vil-cpa.example",
             "169.254.169.254", "\u0435vil.example"]


def authorities():
    """Behind "https://": our own name, as a part of another's."""
    for between in ("@", ":443@", ":x@", ":@", "%40", ".", "", "-", "%2e",
                    "%00.", "\\@", "\\.", "\t.", "\n@", "%2f@", "%5c@",
                    "%23@", "%3f@", ":443:80@", "&@", ";@", ",", " ", "|"):
        yield f"{OWN}{between}{EVIL}"
    for between in ("#", "?", "/", "\\", "@", "%2f", "%5c", ":80#", ";", "&",
                    "\\@", "/@", "#@", "?@", "%23", "%00"):
        yield f"{EVIL}{between}{OWN}"
    yield f"{EVIL}\\@{OWN}"
    for host in (OWN + ".", OWN + ":8443", OWN + ":0443", OWN + ":", OWN[1:],
                 OWN + ":443x", OWN.replace(".", "X"), f"[{OWN}]",
                 "x" + OWN, "www." + OWN, OWN.split(".", 1)[1], ""):
        yield host
    for dot in UNICODE_DOTS:
        yield EVIL.replace(".", dot)
        yield f"{OWN}{dot}{EVIL}"


def plain():
    for slashes in SLASHES:
        yield f"{slashes}{EVIL}"
        yield f"{slashes}{EVIL}/%2e%2e"
        yield f"{slashes}{OWN}@{EVIL}"
    for control in CONTROLS:
        yield f"{control}//{EVIL}"
        yield f"/{control}/{EVIL}"
        yield f"//{control}{EVIL}"
    for control in "\t\n\r \0":
        yield f"java{control}script:alert(1)"
        yield f"https{control}://{EVIL}"
        yield f"https:{control}//{EVIL}"
        yield f"/{control}\\{EVIL}"
    for slash in UNICODE_SLASHES:
        yield f"{slash}{slash}{EVIL}"
        yield f"/{slash}{EVIL}"
        yield f"https:{slash}{slash}{EVIL}"
    for slash in ENCODED_SLASHES:
        yield f"/{slash}{EVIL}"
        yield f"{slash}{slash}{EVIL}"
        yield f"/{slash}{slash}{EVIL}"
        yield f"https:{slash}{slash}{EVIL}"
    for scheme in SCHEMES:
        for slashes in ("", "/", "//", "///", "\\\\", "/\\"):
            yield f"{scheme}{slashes}{EVIL}"
    yield from ("javascript:alert(1)", f"javascript://{OWN}/%0aalert(1)",
                "data:text/html,<script>alert(1)</script>",
                f"http://{OWN}/", f"HTTP://{OWN}", f"http:{OWN}")
    for authority in authorities():
        yield f"https://{authority}/"
        yield f"//{authority}"
    for address in ADDRESSES:
        yield f"https://{address}/"
        yield f"//{address}"
        yield f"/\\{address}"


def hidden():
    """Behind segments that vanish, line ends, and our own endpoints."""
    for dots in (".", "..", "%2e", "%2E", "%2e%2e", "..%2f", "%2e%2f", ".;",
                 "..;", "x/..", "x/%2e%2e", "x/y/../..", "%252e", "..%5c",
                 "...", "%00", "%09", "%0a"):
        yield f"/{dots}//{EVIL}"
        yield f"/{dots}/\\{EVIL}"
        yield f"/{dots}/%2f{EVIL}"
        yield f"/{dots}\\{EVIL}"
        yield f"{dots}//{EVIL}"
    for end in ("%0d%0a", "%0a", "%0d", "\r\n", "%250d%250a", "\u010d\u010a",
                "%c4%8d%c4%8a", "%e5%98%8d%e5%98%8a"):
        yield f"/{end}Location:%20//{EVIL}"
        yield f"/x{end}{end}<script>"
        yield f"{end}//{EVIL}"
    for path in ("/oauth2/start", "/oauth2/sign_out", "/oauth2/callback?code=x",
                 "/oauth2", "/oauth2/", "/./oauth2/start",
                 "/x/../oauth2/sign_out", "/%6fauth2/start", "/oauth2%2fstart",
                 "/%2e/oauth2/start", f"https://{OWN}/oauth2/sign_out",
                 f"https://{OWN}/x/%2e%2e/oauth2/start",
                 "/%256fauth2/start", f"https://{OWN}//{EVIL}",
                 f"https://{OWN}/\\{EVIL}", f"https://{OWN}/%2f{EVIL}"):
        yield path
        yield f"{path}#//{EVIL}"
    yield from ("", " ", "#", "?", EVIL, "x", "./x", "../x", "%", "/%", "/%z",
                "/%2", f"{EVIL}/", f"?next=//{EVIL}", "null", "undefined",
                "/" + "a" * 9000, "//" + "a" * 9000, f"//{EVIL}/" + "a" * 1200)


def targets():
    """All of them, once each; again with everything escaped."""
    first = list(dict.fromkeys([*plain(), *hidden()]))
    again = [urllib.parse.quote(t, safe="") for t in first[::5]]
    twice = [urllib.parse.quote(t, safe="") for t in again[::3]]
    return list(dict.fromkeys(first + again + twice))


def text():
    return "".join(
        urllib.parse.quote(t, safe="") + "\n" for t in targets()
    )


if __name__ == "__main__":
    FILE.write_text("# SPDX-License-Identifier: Apache-2.0\n" + text())
