"""What alerts of a family share: their values, links and places."""

from dataclasses import dataclass, field
from typing import Literal

from exporter.base.units import parse_duration

from ..model import Alert, Group
from ..recording.workloads import with_workload
from ..values import AlertValues, Values

Page = Literal["upgrades", "rollout", "engine", "slo", "gpu", "exporter"]
Dashboard = Literal["fleet", "server", "upgrade", "gpu", "slo", "exporter"]


@dataclass(slots=True)
class Family:
    """Collects the enabled alerts of one family; `page` names its runbook and its group."""

    page: Page
    values: Values
    alerts: list[Alert] = field(default_factory=list)

    def values_of(self, name: str) -> AlertValues:
        """Return an alert's values."""
        return self.values.alerts[name]

    def limit(self, name: str, key: str) -> str:
        """Return one of an alert's limits, numbers as they are written in PromQL."""
        limit = self.values_of(name).limits[key]
        return f"{limit:g}" if isinstance(limit, float | int) else limit

    def seconds(self, name: str, key: str) -> str:
        """Return one of an alert's limits that is a duration as a number of seconds in PromQL."""
        return f"{parse_duration(str(self.values_of(name).limits[key])):g}"

    def add(
        self, name: str, expr: str, summary: str, description: str, dashboard: Dashboard
    ) -> None:
        """Add an alert unless its values switch it off.

        What leads to the Server dashboard is about one server, and gets its namespace and workload.
        """
        alert = self.values_of(name)
        if not alert.enabled:
            return
        boards = self.values.dashboards
        url = f"{boards.base_url}/d/{getattr(boards, dashboard)}"
        if dashboard == "server":
            url += "?var-target={{ $labels.target }}"
            for label in self.values.keep_labels[-1:]:
                url += f"{{{{ with $labels.{label} }}}}&var-cluster={{{{ . }}}}{{{{ end }}}}"
            expr = with_workload(self.values, expr)
        self.alerts.append(
            Alert(
                alert=name,
                expr=expr,
                wait=alert.wait,
                keep_firing_for=alert.keep_firing_for or "",
                severity=alert.severity,
                summary=summary,
                description=description,
                runbook_url=self.values.runbook_url.format(page=self.page, anchor=name.lower()),
                dashboard_url=url,
            )
        )

    def groups(self) -> tuple[Group, ...]:
        """Return the family's group, or nothing where every alert is off."""
        if not self.alerts:
            return ()
        name = f"inferfleet-{self.page}"
        return (Group(name=name, interval=self.values.interval, rules=tuple(self.alerts)),)
