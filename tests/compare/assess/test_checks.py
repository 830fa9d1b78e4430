"""What is checked before two releases are compared."""

from exporter.compare.assess.checks import check_meanings
from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES
from exporter.vocabulary.verdict import MEASURES


def test_every_meaning_change_forbids_the_measures_its_catalog_names() -> None:
    for engine in ENGINES:
        for change in engine_catalog(engine).meanings:
            before = f"{change.at}.dev0"
            _, forbidden = check_meanings(((engine,), (engine,)), ((before,), (str(change.at),)))
            assert set(change.forbids) <= set(forbidden) <= set(MEASURES), change.name
