"""The recording rules that an expression stands on."""

from alerts.promql import records_under

RECORDS = [
    ("server:up:min", "min by (target) (up)"),
    ("fleet:up:avg", "avg(server:up:min)"),
    ("fleet:up:avg", "avg(zone:up:avg)"),
    ("zone:up:avg", "avg by (zone) (fleet:up:avg) + other:of:nobody"),
    ("fleet:down:sum", "sum(server:down:max)"),
]


def test_rules_under_rules_are_there_and_no_others() -> None:
    assert records_under(["x > server:up:min"], RECORDS) == {"server:up:min"}
    assert records_under(["fleet:down:sum / y"], RECORDS) == {"fleet:down:sum"}


def test_of_a_name_recorded_twice_both_count_and_a_circle_ends() -> None:
    assert records_under(["fleet:up:avg"], RECORDS) == {
        "fleet:up:avg",
        "server:up:min",
        "zone:up:avg",
    }


def test_nothing_stands_on_nothing() -> None:
    assert records_under([], RECORDS) == set()
    assert records_under(["up"], RECORDS) == set()
