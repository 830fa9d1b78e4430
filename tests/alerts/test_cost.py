"""What generated tokens cost: figures worked out by hand, on the real promtool."""

from pathlib import Path

import pytest

from alerts import build
from alerts.values import load
from exporter.base.errors import ConfigError

from . import promtool
from .test_levels import fleet

MILLION = "inferfleet_cost_per_million_generated_tokens:rate5m"
RELEASES = ("0.20.2", "0.26.0")


def given(folder: Path, prices: str) -> Path:
    """Return a file of values with prices."""
    path = folder / "mine.yaml"
    path.write_text(f"cost_per_gpu_hour: {prices}\n", encoding="utf-8")
    return path


def test_without_prices_nothing_is_recorded() -> None:
    assert not [rule for rule in build.records(load()) if "cost" in rule.record]


# one GPU at 10 tokens a second, four at 100 together
@promtool.needs_promtool
@pytest.mark.parametrize(
    ("prices", "old", "new", "model"),
    [
        ("[{gpu_model: H200, cost: 3.6}]", 100, 40, 18e6 / 396_000),
        ("[{gpu_model: 'H2.*', cost: 3.6}, {gpu_model: '.*', cost: 99}]", 100, 40, 18e6 / 396_000),
        ("[{gpu_model: H2, cost: 99}]", None, None, None),
    ],
)
def test_every_gpu_of_a_model_is_paid_for(
    tmp_path: Path, prices: str, old: float | None, new: float | None, model: float | None
) -> None:
    _check(tmp_path, fleet(), prices, {"0.20.2": old, "0.26.0": new, "": model})


@promtool.needs_promtool
def test_a_gpu_without_a_price_leaves_its_model_without_a_cost(tmp_path: Path) -> None:
    series = {
        name.replace("H200", "B200") if 'target="b"' in name else name: text
        for name, text in fleet().items()
    }
    prices = "[{gpu_model: H200, cost: 3.6}]"
    _check(tmp_path, series, prices, {"0.20.2": 100, "0.26.0": None, "": None})


def _check(
    folder: Path, series: dict[str, str], prices: str, expected: dict[str, float | None]
) -> None:
    values = load(given(folder, prices))
    tests = []
    for release, value in expected.items():
        labels = f'{{engine="vllm", release="{release}", model="m"}}' if release else '{model="m"}'
        record = f"{'release' if release else 'model'}:{MILLION}"
        selector = f'{record}{{release="{release}"}}'
        samples = [] if value is None else [{"labels": labels, "value": round(value, 3)}]
        expr = f"round({selector}, 0.001)"
        tests.append({"expr": expr, "eval_time": "30m", "exp_samples": samples})
    inputs = [{"series": name, "values": text} for name, text in series.items()]
    names = {f"release:{MILLION}", f"model:{MILLION}"}
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": tests}
    promtool.run(folder, promtool.needed(values, names), [test])


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        ("[{gpu_model: H200, cost: 0}]", "cost_per_gpu_hour"),
        ("[{gpu_model: '(', cost: 1}]", "is no pattern"),
        ("{H200: 1}", "cost_per_gpu_hour"),
    ],
)
def test_prices_that_cannot_be_meant_are_refused(tmp_path: Path, prices: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault.replace("(", r"\(")):
        load(given(tmp_path, prices))
