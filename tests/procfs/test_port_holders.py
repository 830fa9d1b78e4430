"""Many ports from few looks through /proc, and none of them answered from what has changed."""

import shutil
from pathlib import Path
from threading import Barrier, Thread

import pytest

from exporter.procfs import port_holders
from exporter.procfs.port_holders import PortHolders
from exporter.procfs.process_table import ProcessTable, process_table
from tests.proc_tree import ProcTree


class Looks:
    """Looks through a /proc, counted, at a time that the test sets."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proc = ProcTree(root)
        self.count = 0
        self.now = 100.0
        self.holders = PortHolders(root, lambda: self.now)
        monkeypatch.setattr(port_holders, "process_table", self._table)

    def _table(self, proc: Path) -> ProcessTable:
        self.count += 1
        return process_table(proc)

    def server(self, pid: int, port: int, inode: int) -> None:
        self.proc.listen("127.0.0.1", port, inode)
        self.proc.process(pid, ["vllm"], inode=inode)

    def roots(self, port: int) -> tuple[int, ...]:
        self.now += 0.1
        return self.holders.find("localhost", port).roots


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks(tmp_path, monkeypatch)
    for number in range(20):
        looks.server(100 + number, 8000 + number, 500 + number)
    return looks


def test_one_look_is_enough_for_all_ports(looks: Looks) -> None:
    assert [looks.roots(8000 + number) for number in range(20)] == [
        (100 + number,) for number in range(20)
    ]
    assert looks.count == 1


def test_a_look_grows_old(looks: Looks) -> None:
    looks.roots(8000)
    looks.now += 9.0
    looks.roots(8000)
    assert looks.count == 1
    looks.now += 2.0
    looks.roots(8000)
    assert looks.count == 2


def test_a_server_that_was_started_since_is_looked_for(looks: Looks) -> None:
    looks.roots(8000)
    looks.server(300, 9000, 700)
    assert looks.roots(9000) == (300,)


def test_a_server_that_was_started_anew_is_not_taken_for_the_old_process(looks: Looks) -> None:
    looks.roots(8000)
    shutil.rmtree(looks.proc.root / "100")
    looks.server(300, 8000, 700)
    assert looks.roots(8000) == (300,)


def test_a_process_that_goes_on_without_its_socket_holds_no_port(looks: Looks) -> None:
    looks.roots(8000)
    for file in (looks.proc.root / "100" / "fd").iterdir():
        file.unlink()
    assert looks.roots(8000) == ()


def test_who_waits_for_a_look_shares_it(looks: Looks) -> None:
    # nobody listens on these ports, so that no look before the question will do
    together = Barrier(8)

    def find(port: int) -> None:
        together.wait()
        assert "listens on" in looks.holders.find("localhost", port).problem

    threads = [Thread(target=find, args=(9000 + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looks.count == 1
