"""What is SGLang's own: its endpoints and its command line."""

from typing import Final

from ..engine import Ask, DecodeTime, Engine
from ..sources.facts import SourceReport
from . import command_line, loads, server_info
from .load_client import LOAD_CLIENT
from .runtime import RUNTIME_SETTINGS


def _endpoint_reports(ask: Ask) -> list[SourceReport]:
    info = ask(server_info.PATH) or ask(server_info.OLD_PATH)
    return [*server_info.read(info), loads.read(ask(loads.PATH))]


SGLANG: Final = Engine(
    name="sglang",
    title="SGLang",
    images=("lmsysorg/sglang",),
    variable_prefixes=("SGLANG_", "SGL_"),
    # its /health makes an idle server generate a token
    health_path="/v1/models",
    metrics_hint="--enable-metrics switches them on",
    # first tokens of requests that are not streamed are timed with none of their outputs
    decode_time=DecodeTime.MEAN_TIMES_TOKENS,
    syntax=command_line.SYNTAX,
    runtime_settings=RUNTIME_SETTINGS,
    option_facts=command_line.option_facts,
    endpoints=((server_info.PATH, server_info.OLD_PATH), (loads.PATH,)),
    endpoint_reports=_endpoint_reports,
    load_client=LOAD_CLIENT,
)
