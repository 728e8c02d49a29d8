# SPDX-License-Identifier: Apache-2.0
"""Playbooks, run by a real ansible-playbook.

  AZIMUTH_CACHE    where Ansible and the base of machines are kept
  AZIMUTH_DEPLOY   1: also what boots a machine (make check-deploy; root)
  AZIMUTH_PACKAGES_DIR  the .deb files, for that
"""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fixture"))

import once  # noqa: E402

PLAYBOOKS = ROOT / "ansible" / "40_thinkube" / "optional" / "qdrant"
RUN_SECONDS = 1800


@pytest.fixture(scope="session")
def tools():
    """The folder of ansible-playbook, ansible-lint and yamllint."""
    requirements = pathlib.Path(__file__).parent / "requirements.txt"
    return once.venv("ansible", requirements).parent


@pytest.fixture(scope="session")
def environment(tools, tmp_path_factory):
    """Of every run: our configuration, no secret of this machine."""
    home = tmp_path_factory.mktemp("ansible")
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith(("ANSIBLE_", "QDRANT_", "ADMIN_"))}
    return {**kept, "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(home), "ANSIBLE_HOME": str(home),
            "ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg")}


class Play:
    """What a run left: `code`, `out`, `changed` and `failed` of all hosts."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout + process.stderr
        recap = self.out.rsplit("PLAY RECAP", 1)[-1]
        self.changed = sum(int(word.split("=")[1]) for word in recap.split()
                           if word.startswith("changed="))

    def __repr__(self):
        at = self.out.find("[ERROR]")
        return f"<exit {self.code}\n{self.out[at:][:2000]}>"


@pytest.fixture(scope="session")
def play(environment):
    def run(inventory, playbook, *arguments, **more):
        return Play(subprocess.run(
            ["ansible-playbook", "-i", str(inventory),
             str(PLAYBOOKS / playbook), *map(str, arguments)],
            env={**environment, **more}, capture_output=True, text=True,
            timeout=RUN_SECONDS, stdin=subprocess.DEVNULL))
    return run
