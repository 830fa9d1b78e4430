"""The live view over whatever pages hold: nothing fails, and no line is too long."""

import asyncio
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import Config, Target
from exporter.sampling.watched_server import WatchedServer
from exporter.top.columns import COLUMNS
from exporter.top.panels import ServerState, server_head, server_lines
from exporter.top.watch import Fleet, FleetWatch
from tests.fuzz.mutations import mutated_strings
from tests.fuzz.seeds import pages
from tests.fuzz.test_pages import PLAIN, Pages, relabelled_pages
from tests.top.fleet import OBJECTIVES

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
WIDTHS = (40, 80, 120)


TOO_MUCH = (
    'vllm:num_requests_running{engine="0",model_name="m"} 1\n'
    'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 1e308\n'
    'vllm:cache_config_info{engine="0",kv_cache_size_tokens="839648"} 1\n'
)


@given(st.lists(mutated_strings(*pages()) | relabelled_pages(), min_size=2, max_size=4))
@example([TOO_MUCH, TOO_MUCH])
def test_whatever_pages_hold_can_be_shown(texts: list[str]) -> None:
    config = Config()
    answers = Pages(config, [(text, PLAIN) for text in texts])
    server = WatchedServer(Target(url="http://h:1", name="s"), answers, config)
    watch = FleetWatch(config, Fleet(lambda: server.models, dict, lambda: ()), lambda _: OBJECTIVES)

    async def sample() -> None:
        for _ in texts:
            await server.sample()
            watch.update()

    asyncio.run(sample())
    json.dumps(watch.document(), allow_nan=False)
    for each in watch.watches:
        state = ServerState(watch.report(each), watch.detail(each), each.live, each.status)
        for width in WIDTHS:
            lines = [*server_head(state, width), *server_lines(state, width)]
            assert max(line.cell_len for line in lines) <= width
            assert all(line.plain.isprintable() for line in lines)
        for column in COLUMNS:
            assert column.text(each).isprintable()
            assert column.number is None or column.number(each) == column.number(each)
