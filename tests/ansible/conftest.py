# SPDX-License-Identifier: Apache-2.0
"""Playbooks, run by a real ansible-playbook.

  AZIMUTH_CACHE    where Ansible and the base of machines are kept
  AZIMUTH_DEPLOY   1: also what boots a machine (make check-deploy; root)
  AZIMUTH_PACKAGES_DIR      the .deb files, for that
  AZIMUTH_OLD_PACKAGES_DIR  those of an older version (default: the same files
                            under a lower number)
  AZIMUTH_SUMMARY  a file: what each playbook did, and how long it took
"""
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fixture"))

import once  # noqa: E402
from names import localhost_names  # noqa: E402

PLAYBOOKS = ROOT / "ansible" / "40_thinkube" / "optional" / "qdrant"
RUN_SECONDS = 1800
# Both groups are this machine.
INVENTORY = """\
all:
  vars:
    ansible_connection: local
    ansible_become: false
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    azimuth_platform: bare
    domain_name: example.com
    keycloak_url: http://127.0.0.1:1
    keycloak_realm: main
  children:
    azimuth_gateway: {hosts: {box: }}
    azimuth_engine: {hosts: {box: }}
"""


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


def recaps(output):
    """The lines below each PLAY RECAP, without colours and Molecule's frame."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    return [re.sub(r" +", " ", line) for line in
            re.findall(r"^[│ ]*(\S+ +: ok=.*?) *$", plain, re.M)]


def keep(line):
    """Writes a line of the summary, where one is asked for."""
    if os.environ.get("AZIMUTH_SUMMARY"):
        with open(os.environ["AZIMUTH_SUMMARY"], "a", encoding="utf-8") as out:
            out.write(line + "\n")


class Play:
    """What a run left: `code`, `out`, `changed` of all hosts."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout + process.stderr
        self.recaps = recaps(self.out)
        self.changed = sum(map(int, re.findall(
            r"changed=(\d+)", " ".join(self.recaps))))

    def __repr__(self):
        at = max(self.out.find("[ERROR]"), 0)
        return f"<exit {self.code}\n{self.out[at:][:3000]}>"


@pytest.fixture(scope="session")
def run_play(environment):
    def run(inventory, playbook, *arguments, **more):
        started = time.monotonic()
        done = Play(subprocess.run(
            ["ansible-playbook", "-i", str(inventory),
             str(PLAYBOOKS / playbook), *map(str, arguments)],
            env={**environment, **more}, capture_output=True, text=True,
            timeout=RUN_SECONDS, stdin=subprocess.DEVNULL))
        done.seconds = time.monotonic() - started
        return done
    return run


@pytest.fixture
def play(run_play, request):
    """play(inventory, playbook, *arguments, **environment)"""
    def run(inventory, playbook, *arguments, **more):
        done = run_play(inventory, playbook, *arguments, **more)
        words = " ".join(map(str, [playbook, *arguments]))
        keep(f"{request.node.name}: {words}: exit {done.code}, "
             f"{done.seconds:.0f} s; {'; '.join(done.recaps)}")
        return done
    return run


@pytest.fixture(scope="session")
def packages():
    folder = os.environ.get("AZIMUTH_PACKAGES_DIR")
    assert folder, "AZIMUTH_PACKAGES_DIR names the folder of .deb files"
    return pathlib.Path(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory, packages):
    """A fresh machine and a Keycloak; an older version is to be installed."""
    import bare
    folder = tmp_path_factory.mktemp("site")
    old = bare.older(packages, tmp_path_factory.mktemp("older"))
    with localhost_names(), bare.running_site(folder, old) as one:
        yield one


@pytest.fixture(scope="module")
def two(tmp_path_factory, packages):
    """A machine for the gateway and one for the engine, and a Keycloak."""
    import bare
    folder = tmp_path_factory.mktemp("two")
    with localhost_names(), bare.running_site(folder, packages, True) as site:
        yield site
