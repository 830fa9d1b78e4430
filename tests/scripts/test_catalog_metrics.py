"""Labels and buckets read out of syntax trees, in the ways that engines write them."""

import pytest

from scripts.catalog.metrics import labels, metrics

HEAD = """
REQUEST_BUCKETS: tuple[float, ...] = (0.5, 1.0)
_FAMILIES: dict[str, tuple[float, ...]] = {"request": REQUEST_BUCKETS}
WAIT = [1, 2.5]

class Collector:
    def __init__(self, config, labels, labelnames_of_others):
        labelnames = ["model_name", "engine"]
        seconds = [0.1, 0.2]
        by_option = config.buckets
"""


def fact(call: str) -> dict[str, object]:
    """Return what is known of the one metric that a call defines."""
    text = f"{HEAD}        self.x = {call}\n"
    (known,) = metrics({"a.py": text}, "vllm").values()
    return known


@pytest.mark.parametrize(
    ("written", "own", "shared"),
    [
        ("labelnames", [], True),
        ('labelnames + ["reason"]', ["reason"], True),
        ('["model_name", "reason"]', ["model_name", "reason"], False),
        ("labels.keys()", [], True),
        ("list(labels.keys())", [], True),
        ('list(labels.keys()) + ["a", "b"]', ["a", "b"], True),
        ('[*labels.keys(), "a"]', ["a"], True),
        ('{"layer"}', ["layer"], False),
    ],
)
def test_labels_are_those_that_stand_there(written: str, own: list[str], shared: bool) -> None:
    known = fact(f'Counter(name="vllm:x", labelnames={written})')
    assert known == {"type": "counter", "labels": own, "shared": shared}


@pytest.mark.parametrize(
    "written", ["labelnames_of_others", "info.keys()", 'labelnames + names("x")', "config.labels"]
)
def test_labels_that_hang_on_something_are_unknown(written: str) -> None:
    assert fact(f'Counter(name="vllm:x", labelnames={written})') == {"type": "counter"}


@pytest.mark.parametrize(
    ("written", "bounds"),
    [
        ("[1, 2, 5]", [1.0, 2.0, 5.0]),
        ("seconds", [0.1, 0.2]),
        ("WAIT", [1.0, 2.5]),
        ('family("request", overrides=config.x)', [0.5, 1.0]),
    ],
)
def test_buckets_are_followed_to_their_numbers(written: str, bounds: list[float]) -> None:
    assert fact(f'Histogram(name="vllm:x", buckets={written})')["buckets"] == bounds


@pytest.mark.parametrize(
    "written",
    [
        "by_option",
        "config.x",
        "build(config.length)",
        'family("other")',
        '["a"]',
        "[]",
        "seconds or []",
    ],
)
def test_buckets_that_hang_on_something_are_unknown(written: str) -> None:
    assert "buckets" not in fact(f'Histogram(name="vllm:x", buckets={written})')


def test_what_two_definitions_say_otherwise_is_unknown() -> None:
    text = HEAD + (
        '        self.x = Histogram(name="vllm:x", labelnames=labelnames, buckets=[1, 2])\n'
        '        self.y = Histogram(name="vllm:x", labelnames=labelnames, buckets=[1, 3])\n'
    )
    assert metrics({"a.py": text}, "vllm") == {
        "vllm:x": {"type": "histogram", "labels": [], "shared": True}
    }


def test_the_labels_that_all_share_are_those_beside_the_model() -> None:
    text = (
        'PREFIX = "sglang:"\n'
        "def make(args):\n"
        '    labels = {"model_name": args.name, "tp_rank": 0}\n'
        "    if args.dp:\n"
        '        labels["dp_rank"] = 0\n'
        '    labels = {"storage": 1}\n'
        '    other = {"model_name": 1, "color": 2}\n'
    )
    assert list(labels({"a.py": text}, "sglang")) == ["dp_rank", "model_name", "tp_rank"]
