"""The GPU and energy dashboard: what GPUs draw, how hard they work, whether they are well."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.panels import Row, dashboard, stat, states, table, timeseries
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, Column, link, stepped, values
from ..grafana.variables import FLEET
from ..queries import gpu as q
from .shared import NONE_WANTED, TO_SERVER

THIRD: Final = (8, 8)
HOT: Final = ((GREEN, None), (YELLOW, 80), (RED, 88))


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "GPUs",
                "GPUs the exporter reads. Fewer than you have: look at Sources down, and at its "
                "config.",
                q.GPUS,
                size=(3, 4),
            ),
            stat(
                "Without a server",
                "GPUs no watched server uses: idle money, or a server the exporter does not know.",
                q.UNUSED,
                steps=((GREEN, None), (YELLOW, 1)),
                size=(3, 4),
            ),
            stat(
                "Drawn",
                "Power of all of them; against the limits below it tells what is left.",
                q.DRAWN,
                unit="watt",
                graph=True,
                size=(4, 4),
            ),
            stat(
                "Held down",
                "GPUs whose clocks are held down now by power or heat. Above 0: see Clocks held "
                "down for the reason.",
                q.THROTTLED_NOW,
                steps=((GREEN, None), (YELLOW, 1)),
                filled=True,
                size=(4, 4),
            ),
            stat(
                "Hottest",
                "Highest temperature of any sensor. Above 85 °C look at the rack's cooling.",
                q.HOTTEST,
                unit="celsius",
                steps=HOT,
                graph=True,
                size=(3, 4),
            ),
            stat(
                "XID errors",
                "Faults the driver reported in the time shown. Above 0: drain the server and look "
                "the code up.",
                q.FAULTS,
                steps=NONE_WANTED,
                filled=True,
                decimals=0,
                size=(4, 4),
            ),
            stat(
                "Sources down",
                "Sources of telemetry that do not answer; their GPUs are missing here.",
                q.SOURCES_DOWN,
                steps=NONE_WANTED,
                filled=True,
                size=(3, 4),
            ),
        ],
    )


def _energy() -> Row:
    return Row(
        f"Energy (the {q.MOST} highest; choose a server for its own)",
        [
            timeseries(
                "Joules per generated token",
                "By release, at whatever load it had; Upgrade compares at equal load.",
                q.JOULES,
                unit="joule",
                size=THIRD,
            ),
            timeseries(
                "Joules per token computed",
                "By server, prompt and generated tokens together: fair where prompts are long.",
                q.JOULES_PROCESSED,
                unit="joule",
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Power of an idle server",
                "What it draws with no request there. High for long: scale it away.",
                q.IDLE_POWER,
                unit="watt",
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Power against its limit",
                "At 100 % the GPU is held down: raise the limit or accept slower tokens.",
                q.POWER_SHARE,
                unit="percentunit",
                links=[TO_SERVER],
            ),
            timeseries(
                "Power",
                "Each GPU. One apart from its peers has other work, or is held down.",
                q.POWER,
                unit="watt",
                links=[TO_SERVER],
            ),
        ],
    )


def _work() -> Row:
    return Row(
        f"How hard they work (the {q.MOST} highest; choose a server for its own)",
        [
            timeseries(
                "Memory interface active",
                "Decode is bound by it: near its ceiling, decode cannot go faster.",
                q.DRAM,
                unit="percentunit",
                high=1,
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "Tensor pipes active",
                "Prefill is bound by them. Low on both charts with requests running is the host, "
                "not the GPU.",
                q.TENSOR,
                unit="percentunit",
                high=1,
                size=THIRD,
                links=[TO_SERVER],
            ),
            timeseries(
                "SM active, and any kernel",
                "Any kernel running is near 100 % under any load: no measure of work.",
                q.SM,
                q.UTILIZATION,
                unit="percentunit",
                high=1,
                size=THIRD,
            ),
            timeseries(
                "Memory used",
                "Set by gpu_memory_utilization, not by load; a step is another process on the GPU.",
                q.MEMORY,
                unit="percentunit",
                high=1,
                size=THIRD,
            ),
            timeseries(
                "SM clock over its maximum",
                "A fall under load with the same work is power or heat.",
                q.CLOCK,
                unit="percentunit",
                high=1,
                size=THIRD,
            ),
            timeseries(
                "PCIe and NVLink",
                "Sums over all GPUs. NVLink carries tensor parallelism.",
                q.PCIE,
                q.NVLINK,
                unit="Bps",
                size=THIRD,
            ),
        ],
    )


def _health() -> Row:
    return Row(
        "Health",
        [
            timeseries(
                "Temperature",
                "Above 85 °C clocks fall soon: look at the rack's cooling.",
                q.TEMPERATURE,
                unit="celsius",
                steps=((GREEN, None), (RED, 88)),
                size=(6, 8),
            ),
            states(
                "Clocks held down",
                "By reason. sw_power_cap is the power limit and usual under full load; hw_thermal "
                "and hw_power_brake are faults of the machine room.",
                q.THROTTLED,
                names={0: ("none", GREEN), 1: ("some GPU", ORANGE)},
                size=(6, 8),
            ),
            timeseries(
                "Time held down",
                "Share of the GPUs' time, by reason. It grows while tokens slow: power or heat is "
                "the limit.",
                q.THROTTLED_SHARE,
                unit="percentunit",
                size=(6, 8),
            ),
            timeseries(
                "XID and memory errors",
                "Uncorrected memory errors kill the process on the GPU; corrected ones that come "
                "often announce them.",
                q.XID,
                q.ECC,
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
                    q.ROW_SERVER,
                    label="target",
                    settings={
                        "links": [
                            link("This server", uids.SERVER, target="${__data.fields.Server}")
                        ]
                    },
                ),
                Column("Power", q.ROW_POWER, settings={"unit": "watt", "decimals": 0}),
                Column("Limit", q.ROW_LIMIT, settings={"unit": "watt", "decimals": 0}),
                Column(
                    "Hottest",
                    q.ROW_TEMPERATURE,
                    settings={
                        "unit": "celsius",
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": stepped(HOT),
                    },
                ),
                Column("Tensor", q.ROW_TENSOR, settings={"unit": "percentunit", "decimals": 0}),
                Column("Memory bus", q.ROW_DRAM, settings={"unit": "percentunit", "decimals": 0}),
                Column(
                    "Memory",
                    q.ROW_MEMORY,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                    },
                ),
                Column(
                    "Rows",
                    q.ROW_REMAP,
                    settings={
                        "mappings": [
                            values(
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
                    q.ROW_ACTION,
                    settings={
                        "mappings": [
                            values(
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
                Column("Driver", q.ROW_WHO, label="driver"),
                Column("UUID", label="uuid"),
                size=(24, 9),
                worst=("Hottest", True),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the GPU and energy dashboard."""
    return dashboard(
        uids.GPU,
        "GPU and energy",
        "GPUs under the servers: energy, work, clocks, heat and faults, joined by UUID.",
        FLEET,
        [_now(), _energy(), _work(), _health()],
    )
