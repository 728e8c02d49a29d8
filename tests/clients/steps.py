# SPDX-License-Identifier: Apache-2.0
"""Programs that run steps and print {step: null or what failed} as one JSON
object, the last line of their output. Their sources name the steps."""
import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
RUN_SECONDS = 120


def named(*sources):
    """The steps in these files, in their order."""
    text = "".join((HERE / source).read_text() for source in sources)
    return list(dict.fromkeys(re.findall(r"\bstep_[a-z0-9_]+", text)))


def run(command, **environment):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True,
        timeout=RUN_SECONDS, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
