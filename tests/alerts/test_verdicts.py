"""What the matched-load rules say of small fleets that are steady but for one change."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from alerts.recording.matched import groups_for
from alerts.values import load

from .promtool import needs_promtool
from .test_matched import MATCHED, promtool, written

SETTINGS: Final = load().matched.model_copy(
    update={
        "before": "2h",
        "after": "1h",
        "keep": "4h",
        "warm_up": 0.0,
        "cell_time": 1080.0,
        "overlap": 1800.0,
        "pinned": ({"model": "pinned", "release": "a"},),
    }
)
UPGRADE: Final = 124
"""Minutes until the upgrade: as many windows as a server's own past needs, and a few."""
END: Final = 188
STEP: Final = 2
# a minute at a batch of 8
MINUTE: Final = {
    "load_seconds": 60.0,
    "load_decode_sequence_seconds": 480.0,
    "load_decode_tokens": 24000.0,
}
HITS: Final = "prefix_cache_hit_tokens"
ACCEPTED: Final = "load_spec_accepted_tokens"


def run(
    model: str,
    release: str,
    servers: str,
    begin: int = 0,
    end: int = END,
    label: str = "c1",
    engine: str = "vllm",
    amounts: Mapping[str, float] = MappingProxyType({}),
) -> list[dict[str, str]]:
    """Return the series of some servers (a letter each) that ran a release for some minutes."""
    counts = {
        **MINUTE,
        "prefix_cache_queried_tokens": 1000.0,
        HITS: 500.0,
        "load_spec_draft_tokens": 1000.0,
        ACCEPTED: 800.0,
        **amounts,
    }
    version = {"old": "0.20.1", "new": "0.20.2"}.get(release, release)
    samples = (end - begin) // STEP
    shown = f"_x{begin // STEP} " if begin else ""
    found = []
    for server in servers:
        target = f'target="{model}-{server}"'
        who = (
            f'{target}, engine="{engine}", model="{model}", gpu_model="{label}-gpu", '
            f'class="{label}", release="{release}"'
        )
        info = f'inferfleet_server_info{{{who}, version="{version}"}}'
        found.append({"series": info, "values": f"{shown}1x{samples - 1}"})
        start = f'inferfleet_server_start_time_seconds{{{target}, since="{begin}"}}'
        found.append({"series": start, "values": f"{shown}{begin * 60}x{samples - 1}"})
        for name, amount in counts.items():
            if name.startswith("load_"):
                series = f'inferfleet_{name}_total{{{who}, batch="8"}}'
            else:
                series = f'inferfleet_{name}_total{{{target}, cache="local", since="{begin}"}}'
            found.append({"series": series, "values": f"{shown}0+{amount * STEP:g}x{samples}"})
    return found


FLEETS: Final = [
    # three of five upgraded: a fifth fewer hits, and nothing else
    *run("hits", "old", "de"),
    *run("hits", "old", "abc", end=UPGRADE),
    *run("hits", "new", "abc", UPGRADE, amounts={HITS: 400.0}),
    # all upgraded: a quarter fewer drafts accepted
    *run("drafts", "old", "abcd", end=UPGRADE),
    *run("drafts", "new", "abcd", UPGRADE, amounts={ACCEPTED: 600.0}),
    # across a release that counts otherwise
    *run("meaning", "0.5.6", "abcd", end=UPGRADE, engine="sglang"),
    *run("meaning", "0.5.7", "abcd", UPGRADE, engine="sglang"),
    # b, of half the speed, ran between a and c
    *run("pinned", "a", "abcd", end=UPGRADE - 12),
    *run("pinned", "b", "abcd", UPGRADE - 12, UPGRADE, amounts={"load_decode_tokens": 12000.0}),
    *run("pinned", "c", "abcd", UPGRADE),
    # all moved to another class, and to another class with the old release beside
    *run("moved", "old", "abcd", end=UPGRADE),
    *run("moved", "new", "abcd", UPGRADE, label="c2"),
    *run("beside", "old", "abcd"),
    *run("beside", "new", "ef", UPGRADE, label="c2"),
    # two classes on one release, upgraded or not; a new class beside the one that is compared
    *run("two", "old", "ab"),
    *run("two", "old", "cd", label="c2"),
    *run("both", "old", "abcd", end=UPGRADE),
    *run("both", "old", "efgh", end=UPGRADE, label="c2"),
    *run("both", "new", "abcd", UPGRADE),
    *run("both", "new", "efgh", UPGRADE, label="c2"),
    *run("added", "old", "abcd", end=UPGRADE),
    *run("added", "new", "abcd", UPGRADE),
    *run("added", "new", "ef", UPGRADE, label="c2"),
    # a class of its own, which has gone on to its next release
    *run("onward", "old", "a"),
    *run("onward", "new", "b", 60, label="c2"),
    *run("onward", "0.20.3", "c", UPGRADE, label="c2"),
]


def verdicts(model: str) -> str:
    return (
        f'count by (measure, verdict, class, baseline) ({MATCHED}verdict{{model="{model}"}} == 1)'
    )


def reasons(model: str, measures: str = ".*") -> str:
    labels = f'model="{model}", measure=~"{measures}"'
    return f"count by (measure, reason, class) ({MATCHED}reason{{{labels}}})"


def told(what: str, label: str, *measures: str, baseline: str = "") -> list[dict[str, Any]]:
    """Expect a verdict, which has a baseline, or a reason, for each of some measures."""
    kind = f'verdict="{what}", baseline="{baseline}"' if baseline else f'reason="{what}"'
    return [
        {"labels": f'{{class="{label}", measure="{measure}", {kind}}}', "value": 1}
        for measure in measures
    ]


UNSEEN: Final = ("prefill", "time_to_first_token")
ALWAYS: Final = ("decode", *UNSEEN)


def ratio(model: str, measure: str, label: str = "c1") -> str:
    """Rounded, as promtool compares numbers exactly."""
    labels = f'model="{model}", measure="{measure}", class="{label}"'
    return f"round(max by (release, baseline) ({MATCHED}ratio{{{labels}}}), 0.0001)"


EXPECTED: Final[dict[str, list[dict[str, Any]]]] = {
    ratio("hits", "hit_ratio"): [{"labels": '{baseline="old", release="new"}', "value": 0.8}],
    verdicts("hits"): [
        *told("equivalent", "c1", "decode", "speculation", baseline="old"),
        *told("regression", "c1", "hit_ratio", baseline="old"),
        *told("not_comparable", "c1", *UNSEEN, baseline="old"),
    ],
    ratio("drafts", "speculation"): [{"labels": '{baseline="old", release="new"}', "value": 0.75}],
    verdicts("drafts"): [
        *told("equivalent", "c1", "decode", baseline="old"),
        *told("regression", "c1", "speculation", baseline="old"),
        *told("not_comparable", "c1", *UNSEEN, "hit_ratio", baseline="old"),
    ],
    reasons("drafts", "hit_ratio"): told("no_servers_beside", "c1", "hit_ratio"),
    verdicts("meaning"): [
        *told("equivalent", "c1", "speculation", baseline="0.5.6"),
        *told("not_comparable", "c1", *ALWAYS, "hit_ratio", baseline="0.5.6"),
    ],
    reasons("meaning", "decode|hit_ratio"): [
        *told("meaning", "c1", "decode", "hit_ratio"),
        *told("no_servers_beside", "c1", "hit_ratio"),
    ],
    ratio("pinned", "decode"): [{"labels": '{baseline="a", release="c"}', "value": 1}],
    **{
        query: expected
        for model in ("moved", "beside")
        for query, expected in {
            verdicts(model): told("not_comparable", "c2", *ALWAYS, baseline="old"),
            reasons(model): told("class", "c2", *ALWAYS),
            f'count(({MATCHED}verdict{{model="{model}"}}))': [{"labels": "{}", "value": 15}],
        }.items()
    },
    verdicts("two"): [],
    f'{MATCHED}reason{{model=~"both|added|onward", reason="class"}}': [],
    f'count by (class) ({MATCHED}verdict{{model="both", verdict="equivalent"}} == 1)': [
        {"labels": f'{{class="{label}"}}', "value": 2} for label in ("c1", "c2")
    ],
    f'count by (class) ({MATCHED}verdict{{model="added", verdict="equivalent"}} == 1)': [
        {"labels": '{class="c1"}', "value": 2}
    ],
}


@needs_promtool
def test_what_the_rules_say_of_one_change(tmp_path: Path) -> None:
    tests = {
        "rule_files": [str(written(SETTINGS, tmp_path))],
        "evaluation_interval": SETTINGS.interval,
        "group_eval_order": [group.name for group in groups_for(SETTINGS)],
        "tests": [
            {
                "interval": f"{STEP}m",
                "input_series": FLEETS,
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{END - STEP}m", "exp_samples": samples}
                    for expr, samples in EXPECTED.items()
                ],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests), encoding="utf-8")
    found = promtool("test", "rules", path)
    assert found.returncode == 0, (found.stdout + found.stderr)[:4000]
