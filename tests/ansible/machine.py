# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian 12 with a real systemd, booted by systemd-nspawn over a base
that is made once (AZIMUTH_CACHE/machine-bookworm). It shares this machine's
network; sshd listens on a port of its own on loopback. Needs root."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from once import cache

BOOT_SECONDS = 120
BASE_PACKAGES = ("systemd systemd-sysv dbus openssh-server python3 python3-apt "
                 "ca-certificates iproute2 procps")


def available():
    return os.getuid() == 0 and all(
        shutil.which(name) for name in ("debootstrap", "systemd-nspawn"))


def base():
    """The root folder that every machine begins as."""
    folder = cache() / "machine-bookworm"
    ready = folder.with_suffix(".ready")
    if ready.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(["sh", "-ec", BASE_SCRIPT.format(
        folder=folder, packages=BASE_PACKAGES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ready.touch()
    return folder


BASE_SCRIPT = """
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
    'Identifier: Packages' | awk '$1 == "bookworm" {{ print $2; exit }}')
debootstrap --variant=minbase bookworm {folder} "$mirror"
cp /etc/apt/apt.conf.d/* {folder}/etc/apt/apt.conf.d/ 2>/dev/null || :
mkdir -p {folder}/usr/local/share/ca-certificates
cp /usr/local/share/ca-certificates/* \
    {folder}/usr/local/share/ca-certificates/ 2>/dev/null || :
systemd-nspawn --register=no --keep-unit --pipe -q -D {folder} sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -q -y --no-install-recommends install {packages}
    update-ca-certificates
    apt-get clean'
"""


class Machine:
    """`with Machine(folder) as machine:`; `machine.sh("command")` runs there
    as root and returns what it printed."""

    def __init__(self, folder, ssh_port):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root"
        self.ssh_port = ssh_port
        self.key = self.folder / "key"
        self.process = None

    def __enter__(self):
        for name in ("root", "upper", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "overlay", "azimuth-machine", "-o",
             f"lowerdir={base()},upperdir={self.folder}/upper,"
             f"workdir={self.folder}/work", str(self.root)], check=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        str(self.key)], check=True)
        ssh = self.root / "root" / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.key.with_suffix(".pub"), ssh / "authorized_keys")
        (self.root / "etc/ssh/sshd_config.d/test.conf").write_text(
            f"Port {self.ssh_port}\nListenAddress 127.0.0.1\nUseDNS no\n")
        (self.root / "etc/hostname").write_text(f"{self.folder.name}\n")
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.halt()
        subprocess.run(["umount", str(self.root)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def boot(self):
        self.log = open(self.folder / "console.log", "ab")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--register=no", "--keep-unit", "-q",
             "--link-journal=no", "--resolv-conf=copy-host", "-D",
             str(self.root), "-b"],
            stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            done = self.run("systemctl is-system-running")
            if done.stdout.strip() in ("running", "degraded"):
                return
            assert self.process.poll() is None, self.console()
            assert time.monotonic() < deadline, self.console()
            time.sleep(0.5)

    def halt(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.log.close()

    def reboot(self):
        self.halt()
        self.boot()

    def console(self):
        return (self.folder / "console.log").read_text(
            errors="replace")[-3000:]

    def ssh_options(self):
        return ["-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o",
                "ConnectTimeout=5"]

    def run(self, command):
        return subprocess.run(
            ["ssh", *self.ssh_options(), "-i", str(self.key), "-p",
             str(self.ssh_port), "root@127.0.0.1", command],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def sh(self, command):
        done = self.run(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout
