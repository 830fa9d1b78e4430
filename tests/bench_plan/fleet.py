"""A fleet whose traffic is known, behind a Prometheus API that answers for every hour alike."""

import json
import re
from typing import Any

from tests.compare.fake_api import FakeApi, success

SERVER = {
    "target": "gpu-1:8000",
    "engine": "vllm",
    "release": "0.26.0",
    "model": "org/dense-8b",
    "gpu_model": "NVIDIA H200",
    "class": "ab12",
}
# for each hour of one engine: at batch 8 for half an hour, at batch 32 for a quarter
CELLS = {
    "seconds": {"8": 1800.0, "32": 900.0, "idle": 900.0},
    "gpu_seconds": {"8": 3600.0, "32": 1800.0, "idle": 1800.0},
    "decode_sequence_seconds": {"8": 12_600.0, "32": 27_000.0},
    "decode_tokens": {"8": 504_000.0, "32": 900_000.0},
    "first_tokens": {"8": 2520.0, "32": 4500.0},
    "first_token_seconds": {"8": 900.0, "32": 1800.0},
    "saturated_seconds": {"8": 0.0, "32": 36.0, "idle": 0.0},
}
TOTALS = {
    "request_prompt_tokens_sum": 7020 * 1000.0,
    "request_prompt_tokens_count": 7020.0,
    "request_completion_tokens_sum": 7020 * 200.0,
    "request_completion_tokens_count": 7020.0,
    "prefix_cache_hit_tokens_total": 30.0,
    "prefix_cache_queried_tokens_total": 100.0,
    "prompt_tokens_cached_total": 25.0,
    "prompt_tokens_total": 100.0,
}
BUCKETS = {
    "request_prompt_tokens": {"500": 0.0, "1500": 7020.0, "+Inf": 7020.0},
    "request_completion_tokens": {"100": 0.0, "300": 7020.0, "+Inf": 7020.0},
}


class TrafficApi(FakeApi):
    """Answers with the sums above; what `without` names has no series."""

    def __init__(self, servers: list[dict[str, str]] | None = None, without: str = "^$") -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.servers, self.without = [SERVER] if servers is None else servers, without

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, str | bytes]:
        if path.endswith("/series"):
            return 200, success(self.servers)
        name = re.search(r"inferfleet_(\w+)\{", form["query"])
        assert name, form["query"]
        assert 'target=~"gpu-1:8000' in form["query"].replace("\\", "")
        moments = _moments(form)
        result = [
            {"metric": labels, "values": [[moment, json.dumps(amount)] for moment in moments]}
            for labels, amount in self._rows(name[1])
        ]
        return 200, success({"resultType": "matrix", "result": result})

    def _rows(self, name: str) -> list[tuple[dict[str, str], float]]:
        if re.search(self.without, name):
            return []
        if name.startswith("load_"):
            cells = CELLS.get(name.removeprefix("load_").removesuffix("_total"), {})
            return [({"batch": batch}, amount) for batch, amount in cells.items()]
        if name.endswith("_bucket"):
            buckets = BUCKETS[name.removesuffix("_bucket")]
            return [({"le": bound}, amount) for bound, amount in buckets.items()]
        return [({}, TOTALS[name])] if name in TOTALS else []


def _moments(form: dict[str, Any]) -> list[float]:
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    return [start + step * i for i in range(int((end - start) / step + 1e-6) + 1)]
