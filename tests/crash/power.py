# SPDX-License-Identifier: Apache-2.0
"""Power loss, as far as it can be had without a machine to switch off: a
process runs with fault_io.so, which copies what is synced to a shadow
(fault_shadow.h); after a kill everything else is taken away.

A file has what it had when it was synced last (nothing, if never), a folder has
the entries that it had when it was synced last. POSIX promises no more. A disk
may have written more than that: with `numbers` each folder and each file is at
random as it was synced or as it was at the kill, a file that was appended to
also something in between."""
import os
import pathlib
import shutil


def inode_of(path):
    return os.lstat(path).st_ino


class Power:
    def __init__(self, folder, shadow):
        self.folder = pathlib.Path(folder)
        self.shadow = pathlib.Path(shadow)

    def environment(self, library):
        before = os.environ.get("LD_PRELOAD")
        return {"LD_PRELOAD": ":".join([str(library)] +
                                       ([before] if before else [])),
                "AZIMUTH_FAULT_FOLDER": str(self.folder),
                "AZIMUTH_FAULT_SHADOW": str(self.shadow)}

    def begin(self):
        """Before a process starts: all that is there is on the disk."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        for name in ("inode", "dir", "pin"):
            (self.shadow / name).mkdir(parents=True)
        for place, folders, files in os.walk(self.folder):
            place = pathlib.Path(place)
            with open(self.shadow / "dir" / str(inode_of(place)), "w") as list:
                for kind, names in (("d", folders), ("f", files)):
                    for name in names:
                        list.write(f"{inode_of(place / name)} {kind} {name}\n")
            for name in files:
                shutil.copyfile(
                    place / name,
                    self.shadow / "inode" / str(inode_of(place / name)))

    def lose(self, numbers=None):
        """After the process was killed. Returns the bytes that were lost."""
        self.numbers = numbers
        self.lost = 0
        self.folders, self.files = {}, {}
        for place, folders, files in os.walk(self.folder):
            place = pathlib.Path(place)
            self.folders[inode_of(place)] = [
                (inode_of(place / name), kind, name)
                for kind, names in (("d", folders), ("f", files))
                for name in names]
            for name in files:
                self.files[inode_of(place / name)] = place / name
        for pin in (self.shadow / "pin").iterdir():
            self.files.setdefault(int(pin.name), pin)
        root = inode_of(self.folder)
        made = self.folder.with_name(self.folder.name + ".lost")
        self.make_folder(root, made)
        shutil.rmtree(self.folder)
        made.rename(self.folder)
        return self.lost

    def synced_entries(self, inode):
        path = self.shadow / "dir" / str(inode)
        if not path.exists():
            return []
        lines = (line.split(" ", 2) for line in path.read_text().splitlines())
        return [(int(inode), kind, name) for inode, kind, name in lines]

    def make_folder(self, inode, made):
        made.mkdir()
        entries = self.synced_entries(inode)
        if self.numbers and self.numbers.random() < 0.5:
            entries = self.folders.get(inode, entries)
        for child, kind, name in entries:
            if kind == "d":
                self.make_folder(child, made / name)
            else:
                (made / name).write_bytes(self.content(child))

    def content(self, inode):
        path = self.shadow / "inode" / str(inode)
        synced = path.read_bytes() if path.exists() else b""
        now = self.files[inode].read_bytes() if inode in self.files else synced
        self.lost += abs(len(now) - len(synced))
        if self.numbers is None or now == synced:
            return synced
        if now.startswith(synced) and self.numbers.random() < 0.5:
            return now[:self.numbers.randint(len(synced), len(now))]
        return self.numbers.choice([now, synced])
