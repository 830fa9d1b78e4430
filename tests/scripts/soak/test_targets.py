"""The fleets of a soak are such as the exporter reads."""

import json
from pathlib import Path
from random import Random

from exporter.discovery.file_sd import parse_file_sd
from scripts.soak.dead_servers import KINDS
from scripts.soak.targets import Churn, dead_groups, live_group, write

PORTS = {kind: 9000 + i for i, kind in enumerate(KINDS)}


def test_every_kind_is_dead_as_often_and_named(tmp_path: Path) -> None:
    assert len(KINDS) == 10
    write(tmp_path / "a.json", dead_groups(5, 20, PORTS))
    targets = parse_file_sd((tmp_path / "a.json").read_bytes(), "a.json")
    assert len({target.label for target in targets}) == len({t.url for t in targets}) == 20
    assert sum(target.url.startswith("https://") for target in targets) == 2


def test_servers_come_go_and_are_renamed_and_few_are_new() -> None:
    churn = Churn(20, [], 8000, Random(1))
    names = [
        {target.label for target in parse_file_sd(json.dumps(churn.step()).encode(), "a.json")}
        for _ in range(50)
    ]
    assert 10 < sum(map(len, names)) / 50 < 20
    assert len(set().union(*names)) > 50
    assert set(churn.settled(0)) == names[-1]
    assert set(churn.settled(3)) <= set.intersection(*names[-4:])


def test_a_live_server_has_an_address_of_its_own() -> None:
    (first, second) = (live_group(number, 80, f"s{number}") for number in (0, 300))
    assert first["targets"] == ["127.1.0.1:80"]
    assert second["targets"] == ["127.1.1.45:80"]
