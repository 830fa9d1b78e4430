"""SGLang: aborted requests are among the finished, and counted apart.

It has no build for CPUs, and runs on one where its kernels are asked for and never used.
"""

from typing import Final

from ..checks import Check, equal
from ..exporter import Page
from ..tally import Tally
from .engine import CONTEXT, SEQUENCES, Engine

_SCRIPT: Final = """import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def missing(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *_, **__: sys.exit(f"sgl_kernel.{name} is for GPUs")


# On a CPU torch itself computes everything, but the names are imported all the same.
if find_spec("sgl_kernel") is None:
    kernels = ModuleType("sgl_kernel")
    kernels.__spec__ = ModuleSpec("sgl_kernel", None)
    kernels.__getattr__ = missing
    sys.modules["sgl_kernel"] = kernels

# Operators of a torchvision that was built for another torch are not there to be described.
try:
    import torchvision
except RuntimeError:
    import torch

    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")

from sglang.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
"""
# threads that wait for each other stand still where others share the cores
_ENVIRONMENT: Final = {"SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": "1"}
_OPTIONS: Final = (
    *("--context-length", str(CONTEXT), "--max-running-requests", str(SEQUENCES)),
    # whole pages: with single tokens a prompt finds a little of another's own part now and then
    *("--page-size", "16", "--enable-metrics", "--skip-server-warmup"),
    # its gauges move with its log, every 40 steps where nothing else is said
    *("--decode-log-interval", "4"),
)
_CPU_OPTIONS: Final = (
    *("--device", "cpu", "--attention-backend", "torch_native", "--sampling-backend", "pytorch"),
    *("--grammar-backend", "none", "--max-total-tokens", "40000"),
)


def _aborts(tally: Tally, page: Page, raw: Page) -> list[Check]:
    counted = sum(
        sample.value for sample in raw.samples if sample.name == "sglang:num_aborted_requests_total"
    )
    aborted = page.total("requests_aborted_total")
    return [
        equal("aborts: requests given up", tally.aborted, aborted),
        equal("aborts: as the engine counts them", counted, aborted),
    ]


SGLANG: Final = Engine(
    name="sglang",
    title="SGLang",
    cpu_package="sglang",
    script=_SCRIPT,
    arguments=("serve", "--model-path"),
    options={
        "cpu": (*_OPTIONS, *_CPU_OPTIONS),
        "cuda": (*_OPTIONS, "--mem-fraction-static", "0.5", "--disable-cuda-graph"),
    },
    environment={"cpu": _ENVIRONMENT, "cuda": {}},
    # its /health makes the engine generate a token
    ready_path="/v1/models",
    ranks=("--dp-size", "2"),
    ranks_environment={"cpu": {"SGLANG_CPU_OMP_THREADS_BIND": "0|1"}, "cuda": {}},
    # counters of requests are kept before a rank is chosen
    tokens_by_rank="decode_tokens_total",
    identity={},
    start_time=False,
    finished_has_aborted=True,
    aborts=_aborts,
)
