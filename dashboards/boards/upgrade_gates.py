"""The Upgrade dashboard's gates: what keeps two releases from being compared."""

from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES

from ..grafana.columns import Column
from ..grafana.panels import Row, table, text, time_series
from ..queries import upgrade as queries
from .verdicts import reason_mapping


def gates() -> Row:
    """Return the row."""
    return Row(
        "May they be compared?",
        [
            table(
                "What stands in the way of a verdict",
                "Each line keeps a measure from being judged, and says what to do about it. Empty: "
                "nothing does, or nobody judges.",
                Column("Measure", label="measure", settings={"custom__width": 110}),
                Column(
                    "Reason",
                    queries.REASONS,
                    label="reason",
                    settings={"mappings": [reason_mapping()]},
                ),
                size=(24, 5),
            ),
            table(
                "Configurations",
                "One row for each configuration running. Another class cannot be compared at all; "
                "another config is a possible cause of what you see above.",
                Column("Release", label="release"),
                Column("Servers", queries.CONFIGURATIONS),
                Column("Engine", label="engine"),
                Column("Version", label="version"),
                Column("Runner", label="runner"),
                Column("Quantisation", label="quantization", settings={"custom__width": 130}),
                *(
                    Column(title, label=label)
                    for title, label in (
                        ("KV dtype", "kv_cache_dtype"),
                        ("Role", "role"),
                        ("Class", "class"),
                        ("Config", "config"),
                    )
                ),
                size=(16, 7),
            ),
            table(
                "Limits and size",
                "What each release's servers may do at most. A changed limit is a changed server.",
                Column("Release", label="release"),
                Column("Sequences", queries.limit("max_running_requests")),
                Column("Step tokens", queries.limit("max_batched_tokens")),
                Column("GPUs", queries.limit("gpus")),
                size=(8, 7),
            ),
            time_series(
                "Youngest server",
                "Work of the first minutes after a start is left out of every comparison.",
                queries.AGE,
                unit="s",
                size=(12, 7),
            ),
            time_series(
                "Time left out of the comparison",
                "By reason. warm_up ends by itself; gap: the exporter misses samples; preempting: "
                "the servers are overloaded; implausible: counters jump.",
                queries.EXCLUDED,
                unit="s",
                size=(12, 7),
            ),
            text("Numbers that changed their meaning", _meanings(), size=(24, 10)),
        ],
    )


def _meanings() -> str:
    lines = [
        "A change applies when it lies after the baseline's version and not after the candidate's; "
        "what it forbids is then not compared.\n",
        "| engine | from | what changed | not compared |",
        "|---|---|---|---|",
    ]
    for engine in ENGINES:
        changes = engine_catalog(engine).meanings
        for change in sorted(changes, key=lambda change: change.at, reverse=True):
            forbids = ", ".join(change.forbids) or "no measure"
            if change.roles:
                forbids += f" (role {', '.join(change.roles)})"
            lines.append(f"| {engine} | {change.at} | {change.changed} | {forbids} |")
    return "\n".join(lines)
