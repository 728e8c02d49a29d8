# SPDX-License-Identifier: Apache-2.0
"""The engine's keys in a file that systemd reads as EnvironmentFile:

    text | engine_env_keys     {'api-key': base64, ...} of its lines
    key | engine_env_value     how the key is written there
"""
import base64
import re

LINE = re.compile(r"^QDRANT__SERVICE__((?:READ_ONLY_)?API_KEY)=(.*)$", re.M)
PLAIN = re.compile(r"[A-Za-z0-9._~+/=:@%-]*")


def unquoted(text):
    """As systemd understands a value of one line."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\`$])', r"\1", text[1:-1])
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    return re.sub(r"\\(.)", r"\1", text)


def engine_env_keys(text):
    """The last line of a name wins, as for systemd."""
    return {name.lower().replace("_", "-"):
            base64.b64encode(unquoted(value).encode()).decode()
            for name, value in LINE.findall(text)}


def engine_env_value(key):
    """Of what a header can carry (tasks/given.yml)."""
    if PLAIN.fullmatch(key):
        return key
    return '"' + re.sub(r'(["\\`$])', r"\\\1", key) + '"'


class FilterModule:
    def filters(self):
        return {"engine_env_keys": engine_env_keys,
                "engine_env_value": engine_env_value}
