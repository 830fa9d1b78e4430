"""What the labels and the buckets of a metric are, where they stand as literals.

An expression is followed through the variables of its function and the constants of its module.
What hangs on a model or an option stays unknown.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .syntax import called, fields

_MODEL_NAME: Final = "model_name"
"""The label that every metric of a server has, by which the labels all share are known."""


@dataclass(frozen=True)
class Scope:
    """What the names of an expression may stand for.

    `nodes` are those of its function; `constants` the literals by name of its module, and of other
    modules where they are classes'; `families` are buckets by the name of their family.
    """

    nodes: list[ast.AST]
    constants: Mapping[str, object]
    families: Mapping[str, tuple[float, ...]]

    def assigned(self, name: str) -> Iterator[ast.expr]:
        """Yield what a variable of the function is given."""
        for node in self.nodes:
            if isinstance(node, ast.Assign) and any(
                isinstance(each, ast.Name) and each.id == name for each in node.targets
            ):
                yield node.value


def shared_labels(trees: Iterable[ast.Module]) -> dict[str, dict[str, object]]:
    """Return the labels that a server gives every metric by name: its lists and dicts of them."""
    names = set[str]()
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name) and target.id in ("labels", "labelnames"):
                assigned = _texts(value.keys if isinstance(value, ast.Dict) else _elements(value))
                names |= assigned if _MODEL_NAME in assigned else set()
            elif isinstance(target, ast.Subscript) and ast.unparse(target.value) == "labels":
                names |= _texts([target.slice])
    return {name: {} for name in sorted(names)}


def bucket_families(trees: Iterable[ast.Module]) -> dict[str, tuple[float, ...]]:
    """Return buckets by the family that names them, from dictionaries of a module's constants."""
    families = dict[str, tuple[float, ...]]()
    for tree in trees:
        literals = {name: value for name, value in fields(tree.body) if value is not None}
        for value in literals.values():
            if not isinstance(value, ast.Dict):
                continue
            for key, inner in zip(value.keys, value.values, strict=True):
                bounds = _numbers(literals.get(ast.unparse(inner), inner))
                if bounds:
                    families |= dict.fromkeys(_texts([key]), bounds)
    return families


def labels_of(value: ast.expr | None, scope: Scope) -> tuple[set[str], bool] | None:
    """Return the labels that stand as texts, and whether those that all share are among them.

    None where a part is not known.
    """
    if value is None:
        return None
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        parts = [
            labels_of(each.value, scope) if isinstance(each, ast.Starred) else _own(each)
            for each in value.elts
        ]
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        parts = [labels_of(side, scope) for side in (value.left, value.right)]
    elif isinstance(value, ast.Call):
        inner = value.args[0] if called(value) == "list" and value.args else None
        parts = [labels_of(inner, scope) if inner is not None else _shared(value)]
    elif isinstance(value, ast.Name):
        assigned = list(scope.assigned(value.id))
        literal = [each for each in assigned if _MODEL_NAME not in _texts(_elements(each))]
        if value.id in ("labelnames", "labels") and not literal:
            return set(), True
        parts = [labels_of(each, scope) for each in assigned] if len(assigned) == 1 else [None]
    else:
        parts = [None]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return set().union(*(own for own, _ in known)), any(shared for _, shared in known)


def buckets_of(value: ast.expr | None, scope: Scope) -> tuple[float, ...] | None:
    """Return the bounds of a histogram's buckets, None where they are worked out at start."""
    if value is None:
        return None
    if (bounds := _numbers(value)) is not None:
        return bounds
    if isinstance(value, ast.Call):
        family = value.args[0] if value.args else None
        if isinstance(family, ast.Constant) and isinstance(family.value, str):
            return scope.families.get(family.value)
        return None
    if not isinstance(value, ast.Name):
        return None
    constant = scope.constants.get(value.id)
    if isinstance(constant, tuple | list):
        return _numbers(ast.parse(repr(constant), mode="eval").body)
    choices = {buckets_of(each, scope) for each in scope.assigned(value.id)}
    return choices.pop() if len(choices) == 1 else None


def _shared(value: ast.Call) -> tuple[set[str], bool] | None:
    """Return that all share the labels of `labels.keys()`; None of any other call."""
    return (set(), True) if ast.unparse(value) == "labels.keys()" else None


def _own(value: ast.expr) -> tuple[set[str], bool] | None:
    texts = _texts([value])
    return (texts, False) if texts else None


def _elements(value: ast.expr) -> list[ast.expr]:
    return value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else []


def _texts(values: Iterable[ast.expr | None]) -> set[str]:
    return {
        each.value
        for each in values
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def _numbers(value: ast.expr) -> tuple[float, ...] | None:
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
    if not isinstance(literal, tuple | list) or not literal:
        return None
    numbers = [each for each in literal if isinstance(each, int | float)]
    return tuple(map(float, numbers)) if len(numbers) == len(literal) else None
