"""Which settings may be shown, and which make two servers' configurations differ.

A server's settings hold passwords, tokens and paths, and much that differs between two nodes of
one fleet: ports, ranks, seeds, measured sizes. `public_settings` keeps the rest, as text. Names
decide first, since a setting that is called a key is one whatever it looks like; the shape of the
value decides second, for a secret or a path may stand anywhere.
"""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

from .facts import base_name, parsed


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LONGEST: Final = 160
_DEEPEST: Final = 8

_PARTS_OF_NAME: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:+*-]*")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ADDRESS: Final = re.compile(r".*(?:[0-9]{1,3}\.){3}[0-9]{1,3}.*|.*:[0-9]{2,5}")
_CREDENTIAL: Final = re.compile(
    r"(?:sk|pk|rk|hf|ghp|gho|ghs|github_pat|glpat|xox[a-z]|nvapi|gsk|r8)[-_].{8}.*"
    r"|(?:AKIA|ASIA|AIza|ya29|eyJ).{8}.*",
    re.IGNORECASE,
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_RUNS: Final = re.compile(r"[A-Za-z0-9]{16,}")

_SECRET: Final = _words(
    "key keys keyfile auth authorization bearer cookie cookies cert certs certfile certificate ssl "
    "tls private webhook dsn salt jwt oauth login username email headers"
)
_SECRET_PARTS: Final = ("secret", "passw", "passphrase", "credential", "apikey", "apitoken")

_NODE: Final = _words(
    "port ports rank seed numa log logs logging logger loggers otlp build bind uuid"
)
"""Words that mark a setting as this node's or this start's own wherever they stand."""

_NODE_LAST: Final = _words(
    "host hosts hostname ip ips addr address addresses path paths dir dirs folder file files url "
    "urls uri endpoint endpoints socket uds id ids pid time tag commit domains origins labels "
    "index"
)

_RUNTIME: Final = _words(
    # the release itself, which is a fact and no setting
    "version weight_version "
    # the whole environment or command line, secrets included
    "launch_command ray_runtime_env runtime_env env_vars env environment"
)
_MODELS: Final = _words(
    "model model_path model_root model_weights tokenizer tokenizer_path served_model_name "
    "draft_model speculative_draft_model_path"
)
_EXCEPTIONS: Final = frozenset({"max_lora_rank"})
_IDENTITY: Final = _words("version rust_frontend_version id root parent")
"""Names under which an endpoint says what it runs, beside its settings."""


def public_settings(
    settings: Mapping[str, object], prefix: str = "", runtime: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return the settings of a nested object that may be shown, flat, by dotted name.

    `runtime` are names that this engine lists among its settings though they are measured, counted
    or drawn at random at start. Unset settings (null, `None`, empty) are left out: engines add new
    unset ones with every release. Long lists become their digest.
    """
    texts = dict[str, str]()
    for name, value in _flat(settings, prefix, runtime, 0):
        text = _text(name.rpartition(".")[2], value)
        if text is not None:
            texts[name] = text
    return texts


def public_document(document: object) -> object:
    """Return a decoded JSON answer of an endpoint without what must not be shown.

    It keeps its shape, so that whatever is read of the whole answer is read of this one alike.
    Texts other than plain names are left out, model paths are shortened to their last part.
    """
    return _public(document, "", 0)


def _public(value: object, name: str, depth: int) -> object:
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {
            key: _public(inner, key, depth + 1)
            for key, inner in value.items()
            if key in _IDENTITY or (_NAME.fullmatch(key) and not _forbidden(key, frozenset()))
        }
    if isinstance(value, list):
        return [_public(inner, name, depth + 1) for inner in value]
    if not isinstance(value, str) or not value:
        return value
    if value[:1] in ("{", "[") and isinstance(inner := parsed(value), (dict, list)):
        return _public(inner, name, depth + 1)
    return _text("model" if name in _IDENTITY - {"version"} else name, value)


def _flat(
    settings: Mapping[str, object], prefix: str, runtime: frozenset[str], depth: int
) -> Iterator[tuple[str, object]]:
    """Yield the leaves of a nested object by dotted name, forbidden branches left out."""
    for key, value in settings.items():
        if not _NAME.fullmatch(str(key)) or _forbidden(key, runtime) or depth > _DEEPEST:
            continue
        name = f"{prefix}{key}"
        if isinstance(value, str) and value[:1] in ("{", "["):
            inner = parsed(value)
            value = inner if isinstance(inner, (dict, list)) else value
        if isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
            value = {str(i): entry for i, entry in enumerate(value)}
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.", runtime, depth + 1)
        else:
            yield name, value


def _forbidden(name: str, runtime: frozenset[str]) -> bool:
    """Whether a name alone says that its value is a secret or no part of the configuration."""
    parts = name.split(".")
    return any(
        part in runtime or _forbidden_part(part) for part in parts if part not in _EXCEPTIONS
    )


def _forbidden_part(name: str) -> bool:
    if name in _RUNTIME:
        return True
    words = [word.lower() for word in _PARTS_OF_NAME.findall(name)]
    if not words or name in _MODELS:
        return False
    squashed = "".join(words)
    return (
        not _SECRET.isdisjoint(words)
        or any(part in squashed for part in _SECRET_PARTS)
        or words[-1] == "token"
        or not _NODE.isdisjoint(words)
        or words[-1] in _NODE_LAST
    )


def _text(name: str, value: object) -> str | None:
    """Return one value as text, None where it is unset or must not be shown."""
    if isinstance(value, list):
        known = (_text(name, entry) for entry in value)
        texts = [text for text in known if text is not None]
        joined = ",".join(texts)
        if len(joined) > _LONGEST:
            return f"{len(texts)} values, sha256 {sha256(joined.encode()).hexdigest()[:8]}"
        return joined or None
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not isinstance(value, str) or value in ("", "None"):
        return None
    if name in _MODELS:
        value = base_name(value) or ""
    elif _NUMBER.fullmatch(value) or value in ("True", "False", "true", "false"):
        return value.lower()
    elif "token" in name.lower().replace("tokenizer", ""):
        # Counts of tokens are numbers; a token that is text is a credential.
        return None
    return value if _harmless(name, value) else None


def _harmless(name: str, value: str) -> bool:
    """Whether text is a plain name: no path, address, credential or random string."""
    if len(value) > _LONGEST or not _PLAIN.fullmatch(value):
        return False
    if _ADDRESS.fullmatch(value) or _CREDENTIAL.match(value) or _UUID.search(value):
        return False
    return name.endswith("revision") or not any(map(_random, _RUNS.findall(value)))


def _random(run: str) -> bool:
    """Whether a run of letters and digits looks drawn at random, as keys and identifiers are."""
    return sum(map(str.isdigit, run)) >= 3 and not run.isdigit()
