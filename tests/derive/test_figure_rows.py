"""The table of figures: every row can be published, shown and traced to its sources."""

from typing import get_args

import pytest

from exporter.derive.figure import FORMATS, Figure, Unit
from exporter.derive.figures import FAMILIES, FIGURES
from exporter.vocabulary.engine import BY_NAME as ENGINE
from exporter.vocabulary.gpu import BY_NAME as GPU
from exporter.vocabulary.states import BOUNDS, EXCLUSIONS, Bound, Exclusion

SUFFIXES = {
    "ratio": "_ratio",
    "W": "_watts",
    "s": "_seconds",
    "tok/s": "_per_second",
    "tok/s/GPU": "_per_second_per_gpu",
    "requests/s": "_per_second",
}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_named_by_its_unit_and_comes_from_known_families(figure: Figure) -> None:
    assert figure.name.endswith(SUFFIXES.get(figure.unit, ""))
    assert figure.title[0].isupper()
    assert figure.meaning
    assert not figure.meaning.endswith(".")
    assert not figure.help or figure.help.endswith(".")
    assert all(name in ENGINE or name in GPU for name in figure.families)


def test_names_are_unique_and_units_have_a_format() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    assert len({figure.title for figure in FIGURES}) == len(FIGURES)
    assert set(FORMATS) == set(get_args(Unit))


def test_a_gauge_is_there_or_the_engine_has_the_series() -> None:
    gauges = {family.name for family in FAMILIES}
    for figure in FIGURES:
        assert figure.name in gauges or figure.families


def test_every_state_has_its_text() -> None:
    assert set(BOUNDS) == set(get_args(Bound))
    assert set(EXCLUSIONS) == set(get_args(Exclusion))
