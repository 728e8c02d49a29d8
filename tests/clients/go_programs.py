# SPDX-License-Identifier: Apache-2.0
"""The programs of go/: ours of the Go client, and grpcurl."""
import os
import pathlib
import shutil

import pytest

import once
import steps

SOURCE = steps.HERE / "go"
DEBIAN = "/usr/lib/go-1.24/bin"  # of golang-1.24-go, not in PATH
GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl"


def built():
    """The folder with `clients` and `grpcurl`."""
    go = shutil.which("go") or shutil.which("go", path=DEBIAN)
    if go is None:
        pytest.fail("no go: apt-get install golang-1.24-go", False)

    def make(folder):
        once.fetch("the Go client and grpcurl",
                   [go, "build", "-p", "2", "-trimpath", "-ldflags=-s",
                    "-o", f"{folder}{os.sep}", ".", GRPCURL],
                   "go reads GOPROXY; it has to be 1.24 or later", cwd=SOURCE)

    parts = sorted(path for path in SOURCE.iterdir() if path.is_file())
    return once.once("go", parts, make)
