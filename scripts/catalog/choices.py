"""Which values an argument takes, where the packages list them.

vLLM makes most arguments from the types of its configuration's fields: a `Literal` or an `Enum` is
a list of values, one of texts is none. SGLang lists them beside the argument, or in a constant.
What is worked out at start stays unknown.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from .syntax import called, classes, keyword, parsed, text_of

_TRANSPARENT: Final = ("Annotated", "Optional", "Union", "SkipValidation", "A")
"""Types around others that the values are those of; of the first argument, or of all."""

_ENUMS: Final = ("Enum", "StrEnum")
"""Enumerations that an argument names a member of; one of numbers takes these too."""

_DEFINES_TYPES: Final = re.compile(
    r"^(?:\w+(?:: *TypeAlias)? *= *Literal\[|class \w+\([^)]*Enum|@config\b|[A-Z_]+_CHOICES *=)",
    re.MULTILINE,
)
"""What a file has that says which values a type has; thousands of others need not be parsed."""

Values = tuple[str, ...]


class _Types:
    """The types that a package's annotations name: aliases of literals, and enumerations."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self._aliases = dict[str, list[ast.expr]]()
        self._members = dict[str, set[Values]]()
        for tree in trees:
            for statement in tree.body:
                for name, value in _assigned(statement):
                    self._aliases.setdefault(name, []).append(value)
            for name, node in classes(tree).items():
                if any(ast.unparse(base).rpartition(".")[2] in _ENUMS for base in node.bases):
                    self._members.setdefault(name, set()).add(_members(node))

    def values(self, annotation: ast.expr) -> Values | None:
        """Return the only values of a type, None where it has others."""
        if isinstance(annotation, ast.Constant):
            if annotation.value is None:
                return ()
            quoted = _quoted_type(annotation.value)
            return None if quoted is None else self.values(quoted)
        if isinstance(annotation, ast.BinOp):
            return self._all([annotation.left, annotation.right])
        if isinstance(annotation, ast.Subscript):
            return self._of_subscript(annotation)
        if isinstance(annotation, ast.Name):
            return self._named(annotation.id)
        return None

    def _of_subscript(self, annotation: ast.Subscript) -> Values | None:
        kind = ast.unparse(annotation.value).rpartition(".")[2]
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if kind == "Literal":
            return self._literal(parts)
        if kind not in _TRANSPARENT:
            return None
        return self._all(parts if kind == "Union" else parts[:1])

    def _literal(self, parts: list[ast.expr]) -> Values | None:
        values = list[str]()
        for part in parts:
            if isinstance(part, ast.Constant):
                values += () if part.value is None else (str(part.value),)
                continue
            inner = self.values(part)
            if inner is None:
                return None
            values += inner
        return tuple(values)

    def _named(self, name: str) -> Values | None:
        known = self._members.get(name)
        if known is not None:
            return next(iter(known)) if len(known) == 1 else None
        every = {self.values(value) for value in self._aliases.get(name, ())}
        return every.pop() if len(every) == 1 else None

    def _all(self, annotations: list[ast.expr]) -> Values | None:
        values = list[str]()
        for each in annotations:
            known = self.values(each)
            if known is None:
                return None
            values += known
        return tuple(values)


def choices(texts: Mapping[str, str], files: Iterable[str]) -> dict[str, list[str]]:
    """Return by flag the values it takes, sorted; flags of `files` where these are known."""
    own = tuple(files)
    trees = {
        path: parsed(text)
        for path, text in texts.items()
        if path in own or _DEFINES_TYPES.search(text)
    }
    types = _Types(trees.values())
    owners = {
        name: node
        for path, tree in trees.items()
        if "/config" in path or path in own
        for name, node in classes(tree).items()
    }
    constants = _constants(trees.values())
    found = dict[str, Values | None]()
    for path in own:
        tree = trees[path]
        found |= _of_fields(tree, types, constants)
        found |= _of_calls(tree, types, owners, constants)
    return {flag: sorted(set(values)) for flag, values in sorted(found.items()) if values}


def _of_fields(
    tree: ast.Module, types: _Types, constants: Mapping[str, Values]
) -> dict[str, Values | None]:
    """Return those of annotated fields, which are arguments of the same name."""
    found = dict[str, Values | None]()
    for node in classes(tree).values():
        for field, annotation in _annotations(node).items():
            values = types.values(annotation)
            for part in ast.walk(annotation):
                if isinstance(part, ast.Call) and called(part) == "Arg":
                    values = _listed(keyword(part, "choices"), types, constants) or values
            found[f"--{field.replace('_', '-')}"] = values
    return found


def _of_calls(
    tree: ast.Module,
    types: _Types,
    owners: Mapping[str, ast.ClassDef],
    constants: Mapping[str, Values],
) -> dict[str, Values | None]:
    """Return those of `add_argument`: listed there, or of the field of a class it is made from."""
    made = {
        name: ast.unparse(value.args[0])
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Assign)
        for name, value in _assigned(statement)
        if isinstance(value, ast.Call) and called(value) == "get_kwargs" and value.args
    }
    found = dict[str, Values | None]()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or called(node) != "add_argument":
            continue
        flags = [flag for flag in map(text_of, node.args) if flag and flag.startswith("--")]
        listed = keyword(node, "choices")
        values = _listed(listed, types, constants)
        for each in node.keywords:
            source = each.value
            if each.arg is None and listed is None and isinstance(source, ast.Subscript):
                owner = owners.get(made.get(ast.unparse(source.value), ""))
                annotation = _annotations(owner).get(text_of(source.slice) or "") if owner else None
                values = None if annotation is None else types.values(annotation)
        found |= dict.fromkeys(flags, values)
    return found


def _listed(
    value: ast.expr | None, types: _Types, constants: Mapping[str, Values]
) -> Values | None:
    """Return the values that stand as texts or numbers in a list, or in a constant that is one."""
    if isinstance(value, ast.Name):
        return constants.get(value.id)
    if isinstance(value, ast.Call) and called(value) in ("list", "get_args", "sorted"):
        inner = value.args[0] if value.args else None
        if called(value) == "get_args" and inner is not None:
            return types.values(inner)
        return _listed(inner, types, constants)
    if isinstance(value, ast.List | ast.Tuple | ast.Set) and all(
        isinstance(each, ast.Constant) for each in value.elts
    ):
        return tuple(str(each.value) for each in value.elts if isinstance(each, ast.Constant))
    return None


def _constants(trees: Iterable[ast.Module]) -> dict[str, Values]:
    """Return the lists of modules by name; one that several modules have otherwise is none."""
    every = dict[str, set[Values]]()
    for tree in trees:
        for statement in tree.body:
            for name, value in _assigned(statement):
                if name.isupper() and isinstance(value, ast.List | ast.Tuple | ast.Set):
                    texts = [each for each in value.elts if isinstance(each, ast.Constant)]
                    if len(texts) == len(value.elts):
                        values = tuple(str(each.value) for each in texts)
                        every.setdefault(name, set()).add(values)
    return {name: known.pop() for name, known in every.items() if len(known) == 1}


def _annotations(node: ast.ClassDef) -> dict[str, ast.expr]:
    return {
        statement.target.id: statement.annotation
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield what names are given in a statement."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
    ):
        yield statement.target.id, statement.value


def _members(node: ast.ClassDef) -> Values:
    return tuple(
        name for statement in node.body for name, _ in _assigned(statement) if name.isupper()
    )


def _quoted_type(value: object) -> ast.expr | None:
    """Return the type that an annotation has in quotes."""
    if not isinstance(value, str):
        return None
    try:
        return ast.parse(value, mode="eval").body
    except SyntaxError:
        return None
