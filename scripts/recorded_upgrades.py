"""The recorded upgrades judged, beside what the load client measured.

`python -m scripts.recorded_upgrades --write` puts the table into docs/regressions.md. Servers work
by what the exporter counts of a phase's steady middle; `same` and `slower` are a release followed
by itself, and by one that does 90 % of its work in the same time.
"""

import argparse
from pathlib import Path
from typing import Final

from alerts.values import load
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Comparison
from exporter.compare.interim import analyse_upgrades
from scripts.bench.document import with_sections
from tests.alerts.upgrade import Case, recorded, same, slower, upgraded

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "regressions.md"
DENSE, MOE = "dense-0.20.2-mrv1", "moe-0.20.2-mrv1"
_END: Final = 1_780_000_000.0


def main() -> None:
    """Print the table or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help=f"write the table of {DOCUMENT}")
    options = arguments.parse_args()
    cases = (
        recorded(DENSE, "dense-0.26.0", "medium"),
        recorded(DENSE, "dense-0.20.2-mrv2", "medium"),
        *(recorded(MOE, "moe-0.20.2-mrv2", phase) for phase in ("medium", "full", "overload")),
        same(),
        slower(),
    )
    text = table(cases)
    if options.write:
        document = with_sections(DOCUMENT.read_text(encoding="utf-8"), {"recorded upgrades": text})
        DOCUMENT.write_text(document, encoding="utf-8")
    else:
        print(text)


def table(cases: tuple[Case, ...]) -> str:
    """Return the verdicts on decode beside what is known of each case."""
    lines = [
        "| upgrade | truth | judge | interval | verdict | naive time between tokens "
        "| naive tok/s |",
        "|---|---|---|---|---|---|---|",
    ]
    judged = load().matched
    question = Question((), (), margin=judged.margin, warm_up=judged.warm_up, detail=False)
    for case in cases:
        (comparison,) = analyse_upgrades(upgraded(case, _END), question, _END)
        lines.append(_row(case, comparison))
    return "\n".join(lines) + "\n"


def _row(case: Case, comparison: Comparison) -> str:
    decode = comparison.measures[0]
    estimate, interval = "", ""
    if decode.estimate:
        estimate = f"{decode.estimate.ratio:.3f}"
        interval = f"{decode.estimate.lower:.3f} to {decode.estimate.upper:.3f}"
    verdict: str = decode.verdict
    if decode.reason_code:
        verdict += f" ({decode.reason_code})"
    naive = (comparison.naive_inter_token_latency, comparison.naive_throughput)
    shown = " | ".join("" if ratio is None else f"{ratio:.3f}" for ratio in naive)
    return f"| {case.name} | {case.truth:.3f} | {estimate} | {interval} | {verdict} | {shown} |"


if __name__ == "__main__":
    main()
