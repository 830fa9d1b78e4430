"""A simulated upgrade as four set-ups show it: Deployment or StatefulSet, sidecars or one exporter.

A StatefulSet's pods keep their names, a Deployment's get new ones on the same machines; a sidecar
is scraped at its pod's address, a central exporter at its own. Each set-up is a cluster of its own,
in which everything else has the same name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from exporter.compare.fleet.windows import Fleet, ServerFacts, ServerKey
from tests.sim.comparison import OLD

NAMESPACE: Final = "prod"
WORKLOAD: Final = "chat"
FAMILIES: Final = (40, 24)
"""What the two releases' pages give: the new one has lost metrics."""


@dataclass(frozen=True)
class Setup:
    """How a fleet is run and watched."""

    kind: Literal["deployment", "statefulset", "rollout"]
    watched: Literal["sidecar", "central"]

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return f"{self.kind}-{self.watched}"

    def pod(self, server: int, generation: int) -> str:
        """Return what a server's pod is called before (0) and after (1) its upgrade."""
        if self.kind == "statefulset":
            return f"{WORKLOAD}-{server}"
        template, suffix = ("7d9c5f6b8", "6f4b9d7c5")[generation], f"x{server}k{generation}p"
        return f"{WORKLOAD}-{template}-{suffix}"

    def target(self, server: int, generation: int) -> str:
        """Return what the exporter calls a server."""
        return f"{NAMESPACE}/{self.pod(server, generation)}"

    def instance(self, server: int, generation: int) -> str:
        """Return the address that Prometheus scrapes for a server."""
        return f"10.0.{generation}.{server}:10190" if self.watched == "sidecar" else "central:10190"

    def labels(self, server: int, generation: int) -> Mapping[str, str]:
        """Return what is on every series of a server."""
        return {
            "cluster": self.cluster,
            "target": self.target(server, generation),
            "instance": self.instance(server, generation),
        }


_INFO: Final = re.compile(r'inferfleet_server_info\{target="s(\d+)".*release="(old|new)"')

SETUPS: Final = tuple(
    Setup(kind, watched)
    for kind in ("deployment", "statefulset")
    for watched in ("sidecar", "central")
)


def scraped(setup: Setup, series: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return promtool's series of a simulated fleet (`tests.sim.series`) as a set-up shows them.

    With them the pods, and how many metric families their pages give.
    """
    present = dict[tuple[int, int], list[bool]]()
    for each in series:
        match = _INFO.match(each["series"])
        if match:
            here = [value != "_" for value in each["values"].split()]
            present[int(match[1]), int(match[2] == "new")] = here
    shown = dict[str, list[str]]()

    def add(name: str, server: int, generation: int, rest: str, values: Sequence[str]) -> None:
        labels = setup.labels(server, generation)
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        key, here = f"{name}{{{text}{rest}}}", present[server, generation]
        # a pod that keeps name and address goes on with its series
        before = shown.get(key, ["_"] * len(here))
        shown[key] = [
            value if now else old for now, value, old in zip(here, values, before, strict=True)
        ]

    where = f',namespace="{NAMESPACE}",workload="{WORKLOAD}"'
    for each in series:
        name, rest = each["series"].removesuffix("}").split('{target="s', 1)
        number, _, rest = rest.partition('"')
        release = re.search(r'release="(old|new)"', rest)
        generations = (0, 1) if release is None else (int(release[1] == "new"),)
        for generation in generations:
            if (int(number), generation) not in present:
                continue
            if name == "inferfleet_server_info":
                rest += where
            add(name, int(number), generation, rest, each["values"].split())
    for (server, generation), here in present.items():
        families = [str(FAMILIES[generation])] * len(here)
        add("inferfleet_page_families", server, generation, "", families)
        pod = f',pod="{setup.pod(server, generation)}",node="n{server}"{where}'
        add("inferfleet_server_pod_info", server, generation, pod, ["1"] * len(here))
    return [{"series": name, "values": " ".join(values)} for name, values in shown.items()]


def compared(setup: Setup, fleet: Fleet) -> Fleet:
    """Return a simulated comparison's fleet as a set-up shows it."""
    servers, facts = list[ServerKey](), list[ServerFacts]()
    for server, known in zip(fleet.windows.servers, fleet.facts, strict=True):
        number, generation = int(server.target.removeprefix("node")), int(server.release != OLD)
        servers.append(
            replace(
                server,
                target=setup.target(number, generation),
                machine=f"n{number}",
                external_labels=(("cluster", setup.cluster),),
            )
        )
        where = {"namespace": NAMESPACE, "workload": WORKLOAD}
        facts.append(replace(known, labels={**known.labels, **where}))
    windows = replace(fleet.windows, servers=tuple(servers))
    return replace(fleet, windows=windows, facts=tuple(facts))


def with_instances(setup: Setup, text: str) -> str:
    """Return OpenMetrics text with the addresses that Prometheus scrapes."""
    instances = {
        setup.target(server, generation): setup.instance(server, generation)
        for server in range(100)
        for generation in (0, 1)
    }

    def line(match: re.Match[str]) -> str:
        instance = instances[match[1]]
        return match[0].replace('instance="exporter:10190"', f'instance="{instance}"')

    return re.sub(r'^.*target="([^"]*)".*$', line, text, flags=re.M)
