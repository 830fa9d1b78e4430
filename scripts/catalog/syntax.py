"""Small questions to Python syntax trees: names, defaults, classes."""

import ast
from collections.abc import Iterator

Default = str
"""A default as JSON-like text: a literal, or the expression it is computed by."""


def parsed(text: str) -> ast.Module:
    """Return a module's tree, an empty one where it is no Python of this version."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument."""
    return next((each.value for each in node.keywords if each.arg == name), None)


def fields(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the annotated fields of a class, each with its default."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value


def classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the classes of a module by name."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def default_text(value: ast.expr | None) -> str | None:
    """Return a default as text, None where there is none; factories are what they make."""
    if value is None:
        return None
    if isinstance(value, ast.Call) and called(value) in ("field", "Field", "get_field"):
        inner = keyword(value, "default") or keyword(value, "default_factory")
        if inner is None and value.args:
            inner = value.args[0]
        return default_text(inner)
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ast.unparse(value)


def text_of(value: ast.expr | None) -> str | None:
    """Return a literal text, None where it is none."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return None
