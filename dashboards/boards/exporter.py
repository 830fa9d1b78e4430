"""The Exporter dashboard: is what the other dashboards show true, whole and fresh?"""

from typing import Any, Final

from ..grafana import uids
from ..grafana.columns import Column
from ..grafana.panels import Row, dashboard, stat, state_timeline, table, time_series
from ..grafana.style import BLUE, GREEN, RED, YELLOW, absolute_thresholds, value_mapping
from ..grafana.variables import FLEET_VARIABLES
from ..queries import exporter as queries
from .shared import (
    BACKGROUND_CELL,
    ERROR_THRESHOLDS,
    PER_SECOND,
    ROW_TO_SERVER,
    STATE,
    THIRD,
    TO_SERVER,
)

WARNING_THRESHOLDS: Final = ((GREEN, None), (YELLOW, 1))


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "Version",
                "The exporters' own version. More than one: finish their upgrade.",
                queries.VERSION,
                text_mode="name",
                size=(4, 4),
            ),
            stat(
                "Servers watched",
                "By exporter. Fewer than you run: look at Discovery beside it.",
                queries.TARGETS,
                text_mode="value_and_name",
                size=(5, 4),
            ),
            stat(
                "Oldest page",
                "Age of the oldest page in use. Beyond a few intervals a server does not answer.",
                queries.OLDEST,
                unit="s",
                thresholds=((GREEN, None), (YELLOW, 15), (RED, 60)),
                sparkline=True,
                size=(3, 4),
            ),
            stat(
                "Discovery",
                "Faults of discovery: servers may be missing. The status page tells them.",
                queries.PROBLEMS,
                thresholds=ERROR_THRESHOLDS,
                background=True,
                size=(3, 4),
            ),
            stat(
                "Config taken",
                "no: the last reload was refused and the old configuration still runs.",
                queries.RELOADED,
                mappings=[value_mapping({0: ("refused", RED), 1: ("yes", GREEN)})],
                thresholds=((RED, None), (GREEN, 1)),
                background=True,
                size=(3, 4),
            ),
            stat(
                "Unknown names",
                "Names on one page that this version does not know. Above 0 after an engine "
                "upgrade: upgrade the exporter.",
                queries.UNKNOWN_NOW,
                thresholds=WARNING_THRESHOLDS,
                size=(3, 4),
            ),
            stat(
                "Identity conflicts",
                "Facts on which two sources disagree, such as the number of GPUs. Declare the "
                "right one.",
                queries.CONFLICTS,
                thresholds=WARNING_THRESHOLDS,
                size=(3, 4),
            ),
        ],
    )


def _discovery() -> Row:
    return Row(
        "Finding the servers",
        [
            stat(
                "Loading",
                "Servers that have not answered for the first time yet: they are no outage until "
                "loading_timeout is over. One that stays: look at its log.",
                queries.LOADING,
                thresholds=((BLUE, None),),
                size=(4, 7),
            ),
            time_series(
                "Servers named by source",
                "What each source of discovery names now, other shards' servers included. A line "
                "that falls to 0 is a source that lost its servers; look at it before the fleet.",
                queries.DISCOVERED,
                unit="none",
                decimals=0,
                size=(12, 7),
            ),
            time_series(
                "Shards",
                "Exporters that share the servers out, and how many there should be. Fewer: the "
                "servers of the missing ones are watched by nobody. Empty where one watches all.",
                queries.SHARDS,
                queries.SHARDS_TOTAL,
                unit="none",
                decimals=0,
                size=(8, 7),
            ),
        ],
    )


def _scrapes() -> Row:
    return Row(
        "Reading the servers",
        [
            time_series(
                "Age of pages",
                "The ten oldest. Data older than two missed samples is not shown as live.",
                queries.AGE,
                unit="s",
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Time of a sample",
                "The ten slowest. Near the timeout, samples are lost: raise the interval.",
                queries.DURATION,
                unit="s",
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Samples that failed, by reason",
                "connect, timeout: network or a dead server. page_refused: the page is broken or "
                "too large.",
                queries.FAILURES,
                unit=PER_SECOND,
                stacked=True,
                size=THIRD,
            ),
            time_series(
                "Samples tried and skipped",
                "Skipped: the one before had not ended. Often: raise the interval, or add a shard.",
                queries.SCRAPES,
                queries.SKIPPED,
                unit=PER_SECOND,
                size=THIRD,
            ),
            time_series(
                "Restarts seen",
                "Servers whose counters began anew. One that repeats is in a crash loop.",
                queries.RESTARTS,
                unit="none",
                bars=True,
                size=THIRD,
                links=[TO_SERVER],
            ),
            state_timeline(
                "Sources of GPU telemetry",
                "down: its GPUs are missing everywhere. The status page tells why.",
                queries.GPU_UP,
                states={0: ("down", RED), 1: ("up", GREEN)},
                size=THIRD,
            ),
        ],
    )


def _losses() -> Row:
    return Row(
        "What is lost",
        [
            time_series(
                "Server time counted and left out",
                "Seconds per second: counted into load cells, and left out by reason. What is left "
                "out is in no comparison of releases, except that implausible_latency leaves out a "
                "latency alone.",
                queries.COUNTED,
                queries.EXCLUDED,
                unit="none",
                decimals=2,
                stacked=True,
                size=THIRD,
            ),
            time_series(
                "Load cells",
                "Series of each kind by server, the ten largest. At the cap, time is left out.",
                queries.CELLS,
                unit="none",
                decimals=0,
                size=THIRD,
            ),
            time_series(
                "Unknown names",
                "Servers with names this version does not know: upgrade the exporter.",
                queries.UNKNOWN,
                unit="none",
                decimals=0,
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Families found",
                "The ten poorest pages. A fall at an upgrade is a lost vocabulary: figures go "
                "missing, they do not go to 0.",
                queries.FAMILIES,
                unit="none",
                decimals=0,
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Samples of a page",
                "The ten largest; it grows with labels the engine adds.",
                queries.SAMPLES,
                unit="none",
                decimals=0,
                size=THIRD,
            ),
            time_series(
                "Age of GPU readings",
                "By source. A line that climbs is a source that hangs: look at the driver.",
                queries.GPU_AGE,
                unit="s",
                size=THIRD,
            ),
        ],
    )


def _servers() -> Row:
    count_column = {
        "decimals": 0,
        "custom__cellOptions": BACKGROUND_CELL,
        "thresholds": absolute_thresholds(WARNING_THRESHOLDS),
    }
    return Row(
        "Servers",
        [
            table(
                "Each server's reading",
                "Most failures first. Click a server; the status page tells its last error.",
                Column("Server", label="target", settings={"links": [ROW_TO_SERVER]}),
                Column(
                    "State",
                    queries.ROW_STATE,
                    settings={"mappings": [STATE], "custom__cellOptions": {"type": "color-text"}},
                ),
                Column("Failed", queries.ROW_FAILED, settings=count_column),
                Column("Age", queries.ROW_AGE, settings={"unit": "s", "decimals": 1}),
                Column("Sample took", queries.ROW_DURATION, settings={"unit": "s"}),
                Column("Unknown", queries.ROW_UNKNOWN, settings=count_column),
                Column("Families", queries.ROW_FAMILIES),
                Column("Samples", queries.ROW_SAMPLES),
                Column("Page", queries.ROW_BYTES, settings={"unit": "bytes"}),
                Column("Conflicts", queries.ROW_CONFLICTS, settings=count_column),
                Column("Restarts", queries.ROW_RESTARTS, settings={"decimals": 0}),
                Column("Cluster", label="cluster"),
                Column("Exporter", label="instance"),
                size=(24, 10),
                sort_by=("Failed", True),
            )
        ],
    )


def build() -> dict[str, Any]:
    """Return the Exporter dashboard."""
    return dashboard(
        uids.EXPORTER,
        "Exporter",
        "Whether the servers are read: age, failures, unknown names, time left out.",
        FLEET_VARIABLES,
        [_now(), _discovery(), _scrapes(), _losses(), _servers()],
        time_from="now-3h",
    )
