"""Load cells of real servers: what the load client counted, and what is left out of them."""

from collections.abc import Callable

import pytest

from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots
from tests.cells import counted, table, total
from tests.conftest import H200, RECORDINGS


@pytest.mark.parametrize("name", H200)
def test_cells_hold_what_the_load_client_counted(
    name: str, recording: Callable[[str], Recording]
) -> None:
    one = recording(name)
    pages = list(snapshots(one))
    for phase in one.phases:
        first = max(i for i, page in enumerate(pages) if page.time <= phase["start"])
        last = min(i for i, page in enumerate(pages) if page.time >= phase["end"])
        found = counted(pages[first : last + 1])
        assert found.excluded == {}
        assert total(found, "first_tokens") == phase["done"], phase["name"]
        assert total(found, "decode_tokens") == phase["gen_tokens"] - phase["done"]
        span = pages[last].time - pages[first].time
        assert total(found, "seconds") == pytest.approx(span)
        assert total(found, "gpu_seconds") == pytest.approx(span)
        computed = total(found, "prefill_tokens") / phase["prompt_tokens"]
        if "prefix" in phase:
            assert 0.25 <= computed <= 0.265
        else:
            assert 0.999 < computed <= 1
        # the client waits for a request's first token, then for each of its others
        busy = total(found, "decode_sequence_seconds") + total(found, "first_token_seconds")
        waited = phase["conc"] * (phase["end"] - phase["start"])
        assert 0.6 * waited < busy < 1.01 * waited, phase["name"]


@pytest.mark.parametrize("name", H200)
def test_exporters_out_of_step_agree_within_an_interval(
    name: str, recording: Callable[[str], Recording]
) -> None:
    pages = list(snapshots(recording(name)))
    one, other = counted(pages[0::2]), counted(pages[1::2])
    largest = [counted(pages[i : i + 3 : 2]) for i in range(len(pages) - 2)]
    for quantity in ("decode_tokens", "prefill_tokens", "decode_sequence_seconds", "seconds"):
        most = max(total(step, quantity) for step in largest)
        assert abs(total(one, quantity) - total(other, quantity)) <= most
        assert most < 0.2 * total(one, quantity)


def test_preempting_intervals_of_a_real_server_are_left_out(
    recording: Callable[[str], Recording],
) -> None:
    found = counted(snapshots(recording("vllm-0.20.2-preempt-cpu")))
    assert set(found.excluded) == {"preempting"}


def test_a_real_restart_is_left_out_and_a_young_server_warms_up(
    recording: Callable[[str], Recording],
) -> None:
    one = recording("vllm-0.20.2-dev-restart-cpu")
    assert set(counted(snapshots(one)).excluded) == {"restart"}
    young = counted(snapshots(one), warm_up=600.0)
    assert young.cells == {}
    assert set(young.excluded) == {"restart", "warm_up"}


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_recorded_servers_visit_few_cells(
    name: str, golden: Callable[[str, str], None], recording: Callable[[str], Recording]
) -> None:
    found = counted(snapshots(recording(name)))
    engines = len({engine for engine, _ in found.cells})
    assert 2 <= len(found.cells) <= 17 * engines
    if name in ("vllm-dense-0.26.0", "vllm-0.32.0-dp2-cpu", "sglang-0.5.23-basic-cpu"):
        golden(f"{name}.cells", table(found))
