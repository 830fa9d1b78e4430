"""Queries as the targets of a panel; plain data."""

from collections.abc import Sequence
from typing import Any

from ..queries.base import Query
from .settings import DATASOURCE_REFERENCE

Json = dict[str, Any]


def targets(queries: Sequence[Query], **options: object) -> list[Json]:
    """Return a target for each query, lettered from A on."""
    return [
        {
            "datasource": DATASOURCE_REFERENCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "range": True,
            "refId": ref_id(i),
            **options,
        }
        for i, query in enumerate(queries)
    ]


def instant_targets(queries: Sequence[Query], **options: object) -> list[Json]:
    """Return targets that ask for the newest value alone."""
    return targets(queries, **options, instant=True, range=False)


def ref_id(i: int) -> str:
    """Return a target's letter or letters by its place: A to Z, then AA."""
    return chr(ord("A") + i) if i < 26 else ref_id(i // 26 - 1) + ref_id(i % 26)
