"""The Exporter dashboard: is what the other dashboards show true, whole and fresh?"""

from typing import Any, Final

from ..grafana import uids
from ..grafana.panels import Row, dashboard, stat, states, table, timeseries
from ..grafana.style import GREEN, RED, YELLOW, Column, stepped, values
from ..grafana.variables import FLEET
from ..queries import exporter as q
from .shared import BACKGROUND, EACH_SECOND, NONE_WANTED, ROW_TO_SERVER, TO_SERVER, UP

THIRD: Final = (8, 8)
WARN: Final = ((GREEN, None), (YELLOW, 1))


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "Version",
                "The exporters' own version. More than one: finish their upgrade.",
                q.VERSION,
                text="name",
                size=(4, 4),
            ),
            stat(
                "Servers watched",
                "By exporter. Fewer than you run: look at Discovery beside it.",
                q.TARGETS,
                text="value_and_name",
                size=(5, 4),
            ),
            stat(
                "Oldest page",
                "Age of the oldest page in use. Beyond a few intervals a server does not answer.",
                q.OLDEST,
                unit="s",
                steps=((GREEN, None), (YELLOW, 15), (RED, 60)),
                graph=True,
                size=(3, 4),
            ),
            stat(
                "Discovery",
                "Faults of discovery: servers may be missing. The status page tells them.",
                q.PROBLEMS,
                steps=NONE_WANTED,
                filled=True,
                size=(3, 4),
            ),
            stat(
                "Config taken",
                "no: the last reload was refused and the old configuration still runs.",
                q.RELOADED,
                mappings=[values({0: ("refused", RED), 1: ("yes", GREEN)})],
                steps=((RED, None), (GREEN, 1)),
                filled=True,
                size=(3, 4),
            ),
            stat(
                "Unknown names",
                "Names on one page that this version does not know. Above 0 after an engine "
                "upgrade: upgrade the exporter.",
                q.UNKNOWN_NOW,
                steps=WARN,
                size=(3, 4),
            ),
            stat(
                "Identity conflicts",
                "Facts on which two sources disagree, such as the number of GPUs. Declare the "
                "right one.",
                q.CONFLICTS,
                steps=WARN,
                size=(3, 4),
            ),
        ],
    )


def _reading() -> Row:
    return Row(
        "Reading the servers",
        [
            timeseries(
                "Age of pages",
                "The ten oldest. Data older than two missed samples is not shown as live.",
                q.AGE,
                unit="s",
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Time of a sample",
                "The ten slowest. Near the timeout, samples are lost: raise the interval.",
                q.DURATION,
                unit="s",
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Samples that failed, by reason",
                "connect, timeout: network or a dead server. page_refused: the page is broken or "
                "too large.",
                q.FAILURES,
                unit=EACH_SECOND,
                stacked=True,
                size=THIRD,
            ),
            timeseries(
                "Samples tried and skipped",
                "Skipped: the one before had not ended. Often: raise the interval or the workers.",
                q.SCRAPES,
                q.SKIPPED,
                unit=EACH_SECOND,
                size=THIRD,
            ),
            timeseries(
                "Restarts seen",
                "Servers whose counters began anew. One that repeats is in a crash loop.",
                q.RESTARTS,
                unit="none",
                bars=True,
                size=THIRD,
                links=[TO_SERVER],
            ),
            states(
                "Sources of GPU telemetry",
                "down: its GPUs are missing everywhere. The status page tells why.",
                q.GPU_UP,
                names={0: ("down", RED), 1: ("up", GREEN)},
                size=THIRD,
            ),
        ],
    )


def _trust() -> Row:
    return Row(
        "What is lost",
        [
            timeseries(
                "Server time counted and left out",
                "Seconds per second: counted into load cells, and left out by reason. What is left "
                "out is in no comparison of releases.",
                q.COUNTED,
                q.EXCLUDED,
                unit="none",
                decimals=2,
                stacked=True,
                size=THIRD,
            ),
            timeseries(
                "Load cells",
                "Series of each kind by server, the ten largest. At the cap, time is left out.",
                q.CELLS,
                unit="none",
                decimals=0,
                size=THIRD,
            ),
            timeseries(
                "Unknown names",
                "Servers with names this version does not know: upgrade the exporter.",
                q.UNKNOWN,
                unit="none",
                decimals=0,
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Families found",
                "The ten poorest pages. A fall at an upgrade is a lost vocabulary: figures go "
                "missing, they do not go to 0.",
                q.FAMILIES,
                unit="none",
                decimals=0,
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Samples of a page",
                "The ten largest; it grows with labels the engine adds.",
                q.SAMPLES,
                unit="none",
                decimals=0,
                size=THIRD,
            ),
            timeseries(
                "Age of GPU readings",
                "By source. A line that climbs is a source that hangs: look at the driver.",
                q.GPU_AGE,
                unit="s",
                size=THIRD,
            ),
        ],
    )


def _servers() -> Row:
    seen = {"decimals": 0, "custom__cellOptions": BACKGROUND, "thresholds": stepped(WARN)}
    return Row(
        "Servers",
        [
            table(
                "Each server's reading",
                "Most failures first. Click a server; the status page tells its last error.",
                Column("Server", label="target", settings={"links": [ROW_TO_SERVER]}),
                Column(
                    "Up",
                    q.ROW_UP,
                    settings={"mappings": [UP], "custom__cellOptions": {"type": "color-text"}},
                ),
                Column("Failed", q.ROW_FAILED, settings=seen),
                Column("Age", q.ROW_AGE, settings={"unit": "s", "decimals": 1}),
                Column("Sample took", q.ROW_DURATION, settings={"unit": "s"}),
                Column("Unknown names", q.ROW_UNKNOWN, settings=seen),
                Column("Families", q.ROW_FAMILIES),
                Column("Samples", q.ROW_SAMPLES),
                Column("Page", q.ROW_BYTES, settings={"unit": "bytes"}),
                Column("Conflicts", q.ROW_CONFLICTS, settings=seen),
                Column("Restarts", q.ROW_RESTARTS, settings={"decimals": 0}),
                Column("Exporter", label="instance"),
                size=(24, 10),
                worst=("Failed", True),
            )
        ],
    )


def build() -> dict[str, Any]:
    """Return the Exporter dashboard."""
    return dashboard(
        uids.EXPORTER,
        "Exporter",
        "Whether the servers are read: age, failures, unknown names, time left out.",
        FLEET,
        [_now(), _reading(), _trust(), _servers()],
        span="now-3h",
    )
