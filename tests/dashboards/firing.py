"""Alerts that fire, written out as Prometheus shows them while it evaluates rules."""

from typing import Final

from tests.dashboards.replayed_fleet import EPOCH

_ALERTS: Final = (
    # what fires, its labels, and how many seconds after the upgrade it began
    (
        'alertname="InferfleetDecodeRegression",severity="warning",model="dense-8b",release="0.26.0"'
        ',baseline="0.20.2",gpu_model="NVIDIA H200",class="caeaa8d8"',
        600.0,
    ),
    ('alertname="InferfleetTargetDown",severity="warning",target="dense-c"', 1200.0),
    ('alertname="InferfleetModelDown",severity="critical",model="moe-30b-a3b"', 900.0),
    ('alertname="InferfleetConfigReloadFailed",severity="info"', 300.0),
)


def page(now: float, upgrade: float) -> str:
    """Return the series so many seconds after the fleet was switched on."""
    lines = []
    for labels, delay in _ALERTS:
        began = upgrade + delay
        if now >= began:
            lines.append(f'ALERTS{{{labels},alertstate="firing"}} 1')
            # Prometheus writes the moment as Unix time; the fleet was switched on at 0
            lines.append(f"ALERTS_FOR_STATE{{{labels}}} {EPOCH + began!r}")
    return "".join(f"{line}\n" for line in lines)
