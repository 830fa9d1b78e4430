"""The window keeps whole intervals of one life."""

import pytest

from exporter.derive.counters.limits import ServerLimits
from exporter.derive.energy import window_energy
from exporter.derive.summary import WindowSummary
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


def engines(time: float, **tokens: int) -> Snapshot:
    return snapshot(
        "".join(
            f'vllm:num_requests_running{{engine="{name}"}} 20\n'
            f'vllm:generation_tokens_total{{engine="{name}"}} {count}\n'
            for name, count in tokens.items()
        ),
        time=time,
    )


def test_an_engine_that_was_missing_for_a_while_keeps_the_rate_it_was_watched_at() -> None:
    window, limits = Window(60), ServerLimits(max_num_seqs=32)
    for i in range(4):
        window.add(engines(i, a=900 * i, b=7_000_000 + 900 * i))
    for i in range(4, 7):
        assert window.add(engines(i, a=900 * i)) is False
    assert window.rate("generation_tokens") == pytest.approx(900)
    for i in range(7, 10):
        window.add(engines(i, a=900 * i, b=7_000_000 + 900 * i))
        assert window.rate("generation_tokens") == pytest.approx(1800)
    last = window.last
    assert last is not None
    occupancy = WindowSummary(window, last, limits).batch_occupancy
    assert occupancy is not None
    assert occupancy.value == pytest.approx(0.625)


def test_an_engine_in_the_place_of_another_is_not_counted_beside_it() -> None:
    window = Window(60)
    for i in range(4):
        window.add(engines(i, a=900 * i))
    for i in range(4, 8):
        window.add(engines(i, b=900 * i))
    assert window.rate("generation_tokens") == pytest.approx(900)


def test_until_an_engine_that_joined_was_watched_the_servers_rate_is_unknown() -> None:
    window = Window(60)
    window.add(engines(0, a=100))
    window.add(engines(5, a=200))
    window.add(engines(10, a=300, b=5_000_000))
    assert window.rate("generation_tokens") is None
    window.add(engines(15, a=400, b=5_000_200))
    assert window.rate("generation_tokens") == 20 + 40


def test_a_jump_is_left_out_of_the_rate_with_its_time() -> None:
    window = Window(60)
    for i, tokens in enumerate((0, 500, 500_000_000, 500_000_500)):
        window.add(engines(5 * i, a=tokens))
    assert window.seconds == 15
    assert window.rate("generation_tokens") == 100
    assert window.rate("steps") is None


def test_a_counter_without_a_number_for_a_while_keeps_the_rate_it_had_otherwise() -> None:
    window = Window(60)
    for i in range(8):
        tokens = "NaN" if i in (3, 4) else str(100 * i)
        window.add(snapshot(f'vllm:generation_tokens_total{{engine="0"}} {tokens}\n', time=5.0 * i))
    assert window.rate("generation_tokens") == 20


def test_the_time_before_a_family_is_shown_late_is_not_in_its_rate() -> None:
    window = Window(60)
    for i in range(8):
        text = f'vllm:generation_tokens_total{{engine="0"}} {1000 + 100 * i}\n'
        if i > 3:
            text += f'vllm:prompt_tokens_total{{engine="0"}} {4000 + 200 * i}\n'
        window.add(snapshot(text, time=5.0 * i))
    assert window.rate("prompt_tokens") == 40
    assert window.rate("generation_tokens") == 20


def test_the_time_before_a_family_is_made_on_first_use_is_idle_time_in_its_rate() -> None:
    window = Window(60)
    for i in range(8):
        text = 'vllm:num_requests_running{engine="0"} 0\n'
        if i > 3:
            text += f'vllm:prompt_tokens_total{{engine="0"}} {200 * (i - 3)}\n'
        window.add(snapshot(text, time=5.0 * i))
    assert window.rate("prompt_tokens") == pytest.approx(800 / 35)


def test_energy_is_unknown_while_the_work_of_an_engine_is() -> None:
    window, energy = Window(60), EnergyUse(1000.0, 5.0, 1.0)
    for i, pages in enumerate(({"a": 0, "b": 0}, {"a": 50, "b": 50}, {"a": 100}, {"a": 150})):
        window.add(engines(5 * i, **pages), energy)
    assert window_energy(window).joules_per_token == 10
