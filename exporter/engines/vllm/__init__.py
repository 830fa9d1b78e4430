"""What is vLLM's own: its endpoints, its command line and what its pages say in labels."""

from typing import Final

from ..engine import Ask, DecodeTime, Engine
from ..sources.facts import SourceReport
from . import cache_config, command_line, page, server_info, version
from .load_client import LOAD_CLIENT
from .runtime import RUNTIME_SETTINGS


def _endpoint_reports(ask: Ask) -> list[SourceReport]:
    return [version.read(ask(version.PATH)), server_info.read(ask(server_info.PATH))]


VLLM: Final = Engine(
    name="vllm",
    title="vLLM",
    images=("vllm/vllm-openai",),
    variable_prefixes=("VLLM_",),
    health_path="/health",
    metrics_hint="--disable-log-stats switches them off",
    # outputs of several tokens (speculation) and requests that are not streamed are all timed
    decode_time=DecodeTime.SUM,
    syntax=command_line.SYNTAX,
    runtime_settings=RUNTIME_SETTINGS,
    option_facts=command_line.option_facts,
    endpoints=((version.PATH,), (server_info.PATH,)),
    endpoint_reports=_endpoint_reports,
    load_client=LOAD_CLIENT,
    page_settings=page.cache_config,
    page_report=cache_config.read,
    label_samples=page.label_samples,
    page_notes=page.notes,
)
