"""The window keeps whole intervals of one life."""

from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from exporter.gpu.energy import EnergyUse
from tests.pages import snapshot


def page(time: float, tokens: int, version: str = "0.26.0") -> Snapshot:
    return snapshot(f'vllm:generation_tokens_total{{engine="0"}} {tokens}\n', version, time)


def test_old_intervals_leave_as_whole_ones() -> None:
    window = Window(20)
    for i in range(10):
        assert window.add(page(5.0 * i, 100 * i)) is False
    assert window.seconds == 20
    assert window.increase("generation_tokens") == 400
    assert window.rate("generation_tokens") == 20
    assert window.rate("steps") is None


def test_a_restart_empties_the_window_and_is_told() -> None:
    window = Window(60)
    window.add(page(0, 100))
    window.add(page(5, 200))
    assert window.add(page(10, 3)) is True
    assert len(window) == 0
    assert window.add(page(15, 13)) is False
    assert window.increase("generation_tokens") == 10


def test_a_gap_longer_than_the_window_is_not_averaged_over() -> None:
    window = Window(20)
    window.add(page(0, 0))
    window.add(page(5, 100))
    window.add(page(100, 9000))
    assert len(window) == 0
    window.add(page(105, 9050))
    assert window.rate("generation_tokens") == 10


def test_a_version_learnt_later_starts_anew() -> None:
    window = Window(60)
    window.add(page(0, 0, ""))
    window.add(page(5, 100, ""))
    assert window.add(page(10, 200)) is False
    assert len(window) == 0


def test_energy_that_was_not_the_servers_alone_is_given_up() -> None:
    window = Window(60)
    for i in range(3):
        window.add(page(5.0 * i, 100 * i), EnergyUse(500.0, 5.0, 1.0) if i else None)
    assert [interval.energy is None for interval in window] == [False, False]
    window.forget_energy()
    assert [interval.energy for interval in window] == [None, None]
    assert window.rate("generation_tokens") == 20
