"""Which upgrade is asked about, and the releases of the catalog that stand for it. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from ..base.errors import PreflightError
from ..base.untrusted import one_line
from ..engines.registry import ENGINES
from .catalog import ReleaseCatalog, release_catalog

_RELEASE: Final = re.compile(r"([a-z]+)\s*==\s*v?(\S+)")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From version `old` to `new`; `before` and `after` are the releases they are looked up as.

    `remarks` say where these are not the same.
    """

    catalog: ReleaseCatalog
    old: str
    new: str
    before: str
    after: str
    remarks: tuple[str, ...]


def parse_upgrade(old: str, new: str) -> Upgrade:
    """Return the upgrade between two releases written like `vllm==0.20.2`.

    Raises `PreflightError` for another spelling, two engines, or a version before the catalog.
    """
    (engine, old_version), (other, new_version) = (
        _parsed(text, option) for text, option in ((old, "--from"), (new, "--to"))
    )
    if engine != other:
        raise PreflightError(f"{engine} and {other} are two engines: an upgrade is of one")
    catalog = release_catalog(engine)
    before, after = (
        _release(catalog, version, option)
        for version, option in ((old_version, "--from"), (new_version, "--to"))
    )
    remarks = (
        _remark(catalog, version, release)
        for version, release in ((old_version, before), (new_version, after))
    )
    return Upgrade(catalog, old_version, new_version, before, after, tuple(filter(None, remarks)))


def _parsed(text: str, option: str) -> tuple[str, str]:
    match = _RELEASE.fullmatch(text.strip())
    shown = one_line(text)
    if match is None or match[1] not in ENGINES:
        raise PreflightError(f"{option} {shown!r} is no release; write it like vllm==0.20.2")
    try:
        Version(match[2])
    except InvalidVersion:
        raise PreflightError(
            f"{option} {shown!r} has no version; write it like vllm==0.20.2"
        ) from None
    return match[1], match[2]


def _release(catalog: ReleaseCatalog, version: str, option: str) -> str:
    release = catalog.nearest(version)
    if release is None:
        raise PreflightError(
            f"{option} {catalog.engine}=={version} is before the catalog, which begins with "
            f"{catalog.releases[0]}; ask from that release on"
        )
    return release


def _remark(catalog: ReleaseCatalog, version: str, release: str) -> str:
    if Version(version) == Version(release):
        return ""
    newest = catalog.releases[-1]
    newer = Version(version) > Version(newest)
    why = "is newer than the catalog" if newer else "is not in the catalog"
    return f"{catalog.engine} {version} {why}: looked up as {release}"
