"""A table's columns: what merges, names, orders and converts the results of their queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..queries.base import Query
from .style import field_override
from .targets import ref_id

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, and the query of its values where it has one.

    `label` is a label of the rows, shown in place of the query's values; `settings` are overrides
    of how the column looks. A label whose values are numbers is `numeric`.
    """

    title: str
    query: Query | None = None
    label: str = ""
    settings: Mapping[str, Any] | None = None
    numeric: bool = False


def column_queries(columns: Sequence[Column]) -> list[Query]:
    """Return the queries of those columns that have one."""
    return [column.query for column in columns if column.query]


def column_overrides(columns: Sequence[Column]) -> list[Json]:
    """Return how the columns look, by their titles."""
    return [
        field_override(column.title, **column.settings) for column in columns if column.settings
    ]


def transformations(columns: Sequence[Column], sort_by: tuple[str, bool] | None) -> list[Json]:
    """Return what makes one table of several results, which merge on the labels they share.

    `sort_by` names the column that orders the rows, and whether the largest comes first.
    """
    fields = _field_names(columns)
    titles = [column.title for column in columns]
    steps: list[Json] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": fields}}},
        {
            "id": "organize",
            "options": {
                "indexByName": {field: place for place, field in enumerate(fields)},
                "renameByName": dict(zip(fields, titles, strict=True)),
            },
        },
    ]
    # labels are text: converted, they sort as numbers
    conversions = [
        {"targetField": column.title, "destinationType": "number"}
        for column in columns
        if column.numeric
    ]
    if conversions:
        steps.append({"id": "convertFieldType", "options": {"conversions": conversions}})
    if sort_by:
        field, descending = sort_by
        sort = [{"field": field, "desc": descending}]
        steps.append({"id": "sortBy", "options": {"sort": sort}})
    return steps


def _field_names(columns: Sequence[Column]) -> list[str]:
    """Return the name Grafana gives each column's field: the label's, or that of the value."""
    valued = [column for column in columns if column.query]
    return [
        column.label or ("Value" if len(valued) == 1 else f"Value #{ref_id(valued.index(column))}")
        for column in columns
    ]
