# SPDX-License-Identifier: Apache-2.0
"""The public Python client of today, with the packages that the tests pin, in
a folder of its own in the cache."""

import hashlib
import os
import shutil
import subprocess
import sys

from measure.machine import TOP, cache_folder, say

REQUIREMENTS = os.path.join(TOP, "tests", "wire", "clients",
                            "requirements-latest.txt")


def installed():
    """The folder for PYTHONPATH."""
    with open(REQUIREMENTS, "rb") as file:
        digest = hashlib.sha256(file.read() + sys.version.encode())
    folder = cache_folder(f"bench-client-{digest.hexdigest()[:16]}")
    if not os.path.exists(os.path.join(folder, "ready")):
        say("installing qdrant-client")
        shutil.rmtree(folder)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", "--no-deps", "--target", folder,
             "-r", REQUIREMENTS], check=True)
        with open(os.path.join(folder, "ready"), "w"):
            pass
    return folder
