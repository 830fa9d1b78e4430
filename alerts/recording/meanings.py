"""Meaning changes as rules: which releases' numbers must not be compared, by measure.

A release's epoch counts the changes of a measure's meaning its version has behind it; two releases
compare only at one epoch. The changes are the engine catalogs'. A change for some roles counts for
servers known to have one of them; a release's servers of one class are of one role.
"""

import re
from collections.abc import Iterable
from typing import Final

from exporter.engines.catalog import MeaningChange, engine_catalog
from exporter.engines.registry import ENGINES
from exporter.vocabulary.verdict import MEASURES

from ..model import Record
from ..promql import union
from .settings import Settings

EPOCH: Final = "release:inferfleet_meaning_epoch:count"


def records(settings: Settings) -> list[Record]:
    """Return one rule for each measure whose meaning changed in some engine."""
    rules = []
    for measure in MEASURES:
        epochs = [
            _epoch(settings, engine, changes)
            for engine in ENGINES
            if (changes := [m for m in engine_catalog(engine).meanings if measure in m.forbids])
        ]
        if epochs:
            rules.append(Record(record=EPOCH, expr=union(epochs), labels={"measure": measure}))
    return rules


def _epoch(settings: Settings, engine: str, changes: Iterable[MeaningChange]) -> str:
    """Changes behind each release of an engine; -1 where its version is unknown."""
    release = settings.labels("release")
    unknown = settings.metric("server_info", f'engine="{engine}"', 'version=""', 'release!=""')
    terms = [_passed(settings, engine, release, change) for change in changes]
    return f"({f' + on {release} '.join(terms)})\nor\n(group by {release} ({unknown}) * -1)"


def _passed(settings: Settings, engine: str, release: str, change: MeaningChange) -> str:
    """1 for releases that a change concerns and that are at or above its version, else 0."""
    base = (f'engine="{engine}"', 'version!=""', 'release!=""')
    role = f'role=~"{"|".join(change.roles)}"' if change.roles else ""
    above = settings.metric("server_info", *base, role, f'version!~"{below(str(change.at))}"')
    known = settings.metric("server_info", *base)
    return f"(group by {release} ({above}) or group by {release} ({known}) * 0)"


def below(version: str) -> str:
    r"""Return a pattern (RE2, quoted for PromQL) of versions less than `version`, e.g. 0.23.0."""
    parts = [int(part) for part in re.findall(r"\d+", version)][:3]
    options = []
    for i, part in enumerate(parts):
        head = "".join(rf"{number}[.]" for number in parts[:i])
        if part:
            options.append(f"{head}{less(part)}([^0-9].*)?")
    return "v?(" + "|".join(options) + ")"


def less(number: int) -> str:
    """Return a pattern of the whole numbers from 0 to less than `number`, which is positive."""
    text, options = str(number), []
    for length in range(1, len(text)):
        options.append("[0-9]" if length == 1 else f"[1-9][0-9]{{{length - 1}}}")
    for i, digit in enumerate(text):
        low = 1 if i == 0 and len(text) > 1 else 0
        if int(digit) > low:
            rest = len(text) - i - 1
            tail = "" if not rest else "[0-9]" if rest == 1 else f"[0-9]{{{rest}}}"
            options.append(f"{text[:i]}[{low}-{int(digit) - 1}]{tail}")
    return "(" + "|".join(options) + ")"
