from pathlib import Path

import pytest

from exporter.procfs import sockets
from tests.proc_tree import ProcTree


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


def answering(proc: ProcTree, host: str) -> set[str]:
    return sockets.answering(host, 8000, sockets.listening(proc.root))


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("127.0.0.1", ("0.0.0.0",)),
        ("127.0.0.1", ("::",)),
        ("127.0.0.1", ("::ffff:127.0.0.1",)),
        ("127.0.0.1", ("127.0.0.1", "0.0.0.0", "::")),
        ("127.0.0.1", ("0.0.0.0", "::")),
        ("127.0.0.1", ("0.0.0.0", "::1", "10.0.0.5")),
        ("::1", ("::1", "::", "0.0.0.0")),
        ("localhost", ("127.0.0.1", "::", "0.0.0.0")),
    ],
)
def test_the_socket_bound_most_closely_gets_the_connection(
    proc: ProcTree, host: str, bound: tuple[str, ...]
) -> None:
    for inode, address in enumerate(bound, 70):
        proc.listen(address, 8000, inode)
    also = {"71"} if host == "localhost" else set()
    assert answering(proc, host) == {"70"} | also


def test_sockets_that_share_a_port_may_all_answer(proc: ProcTree) -> None:
    for inode in (70, 71):
        proc.listen("0.0.0.0", 8000, inode)
    assert answering(proc, "127.0.0.1") == {"70", "71"}


@pytest.mark.parametrize(
    ("address", "state"),
    [("10.0.0.5", "0A"), ("127.0.0.1", "01"), ("127.8.0.1", "0A"), ("::1", "0A")],
)
def test_other_addresses_and_open_connections_do_not_answer(
    proc: ProcTree, address: str, state: str
) -> None:
    proc.listen(address, 8000, 77, state)
    assert answering(proc, "127.0.0.1") == set()
    assert answering(proc, "gpu-host") == set()


def test_broken_tables_are_skipped(proc: ProcTree) -> None:
    rows = [f"0: {local} 0 0A 0 0 0 0 0 77" for local in ("zz:1F40", "00:1F40", "00000000:zz")]
    (proc.root / "net" / "tcp").write_text("\n".join(["head", "short", *rows]))
    assert answering(proc, "127.0.0.1") == set()


def test_without_a_proc_nothing_listens(tmp_path: Path) -> None:
    assert sockets.listening(tmp_path / "none") == []
    assert sockets.open_sockets(1, tmp_path / "none") == {}
    assert sockets.open_socket(1, "3", tmp_path / "none") == ""
