"""The reference page of the alerts and recorded series, written from the values and the rules."""

import re
from typing import Final

from .build import alerts, everything, groups, records
from .model import Alert
from .values import DEFAULTS, Values

_NOTE: Final = "<!-- Written by scripts/generate.py: change the source and run `make generate`. -->"
_TITLES: Final = {
    "upgrades": "After an upgrade",
    "rollout": "The rollout",
    "engine": "The engine",
    "slo": "Objectives",
    "gpu": "GPUs",
    "exporter": "The exporter",
}
_HEAD: Final = f"""# Alerts and recorded series

{_NOTE}

`inferfleet rules --out DIR` writes Prometheus rule files, `--format operator` PrometheusRule
resources; the files made from the shipped values lie in `alerts/generated/`. A file given with
`--values` is laid over [`alerts/values.yaml`](../alerts/values.yaml), where every key has its
comment: write only what differs, such as

    selector: job="inferfleet"
    slo:
      time_to_first_token: {{threshold: 2500ms, objective: 0.95}}
      models:
        - {{model: ".*-405b", time_to_first_token: {{threshold: 10s, objective: 0.95}}}}
    alerts:
      InferfleetEnergyRegression: {{enabled: true}}
      InferfleetQueueGrowing: {{enabled: true, for: 20m, limits: {{requests: 100}}}}

Maps are merged, lists replaced, and a key that does not exist is refused. `for` is how long an
alert must hold, `keep_firing_for` how long it stays after it ceased (Prometheus 2.42 or later).
Alerts that are off are not written at all. Each alert links to its runbook.

What they say of a quiet fortnight and of real faults: [alert-drill.md](alert-drill.md).

An example of routes and inhibitions is `alerts/alertmanager/alertmanager.yml`.

## Whose alert it is

An alert on a server carries its `namespace` and `workload`, up or not, and one on a release those
that all servers of that release run in (with several workloads the `namespace` alone, with several
of those neither): Alertmanager can route by them. They come from `inferfleet_server_pod_info` and
`inferfleet_server_info`, also where Prometheus renamed their `namespace` to `exported_namespace`;
unknown is absent. A rollout is followed by namespace, workload and model, so that a Deployment
whose pods get new names is the same fleet after it; servers of unknown workload are one pool for
`VersionsMixed` and `ConfigSkew`, and each by itself for `VocabularyBroken`.

`keep_labels` (shipped: `cluster`) are on every recorded series and every alert, and in every join:
servers of one name in two clusters never meet. Absent, they change nothing. An external label is
put on series on their way out: rules evaluated inside a cluster's own Prometheus do not see it and
need not, Alertmanager gets it there from Prometheus. Rules of a central store (Thanos, Mimir) see
it.
"""


def page(values: Values) -> str:
    """Return the page."""
    parts = [_HEAD]
    enabled = {alert.alert for alert in alerts(values)}
    for group in groups(everything(values))["alerts"]:
        family = group.name.removeprefix("inferfleet-")
        parts.append(
            f"\n## {_TITLES[family]}\n\n"
            "| alert | severity | default | for | limits | says |\n|---|---|---|---|---|---|\n"
        )
        parts += [
            _row(values, rule, family, rule.alert in enabled)
            for rule in group.rules
            if isinstance(rule, Alert)
        ]
    parts += [_judgement(), _recorded(values)]
    return "".join(parts)


def _row(values: Values, alert: Alert, family: str, enabled: bool) -> str:
    limits = values.alerts[alert.alert].limits
    shown = ", ".join(f"`{key}` {_cell(value)}" for key, value in limits.items())
    link = f"../alerts/runbooks/{family}.md#{alert.alert.lower()}"
    switch = "on" if enabled else "off"
    return (
        f"| [`{alert.alert}`]({link}) | {alert.severity} | {switch} | {alert.wait} "
        f"| {shown} | {_plain(alert.summary)} |\n"
    )


def _cell(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")


def _plain(template: str) -> str:
    """Return a summary with its templates as readable placeholders."""
    text = template = re.sub(
        r"{{ with \$labels\.(\w+) }}(.*?){{ end }}",
        lambda match: match[2].replace("{{ . }}", match[1].upper()),
        template,
    )
    for part in template.split("{{")[1:]:
        inside = part.split("}}")[0]
        word = "N" if "$value" in inside else inside.strip().removeprefix("$labels.").upper()
        text = text.replace("{{" + inside + "}}", word)
    return text


def _judgement() -> str:
    """Return the shipped file's part on upgrades, comments and all."""
    text = DEFAULTS.read_text(encoding="utf-8")
    part = text[text.index("\nmatched:") + 1 : text.index("\n\n# On by default")]
    return (
        "\n## How an upgrade is judged\n\nThe numbers of [the method](compare.md), as shipped:"
        f"\n\n```yaml\n{part}\n```\n"
    )


def _recorded(values: Values) -> str:
    names = sorted({rule.record for rule in records(values)})
    bases: dict[str, list[str]] = {}
    for name in names:
        level, _, rest = name.partition(":")
        bases.setdefault(rest, []).append(level)
    rows = [
        f"| `:{rest}` | {', '.join(f'`{level}`' for level in levels)} |\n"
        for rest, levels in sorted(bases.items())
    ]
    return (
        "\n## Recorded series\n\nNamed level, metric, operation, as in "
        "`release:inferfleet_generation_tokens_per_gpu:rate5m`. Levels: `target`; `release` "
        "(`engine`, `release`, `model`, `gpu_model`, `class`), without servers started in the "
        "last five minutes, whose window may hold another release's work; `model`; `fleet`; "
        "`uuid`, one GPU. Each ratio is a sum over servers divided by a sum over the same "
        "servers, never a mean of ratios.\n\n"
        "Below, the level stands first: `release` and `:inferfleet_servers:count` is "
        "`release:inferfleet_servers:count`.\n\n"
        "Where `cost_per_gpu_hour` of the values gives prices, there are also "
        "`target:inferfleet_gpu_cost:per_hour` and, by `model` and by `release` (without "
        "`gpu_model` and `class`), `:inferfleet_cost_per_million_generated_tokens:rate5m`, in the "
        "prices' currency.\n\n"
        "| series | levels |\n|---|---|\n" + "".join(rows)
    )
