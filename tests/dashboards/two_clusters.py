"""The replayed fleet once more, under the same names in a cluster of its own and with other truth.

There its servers are pods of one Deployment, which get new names with their upgrade, and twice as
many tokens are generated.
"""

import re
from collections.abc import Mapping
from typing import Final

CLUSTER: Final = "us"
NAMESPACE: Final = "prod"
WORKLOAD: Final = "chat"
TOKENS: Final = 2.0
"""How many tokens are generated there for each one here."""

_GENERATED: Final = re.compile(r"^(inferfleet_generation_tokens_total\{.*\}) (\S+)$", re.M)


def page(text: str, since_start: float, upgrades: Mapping[str, float]) -> str:
    """Return a page as the other cluster's exporter shows it.

    `upgrades` are the seconds from which on each server has its new name.
    """
    text = _GENERATED.sub(lambda match: f"{match[1]} {TOKENS * float(match[2])!r}", text)
    where = f'namespace="{NAMESPACE}",workload="{WORKLOAD}"'
    text = text.replace('namespace="",workload=""', where)
    for name, upgrade in upgrades.items():
        if since_start >= upgrade:
            text = text.replace(f'target="{name}"', f'target="{renamed(name)}"')
    return text


def renamed(target: str) -> str:
    """Return what a server is called after its upgrade."""
    return f"{NAMESPACE}/{target}-2"


def original(target: str) -> str:
    """Return what a server was called before its upgrade."""
    return target.removeprefix(f"{NAMESPACE}/").removesuffix("-2")
