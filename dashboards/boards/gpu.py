"""The GPU and energy dashboard: what GPUs draw, how hard they work, whether they are well."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.columns import Column
from ..grafana.panels import Row, dashboard, stat, state_timeline, table, time_series
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, absolute_thresholds, link, value_mapping
from ..grafana.variables import FLEET_VARIABLES
from ..queries import gpu as queries
from .shared import ERROR_THRESHOLDS, THIRD, TO_SERVER

TEMPERATURE_THRESHOLDS: Final = ((GREEN, None), (YELLOW, 80), (RED, 88))


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "GPUs",
                "GPUs the exporter reads. Fewer than you have: look at Sources down, and at its "
                "config.",
                queries.GPUS,
                size=(3, 4),
            ),
            stat(
                "Without a server",
                "GPUs no watched server uses: idle money, or a server the exporter does not know.",
                queries.UNUSED,
                thresholds=((GREEN, None), (YELLOW, 1)),
                size=(3, 4),
            ),
            stat(
                "Drawn",
                "Power of all of them; against the limits below it tells what is left.",
                queries.TOTAL_POWER,
                unit="watt",
                sparkline=True,
                size=(4, 4),
            ),
            stat(
                "Held down",
                "GPUs whose clocks are held down now by power or heat. Above 0: see Clocks held "
                "down for the reason.",
                queries.THROTTLED_NOW,
                thresholds=((GREEN, None), (YELLOW, 1)),
                background=True,
                size=(4, 4),
            ),
            stat(
                "Hottest",
                "Highest temperature of any sensor. Above 85 °C look at the rack's cooling.",
                queries.HOTTEST,
                unit="celsius",
                thresholds=TEMPERATURE_THRESHOLDS,
                sparkline=True,
                size=(3, 4),
            ),
            stat(
                "XID errors",
                "Faults the driver reported in the time shown. Above 0: drain the server and look "
                "the code up.",
                queries.FAULTS,
                thresholds=ERROR_THRESHOLDS,
                background=True,
                decimals=0,
                size=(4, 4),
            ),
            stat(
                "Sources down",
                "Sources of telemetry that do not answer; their GPUs are missing here.",
                queries.SOURCES_DOWN,
                thresholds=ERROR_THRESHOLDS,
                background=True,
                size=(3, 4),
            ),
        ],
    )


def _energy() -> Row:
    return Row(
        f"Energy (the {queries.MOST_SERIES} highest; choose a server for its own)",
        [
            time_series(
                "Joules per generated token",
                "By release, at whatever load it had; Upgrade compares at equal load.",
                queries.JOULES,
                unit="joule",
                size=THIRD,
            ),
            time_series(
                "Joules per token computed",
                "By server, prompt and generated tokens together: fair where prompts are long.",
                queries.JOULES_PROCESSED,
                unit="joule",
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Power of an idle server",
                "What it draws with no request there. High for long: scale it away.",
                queries.IDLE_POWER,
                unit="watt",
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Power against its limit",
                "At 100 % the GPU is held down: raise the limit or accept slower tokens.",
                queries.POWER_SHARE,
                unit="percentunit",
                links=[TO_SERVER],
            ),
            time_series(
                "Power",
                "Each GPU. One apart from its peers has other work, or is held down.",
                queries.POWER,
                unit="watt",
                links=[TO_SERVER],
            ),
        ],
    )


def _activity() -> Row:
    return Row(
        f"How hard they work (the {queries.MOST_SERIES} highest; choose a server for its own)",
        [
            time_series(
                "Memory interface active",
                "Decode is bound by it: near its ceiling, decode cannot go faster.",
                queries.DRAM,
                unit="percentunit",
                maximum=1,
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "Tensor pipes active",
                "Prefill is bound by them. Low on both charts with requests running is the host, "
                "not the GPU.",
                queries.TENSOR,
                unit="percentunit",
                maximum=1,
                size=THIRD,
                links=[TO_SERVER],
            ),
            time_series(
                "SM active, and any kernel",
                "Any kernel running is near 100 % under any load: no measure of work.",
                queries.SM,
                queries.UTILIZATION,
                unit="percentunit",
                maximum=1,
                size=THIRD,
            ),
            time_series(
                "Memory used",
                "Set by gpu_memory_utilization, not by load; a step is another process on the GPU.",
                queries.MEMORY,
                unit="percentunit",
                maximum=1,
                size=THIRD,
            ),
            time_series(
                "SM clock over its maximum",
                "A fall under load with the same work is power or heat.",
                queries.CLOCK,
                unit="percentunit",
                maximum=1,
                size=THIRD,
            ),
            time_series(
                "PCIe and NVLink",
                "Sums over all GPUs. NVLink carries tensor parallelism.",
                queries.PCIE,
                queries.NVLINK,
                unit="Bps",
                size=THIRD,
            ),
        ],
    )


def _health() -> Row:
    return Row(
        "Health",
        [
            time_series(
                "Temperature",
                "Above 85 °C clocks fall soon: look at the rack's cooling.",
                queries.TEMPERATURE,
                unit="celsius",
                thresholds=((GREEN, None), (RED, 88)),
                size=(6, 8),
            ),
            state_timeline(
                "Clocks held down",
                "By reason. sw_power_cap is the power limit and usual under full load; hw_thermal "
                "and hw_power_brake are faults of the machine room.",
                queries.THROTTLED,
                states={0: ("none", GREEN), 1: ("some GPU", ORANGE)},
                size=(6, 8),
            ),
            time_series(
                "Time held down",
                "Share of the GPUs' time, by reason. It grows while tokens slow: power or heat is "
                "the limit.",
                queries.THROTTLED_SHARE,
                unit="percentunit",
                size=(6, 8),
            ),
            time_series(
                "XID and memory errors",
                "Uncorrected memory errors kill the process on the GPU; corrected ones that come "
                "often announce them.",
                queries.XID,
                queries.ECC,
                unit="none",
                bars=True,
                size=(6, 8),
            ),
            table(
                "GPUs",
                "Hottest first. Recovery: what the driver asks for. Rows: memory rows that wait "
                "for a reset, or could not be replaced.",
                Column("Host", label="host"),
                Column("GPU", label="index"),
                Column("Type", label="gpu_model"),
                Column(
                    "Server",
                    queries.ROW_SERVER,
                    label="target",
                    settings={
                        "links": [
                            link("This server", uids.SERVER, target="${__data.fields.Server}")
                        ]
                    },
                ),
                Column("Power", queries.ROW_POWER, settings={"unit": "watt", "decimals": 0}),
                Column("Limit", queries.ROW_LIMIT, settings={"unit": "watt", "decimals": 0}),
                Column(
                    "Hottest",
                    queries.ROW_TEMPERATURE,
                    settings={
                        "unit": "celsius",
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": absolute_thresholds(TEMPERATURE_THRESHOLDS),
                    },
                ),
                Column(
                    "Tensor", queries.ROW_TENSOR, settings={"unit": "percentunit", "decimals": 0}
                ),
                Column(
                    "Memory bus", queries.ROW_DRAM, settings={"unit": "percentunit", "decimals": 0}
                ),
                Column(
                    "Memory",
                    queries.ROW_MEMORY,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                    },
                ),
                Column(
                    "Rows",
                    queries.ROW_REMAP,
                    settings={
                        "mappings": [
                            value_mapping(
                                {
                                    0: ("good", GREEN),
                                    1: ("reset needed", YELLOW),
                                    2: ("failed", RED),
                                    3: ("failed", RED),
                                }
                            )
                        ],
                        "custom__cellOptions": {"type": "color-text"},
                    },
                ),
                Column(
                    "Recovery",
                    queries.ROW_ACTION,
                    settings={
                        "mappings": [
                            value_mapping(
                                {
                                    0: ("none", GREEN),
                                    1: ("reset GPU", RED),
                                    2: ("reboot node", RED),
                                    3: ("drain", RED),
                                    4: ("drain, reset", RED),
                                }
                            )
                        ],
                        "custom__cellOptions": {"type": "color-text"},
                    },
                ),
                Column("Driver", queries.ROW_INFO, label="driver"),
                Column("UUID", label="uuid"),
                Column("Cluster", label="cluster"),
                size=(24, 9),
                sort_by=("Hottest", True),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the GPU and energy dashboard."""
    return dashboard(
        uids.GPU,
        "GPU and energy",
        "GPUs under the servers: energy, work, clocks, heat and faults, joined by UUID.",
        FLEET_VARIABLES,
        [_now(), _energy(), _activity(), _health()],
    )
