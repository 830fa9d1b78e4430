"""Which metrics a release defines: name, type and labels of every call to a metric class.

A name stands in the call itself, in a constant, in a variable of the function around it, or is the
key beside the call. One that is put together in a loop is taken from what the loop runs over.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from .literals import Scope, bucket_families, buckets_of, labels_of, shared_labels
from .syntax import called, keyword, parsed, text_of

_KIND: Final = re.compile(r"(?i)(counter|gauge|histogram|summary)(?:_?cls|_?metadata)?$")
_NAME: Final = re.compile(r"(?:vllm|sglang):[a-zA-Z0-9_:]+")

Constants = Mapping[str, object]
"""Literals by the name they are assigned to, `Class.NAME` for those of a class."""


def metrics(texts: Mapping[str, str], engine: str) -> dict[str, dict[str, object]]:
    """Return by name the type of each metric, and the labels it adds to those that all have.

    Every call that names a metric of the engine counts, whatever its class is called; where its
    type cannot be told it is left out.
    """
    own = f"{engine}:"
    trees = {path: parsed(text) for path, text in texts.items() if own in text}
    shared = {
        name: value
        for tree in trees.values()
        for name, value in _constants(tree).items()
        if "." in name or isinstance(value, str)
    }
    # a class of names is used in files that hold none themselves
    users = re.compile("|".join(map(re.escape, {name.partition(".")[0] for name in shared})))
    families = bucket_families(parsed(text) for text in texts.values() if "_BUCKETS" in text)
    metrics_by_name = dict[str, dict[str, object]]()
    for path, text in texts.items():
        if path not in trees and not (shared and users.search(text)):
            continue
        tree = trees.get(path) or parsed(text)
        constants = {**shared, **_constants(tree)}
        for name, fact in _definitions(tree, constants, families):
            if not name.startswith(own):
                continue
            if name not in metrics_by_name:
                metrics_by_name[name] = fact
                continue
            # what two definitions say otherwise is not known
            known = metrics_by_name[name]
            for key in {*known, *fact} - {"type"}:
                if known.get(key) != fact.get(key):
                    known.pop(key, None)
    return metrics_by_name


def labels(texts: Mapping[str, str], engine: str) -> dict[str, dict[str, object]]:
    """Return the labels that metrics of the engine share, by name."""
    return shared_labels(
        parsed(text)
        for text in texts.values()
        if "labels" in text and (f"{engine}:" in text or "MetricsCollector" in text)
    )


def _constants(tree: ast.Module) -> dict[str, object]:
    bodies = {"": tree.body} | {
        f"{node.name}.": node.body for node in tree.body if isinstance(node, ast.ClassDef)
    }
    known = dict[str, object]()
    for owner, body in bodies.items():
        for statement in body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                target, value = statement.targets[0], statement.value
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                target, value = statement.target, statement.value or ast.Constant(None)
            else:
                continue
            try:
                known[owner + target.id] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError):
                continue
    return known


def _definitions(
    tree: ast.Module, constants: Constants, families: Mapping[str, tuple[float, ...]]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the name of every metric that a module defines, with what is known of it."""
    for function in _scopes(tree):
        nodes = list(_within(function))
        keyed = dict(_keyed(nodes))
        for node in nodes:
            if not isinstance(node, ast.Call) or (kind := _kind(node)) is None:
                continue
            argument = keyword(node, "name") or (node.args[0] if node.args else None)
            fact = _fact(node, kind, Scope(nodes, constants, families))
            for name in _names(keyed.get(node, argument), nodes, constants):
                if _NAME.fullmatch(name):
                    yield name, dict(fact)


def _fact(node: ast.Call, kind: str, scope: Scope) -> dict[str, object]:
    """Return the type of a metric and, where known, its labels and buckets.

    `shared` is whether it has the labels that all metrics share beside its own.
    """
    fact: dict[str, object] = {"type": kind}
    labels = labels_of(keyword(node, "labelnames"), scope)
    if labels is not None:
        own, shared = labels
        fact |= {"labels": sorted(own), "shared": shared}
    buckets = buckets_of(keyword(node, "buckets"), scope) if kind == "histogram" else None
    if buckets is not None:
        fact["buckets"] = list(buckets)
    return fact


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, those of functions inside it left out."""
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            stack.extend(ast.iter_child_nodes(node))


def _keyed(nodes: list[ast.AST]) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Yield the definitions that stand beside their name: `{NAME: call}`, `known[NAME] = call`."""
    for node in nodes:
        if isinstance(node, ast.Dict):
            yield from ((value, key) for key, value in zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            yield node.value, node.targets[0].slice


def _kind(node: ast.Call) -> str | None:
    declared = keyword(node, "metric_type")
    words = called(node) if declared is None else ast.unparse(declared).rpartition(".")[2]
    match = _KIND.search(words)
    if match is None:
        return None
    # its buckets are gauges of their own, none of them the sum of those before it
    return "gauge" if "gaugehistogram" in words.lower() else match[1].lower()


def _names(value: ast.expr | None, nodes: list[ast.AST], constants: Constants) -> Iterator[str]:
    """Yield what a name may be."""
    if isinstance(value, ast.Constant):
        yield from filter(None, [text_of(value)])
    elif isinstance(value, ast.Attribute | ast.Name):
        known = constants.get(ast.unparse(value).removeprefix("self."))
        if isinstance(known, str):
            yield known
        elif isinstance(value, ast.Name):
            yield from _values_of(value.id, nodes, constants)
    elif isinstance(value, ast.JoinedStr):
        holes = [part.value for part in value.values if isinstance(part, ast.FormattedValue)]
        if len(holes) == 1 and isinstance(holes[0], ast.Name):
            for text in _values_of(holes[0].id, nodes, constants):
                yield "".join(text_of(part) or text for part in value.values)


def _values_of(variable: str, nodes: list[ast.AST], constants: Constants) -> Iterator[str]:
    """Yield the texts that a function's variable is given: assigned, or by a loop."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            if any(isinstance(each, ast.Name) and each.id == variable for each in node.targets):
                yield from filter(None, [text_of(node.value)])
        elif isinstance(node, ast.For | ast.comprehension):
            targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            places = [
                number
                for number, each in enumerate(targets)
                if isinstance(each, ast.Name) and each.id == variable
            ]
            for place in places:
                for row in _rows(node.iter, nodes, constants):
                    cell = row[place] if isinstance(row, tuple | list) else row
                    if isinstance(cell, str):
                        yield cell


def _rows(source: ast.expr, nodes: list[ast.AST], constants: Constants) -> Iterator[object]:
    """Yield what a loop runs over where that is written out, in every branch that assigns it."""
    written = [source]
    if isinstance(source, ast.Name):
        known = constants.get(source.id)
        if isinstance(known, tuple | list):
            yield from known
            return
        written = [
            node.value
            for node in nodes
            if isinstance(node, ast.Assign)
            and any(isinstance(each, ast.Name) and each.id == source.id for each in node.targets)
        ]
    for value in written:
        try:
            literal = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            continue
        yield from literal if isinstance(literal, tuple | list) else ()
