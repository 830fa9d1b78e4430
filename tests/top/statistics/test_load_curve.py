"""The load curve is the load cells' own sums."""

from exporter.derive.meter import LoadCells
from exporter.top.statistics.load_curve import LoadPoint, load_curve


def test_time_per_token_is_sequence_time_over_tokens_of_all_engines() -> None:
    cells = {
        ("0", "8"): {"decode_sequence_seconds": 60.0, "decode_tokens": 6000.0, "seconds": 10.0},
        ("1", "8"): {"decode_sequence_seconds": 60.0, "decode_tokens": 3000.0, "seconds": 8.0},
        ("0", "1"): {"decode_sequence_seconds": 5.0, "decode_tokens": 1000.0, "seconds": 5.0},
        ("0", "idle"): {"seconds": 99.0},
        ("0", "0"): {"seconds": 99.0, "prefill_tokens": 5.0},
        ("0", "4"): {"decode_sequence_seconds": 5.0, "decode_tokens": 0.0, "seconds": 5.0},
    }
    assert load_curve(LoadCells(cells=cells)) == (
        LoadPoint(1.0, 0.005, 5.0, 1000.0),
        LoadPoint(8.0, 120.0 / 9000.0, 18.0, 9000.0),
    )


def test_without_cells_there_is_no_curve() -> None:
    assert load_curve(LoadCells()) == ()
