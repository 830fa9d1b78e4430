"""Work without progress."""

from exporter.derive.stall import stall_starts, stalled_ranks
from exporter.engines.plan import Snapshot
from tests.pages import snapshot


def page(time: float, running: int = 1, tokens: int = 0, kv: float = 0.1) -> Snapshot:
    return snapshot(
        f'vllm:num_requests_running{{engine="0"}} {running}\n'
        f'vllm:generation_tokens_total{{engine="0"}} {tokens}\n'
        f'vllm:kv_cache_usage_perc{{engine="0"}} {kv}\n',
        time=time,
    )


def follow(*pages: Snapshot) -> dict[str, float]:
    since: dict[str, float] = {}
    for old, new in zip((None, *pages), pages, strict=False):
        since = stall_starts(since, old, new)
    return since


def test_work_without_progress_stalls_after_the_time_given() -> None:
    since = follow(page(0), page(5), page(10), page(15))
    assert since == {"0": 5}
    assert stalled_ranks(since, 34, 30) == frozenset()
    assert stalled_ranks(since, 35, 30) == {"0"}


def test_tokens_and_growing_prefills_are_progress() -> None:
    assert follow(page(0), page(5), page(10, tokens=1)) == {}
    assert follow(page(0), page(5), page(10, kv=0.2)) == {}


def test_idle_is_no_stall() -> None:
    assert follow(page(0, running=0), page(5, running=0), page(10, running=0)) == {}


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

    assert follow(both(0, 0), both(5, 10), both(10, 20)) == {"0": 5}


def test_counters_of_the_whole_server_speak_for_ranks_without_their_own() -> None:
    def ranked(time: float, tokens: int) -> Snapshot:
        return snapshot(
            'sglang:num_running_reqs{dp_rank="0",tp_rank="0"} 1\n'
            'sglang:num_running_reqs{dp_rank="1",tp_rank="1"} 1\n'
            f"sglang:generation_tokens_total {tokens}\n",
            time=time,
        )

    assert follow(ranked(0, 0), ranked(5, 10)) == {}
    assert follow(ranked(0, 0), ranked(5, 0)) == {"0": 5, "1": 5}
