"""Objectives that differ by model: each server is held against those of its own model."""

from pathlib import Path

from alerts import build
from alerts.values import load

from . import promtool

MINE = """
slo:
  models:
    - model: big-.*
      time_to_first_token: {threshold: 10s, objective: 0.9}
      errors: {objective: 0.95}
    - model: big-1|other
      time_to_first_token: {threshold: 20s, objective: 0.5}
  fast: [{factor: 1.5, long: 1h, short: 5m}]
  slow: [{factor: 1, long: 1d, short: 2h}]
"""
ALERT = "InferfleetTimeToFirstTokenBudgetBurnFast"
ATTAINMENT = "target:inferfleet_time_to_first_token_slo:ratio_rate5m"
COUNT = "inferfleet_time_to_first_token_seconds_count"
BUCKET = "inferfleet_time_to_first_token_seconds_bucket"
# requests a minute within a second, within 10 s and within 20 s, of 100
WITHIN = {"small": (50, 80, 100), "big-1": (50, 80, 100), "other": (50, 80, 100), "big-2": (1, 95)}


def mine(folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_each_model_is_in_the_first_group_that_its_name_matches(tmp_path: Path) -> None:
    big, either, others = load(mine(tmp_path)).slo.sets()
    assert big.matcher == 'model=~"big-.*"'
    assert either.matcher == 'model=~"big-1|other", model!~"big-.*"'
    assert others.matcher == 'model!~"big-.*", model!~"big-1|other"'
    assert (big.errors.objective, either.errors.objective) == (0.95, others.errors.objective)
    assert others.time_to_first_token == load().slo.time_to_first_token


@promtool.needs_promtool
def test_a_model_is_held_against_its_own_objective(tmp_path: Path) -> None:
    values = build.everything(load(mine(tmp_path)))
    shown: dict[str, str] = {}
    for name, counts in WITHIN.items():
        identity = promtool.IDENTITY | {"target": name, "model": name}
        shown[promtool.series("inferfleet_server_info", **identity)] = "1x120"
        shown[promtool.series(COUNT, target=name)] = "0+100x120"
        for le, count in zip(("1.0", "10.0", "20.0"), counts, strict=False):
            shown[promtool.series(BUCKET, target=name, le=le)] = f"0+{count}x120"

    def expected(label: str, samples: dict[str, float]) -> list[dict[str, object]]:
        return [{"labels": f'{{{label}="{key}"}}', "value": v} for key, v in samples.items()]

    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in shown.items()],
        "promql_expr_test": [
            {
                "expr": f'count by (model) (ALERTS{{alertname="{ALERT}", alertstate="firing"}})',
                "eval_time": "2h",
                "exp_samples": expected("model", {"small": 1, "big-1": 1}),
            },
            {
                "expr": f"sum by (target) (round({ATTAINMENT}, 0.01))",
                "eval_time": "2h",
                "exp_samples": expected(
                    "target", {"small": 0.5, "big-1": 0.8, "other": 1, "big-2": 0.95}
                ),
            },
        ],
    }
    promtool.run(tmp_path, promtool.needed(values, {ALERT, ATTAINMENT}), [test])
