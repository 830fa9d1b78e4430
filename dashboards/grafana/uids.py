"""The dashboards' addresses, which never change: people and alerts link to them."""

from typing import Final

FLEET: Final = "inferfleet-fleet"
SERVER: Final = "inferfleet-server"
UPGRADE: Final = "inferfleet-upgrade"
CACHE: Final = "inferfleet-cache"
GPU: Final = "inferfleet-gpu"
SLO: Final = "inferfleet-slo"
EXPORTER: Final = "inferfleet-exporter"
