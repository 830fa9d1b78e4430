"""Work without progress."""

from exporter.derive.stall import Standstill, lasting, standstills
from exporter.engines.plan import Snapshot
from tests.pages import snapshot


def page(time: float, running: int = 1, tokens: int = 0, kv: float = 0.1) -> Snapshot:
    return snapshot(
        f'vllm:num_requests_running{{engine="0"}} {running}\n'
        f'vllm:generation_tokens_total{{engine="0"}} {tokens}\n'
        f'vllm:kv_cache_usage_perc{{engine="0"}} {kv}\n',
        time=time,
    )


def follow(*pages: Snapshot) -> dict[str, Standstill]:
    found: dict[str, Standstill] = {}
    for old, new in zip((None, *pages), pages, strict=False):
        found = standstills(found, old, new)
    return found


def starts(*pages: Snapshot) -> dict[str, float]:
    return {engine: standstill.start for engine, standstill in follow(*pages).items()}


def test_work_without_progress_lasts_after_the_time_given() -> None:
    found = follow(page(0), page(5), page(10), page(15))
    assert found == {"0": Standstill(start=5, requests=1, requests_at_start=1)}
    assert lasting(found, 34, 30) == {}
    assert lasting(found, 35, 30) == found


def test_requests_that_come_are_a_sign_that_work_waits() -> None:
    still = [page(0, running=8), page(5, running=8)]
    assert not follow(*still, page(10, running=8))["0"].arrived
    assert not follow(*still, page(10, running=3))["0"].arrived
    assert follow(*still, page(10, running=9))["0"].arrived
    # once is enough, whatever goes away after it
    assert follow(*still, page(10, running=9), page(15, running=2))["0"].arrived
    # fewer came than went away in all, but some came
    assert follow(*still, page(10, running=3), page(15, running=4))["0"].arrived


def test_cancelled_requests_that_end_are_no_sign_and_more_than_were_held_are() -> None:
    def ending(time: float, ended: int) -> Snapshot:
        return snapshot(
            'vllm:num_requests_running{engine="0"} 6\n'
            'vllm:num_requests_waiting{engine="0"} 4\n'
            'vllm:generation_tokens_total{engine="0"} 5\n'
            f'vllm:request_success_total{{engine="0",finished_reason="abort"}} {ended}\n',
            time=time,
        )

    cancelled = [ending(0, 0), ending(5, 2), ending(10, 7), ending(15, 12)]
    assert not follow(*cancelled)["0"].arrived
    assert follow(*cancelled, ending(20, 13))["0"].arrived


def test_tokens_and_growing_prefills_are_progress() -> None:
    assert starts(page(0), page(5), page(10, tokens=1)) == {}
    assert starts(page(0), page(5), page(10, kv=0.2)) == {}


def test_idle_is_no_stall() -> None:
    assert starts(page(0, running=0), page(5, running=0), page(10, running=0)) == {}


def test_one_engine_of_several_stalls_alone() -> None:
    def both(time: float, tokens: int) -> Snapshot:
        return snapshot(
            "".join(
                f'vllm:num_requests_running{{engine="{i}"}} 1\n'
                f'vllm:generation_tokens_total{{engine="{i}"}} {n}\n'
                for i, n in ((0, 5), (1, tokens))
            ),
            time=time,
        )

    assert starts(both(0, 0), both(5, 10), both(10, 20)) == {"0": 5}


def test_counters_of_the_whole_server_speak_for_ranks_without_their_own() -> None:
    def ranked(time: float, tokens: int) -> Snapshot:
        return snapshot(
            'sglang:num_running_reqs{dp_rank="0",tp_rank="0"} 1\n'
            'sglang:num_running_reqs{dp_rank="1",tp_rank="1"} 1\n'
            f"sglang:generation_tokens_total {tokens}\n",
            time=time,
        )

    assert starts(ranked(0, 0), ranked(5, 10)) == {}
    assert starts(ranked(0, 0), ranked(5, 0)) == {"0": 5, "1": 5}
