"""The table of the gates' decisions, and its place in the document."""

from scripts.bench.document import with_sections
from scripts.gate_table import DOCUMENT, SCENARIOS, table
from tests.deploy.gates import Decision


def test_a_cell_counts_outcomes_and_gives_their_hours() -> None:
    slower, same = SCENARIOS[0], SCENARIOS[2]
    decisions = [(slower, {"Job": Decision("rolled back", hours)}) for hours in (2.2, 2.2, 4.5)]
    decisions += [
        (slower, {"Job": Decision("goes on", 8.0)}),
        (same, {"Job": Decision("goes on", 3)}),
    ]
    assert table(decisions) == (
        "| gate | -10 % | no change |\n"
        "|---|---|---|\n"
        "| Job | 3 rolled back, 2.2 h (2.2 to 4.5); 1 goes on, 8.0 h | 1 goes on, 3.0 h |\n"
    )


def test_the_document_has_a_place_for_it_and_a_column_for_each_kind() -> None:
    page = DOCUMENT.read_text()
    assert with_sections(page, {"gates": "x"}) != page
    heads = " | ".join(scenario.name for scenario in SCENARIOS)
    assert f"| gate | {heads} |" in page
