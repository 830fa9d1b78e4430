"""Which environment variables a release reads, and what each is where it is not set."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from .syntax import called, classes, default_text, fields, keyword, parsed, text_of

_VLLM_FILE: Final = "vllm/envs.py"
_SGLANG_FILE: Final = "sglang/srt/environ.py"
_READ: Final = {
    engine: re.compile(
        rf"""(?i:env)[\w.]*(?:\[|\(\s*)["'](?={prefix}_)([A-Z][A-Z0-9_]*[A-Z0-9])["']"""
    )
    for engine, prefix in (("vllm", "VLLM"), ("sglang", "(?:SGLANG|SGL)"))
}
"""`os.environ["X"]`, `os.getenv("X")`, `get_bool_env_var("X")` and their like."""


def environment(texts: Mapping[str, str], engine: str) -> dict[str, dict[str, object]]:
    """Return by variable its default as text; empty where it is computed.

    Variables that a module reads by itself are without one, unless they are declared too.
    """
    file, declared = (_VLLM_FILE, _vllm) if engine == "vllm" else (_SGLANG_FILE, _sglang)
    tree = parsed(texts.get(file, ""))
    names = set(_old_names(tree))
    for text in texts.values():
        names |= set(_READ[engine].findall(text))
    return dict(sorted({**{name: {} for name in names}, **declared(tree)}.items()))


def _vllm(tree: ast.Module) -> dict[str, dict[str, object]]:
    defaults = dict[str, str]()
    names = set[str]()
    for statement in tree.body:
        if isinstance(statement, ast.If):
            for name, value in fields(statement.body):
                text = default_text(value)
                if text is not None:
                    defaults[name] = text
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            known = isinstance(target, ast.Name) and target.id == "environment_variables"
            if known and isinstance(statement.value, ast.Dict):
                keys = (key.value for key in statement.value.keys if isinstance(key, ast.Constant))
                names |= {key for key in keys if isinstance(key, str)}
    return {name: _with_default(defaults.get(name)) for name in sorted(names)}


def _sglang(tree: ast.Module) -> dict[str, dict[str, object]]:
    node = classes(tree).get("Envs")
    variables = dict[str, dict[str, object]]()
    for statement in node.body if node else ():
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and called(statement.value).startswith("Env"):
            value = statement.value
            default = value.args[0] if value.args else keyword(value, "default")
            variables[target.id] = _with_default(default_text(default))
    return dict(sorted(variables.items()))


def _old_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names under which variables of another name are still taken."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            old = keyword(node, "deprecated_name")
            if called(node) == "_print_deprecated_env" and len(node.args) > 1:
                old = node.args[1]
            name = text_of(old) if old is not None else None
            if name:
                yield name
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name = text_of(key)
                if name and isinstance(value, ast.Call) and called(value) == "_DeprecatedEnv":
                    yield from [name] * (keyword(value, "replacement") is not None)


def _with_default(default: str | None) -> dict[str, object]:
    return {} if default is None else {"default": default}
