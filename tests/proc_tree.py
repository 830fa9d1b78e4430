"""A /proc tree in a folder, for tests that look for processes."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path

INITIAL_NAMESPACE = "pid:[4026531836]"


def address(text: str) -> str:
    """Write an address as /proc/net/tcp does: each 32-bit word in the machine's byte order."""
    raw = ip_address(text).packed
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    return b"".join(w[::-1] if sys.byteorder == "little" else w for w in words).hex().upper()


class ProcTree:
    """A /proc tree in a folder; the reader is in the PID namespace of the machine."""

    def __init__(self, root: Path, namespace: str = INITIAL_NAMESPACE) -> None:
        self.root = root
        (root / "net").mkdir()
        (root / "self" / "ns").mkdir(parents=True)
        (root / "self" / "ns" / "pid").symlink_to(namespace)
        (root / "stat").write_text("cpu  1 2 3\nbtime 1700000000\n")
        for table in ("tcp", "tcp6"):
            (root / "net" / table).write_text("  sl  local_address rem_address   st ...\n")

    def listen(self, host: str, port: int, inode: int, state: str = "0A") -> None:
        table = "tcp6" if ":" in host else "tcp"
        line = f"   0: {address(host)}:{port:04X} 0:0 {state} 0:0 0:0 0 0 0 {inode} 1 0\n"
        with (self.root / "net" / table).open("a") as file:
            file.write(line)

    def process(
        self,
        pid: int,
        line: list[str],
        parent: int = 1,
        inode: int | None = None,
        *,
        name: str = "a (b) c",
        executable: str = "/usr/bin/python3.12",
        session: int = 1,
        files: tuple[str, ...] = (),
        output: str = "/dev/null",
        started: int = 100,
    ) -> None:
        """Add a process that holds the socket of an inode and has some files open."""
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        held = (output, *files, *(() if inode is None else (f"socket:[{inode}]",)))
        for number, file in enumerate(("/dev/null", *held)):
            (folder / "fd" / str(number)).symlink_to(file)
        (folder / "exe").symlink_to(executable)
        (folder / "cmdline").write_bytes("".join(f"{word}\0" for word in line).encode())
        rest = " ".join(["0"] * 15)
        ticks = started * os.sysconf("SC_CLK_TCK")
        (folder / "stat").write_text(
            f"{pid} ({name}) S {parent} {pid} {session} {rest} {ticks} 0 0\n"
        )
        (folder / "cgroup").write_text("0::/\n")
