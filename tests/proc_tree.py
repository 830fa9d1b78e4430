"""A /proc tree in a folder, for tests that look for processes."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path


def address(text: str) -> str:
    """Write an address as /proc/net/tcp does: each 32-bit word in the machine's byte order."""
    raw = ip_address(text).packed
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    return b"".join(w[::-1] if sys.byteorder == "little" else w for w in words).hex().upper()


class ProcTree:
    """A /proc tree in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()
        (root / "stat").write_text("cpu  1 2 3\nbtime 1700000000\n")
        for table in ("tcp", "tcp6"):
            (root / "net" / table).write_text("  sl  local_address rem_address   st ...\n")

    def listen(self, host: str, port: int, inode: int, state: str = "0A") -> None:
        table = "tcp6" if ":" in host else "tcp"
        line = f"   0: {address(host)}:{port:04X} 0:0 {state} 0:0 0:0 0 0 0 {inode} 1 0\n"
        with (self.root / "net" / table).open("a") as file:
            file.write(line)

    def process(self, pid: int, line: list[str], parent: int = 1, inode: int | None = None) -> None:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fd" / "0").symlink_to("/dev/null")
        (folder / "cmdline").write_bytes("".join(f"{word}\0" for word in line).encode())
        rest = " ".join(["0"] * 17)
        ticks = 100 * os.sysconf("SC_CLK_TCK")
        (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} {rest} {ticks} 0 0\n")
        if inode is not None:
            (folder / "fd" / "9").symlink_to(f"socket:[{inode}]")
