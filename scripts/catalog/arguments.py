"""Which command-line arguments a release takes, and what each is where it is not given."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from .choices import choices
from .syntax import called, classes, default_text, fields, keyword, parsed, text_of

_VLLM_FILES: Final = re.compile(
    r"vllm/engine/arg_utils\.py|vllm/entrypoints/(?:cli/serve|\w+/cli_args)\.py"
)
_VLLM_ARGUMENTS: Final = ("EngineArgs", "AsyncEngineArgs", "BaseFrontendArgs", "FrontendArgs")
_SGLANG_FILE: Final = "sglang/srt/server_args.py"
_SGLANG_FIELDS: Final = "sglang/srt/arg_groups/fields/"
_FILES: Final[Mapping[str, Callable[[str], bool]]] = {
    "vllm": lambda path: _VLLM_FILES.fullmatch(path) is not None,
    "sglang": lambda path: path == _SGLANG_FILE or path.startswith(_SGLANG_FIELDS),
}
"""Which files of an engine's package define arguments."""


def arguments(texts: Mapping[str, str], engine: str) -> dict[str, dict[str, object]]:
    """Return by flag its default as text and the values it takes, each where it stands as such."""
    read = _vllm if engine == "vllm" else _sglang
    facts = read(texts)
    for flag, values in choices(texts, filter(_FILES[engine], texts)).items():
        if flag in facts:
            facts[flag]["choices"] = values
    return facts


def _vllm(texts: Mapping[str, str]) -> dict[str, dict[str, object]]:
    configured = _config_defaults(texts)
    flags, defaults = set[str](), dict[str, str]()
    for path, text in texts.items():
        if not _FILES["vllm"](path):
            continue
        tree = parsed(text)
        flags |= set(_added(tree))
        for name, node in classes(tree).items():
            if name not in _VLLM_ARGUMENTS:
                continue
            for field, value in fields(node.body):
                default = _resolved(value, configured)
                if default is not None:
                    defaults[field] = default
                if name.endswith("FrontendArgs"):
                    flags.add(_flag(field))
    return {flag: _with_default(defaults.get(_field(flag))) for flag in sorted(flags)}


def _sglang(texts: Mapping[str, str]) -> dict[str, dict[str, object]]:
    flags, defaults = set[str](), dict[str, str]()
    for path, text in texts.items():
        if not _FILES["sglang"](path):
            continue
        tree = parsed(text)
        flags |= set(_added(tree))
        for name, node in classes(tree).items():
            if name != "ServerArgs" and not path.startswith(_SGLANG_FIELDS):
                continue
            flags |= {_flag(field) for field in _described(node)}
            for field, value in fields(node.body):
                default = default_text(value)
                if default is not None:
                    defaults[field] = default
    return {flag: _with_default(defaults.get(_field(flag))) for flag in sorted(flags)}


def _described(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields that are described as arguments by their annotation, `A[type, help]`."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind = statement.annotation
            if isinstance(kind, ast.Subscript) and ast.unparse(kind.value) == "A":
                yield statement.target.id


def _config_defaults(texts: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return the defaults of configuration classes by class and field."""
    defaults = dict[tuple[str, str], str]()
    for path, text in texts.items():
        if not path.startswith("vllm/config"):
            continue
        for name, node in classes(parsed(text)).items():
            for field, value in fields(node.body):
                default = default_text(value)
                if default is not None:
                    defaults[name, field] = default
    return defaults


def _resolved(value: ast.expr | None, configured: Mapping[tuple[str, str], str]) -> str | None:
    """Return a default; where it is another class's field, that field's."""
    text = default_text(value)
    if text is None:
        return None
    owner, dot, field = text.partition(".")
    if not dot and text.startswith("get_field("):
        owner, _, field = text.removeprefix("get_field(").rstrip(")").partition(", ")
        field = field.strip("'\"")
    return configured.get((owner, field), text)


def _added(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if called(node) == "add_argument":
            names = (text_of(value) for value in node.args)
            yield from (flag for flag in names if flag and flag.startswith("--"))
        aliases = keyword(node, "aliases")
        if aliases is not None and called(node) == "Arg":
            names = (text_of(value) for value in ast.walk(aliases) if isinstance(value, ast.expr))
            yield from (flag for flag in names if flag and flag.startswith("--"))


def _with_default(default: str | None) -> dict[str, object]:
    return {} if default is None else {"default": default}


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _field(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
