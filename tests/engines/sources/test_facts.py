import pytest

from exporter.engines.sources import facts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("256", 256),
        ("8k", 8000),
        ("8K", 8192),
        ("25.6k", 25600),
        ("1m", 10**6),
        ("2M", 2 * 2**20),
        ("1.5K", None),
        ("0", None),
        ("-1", None),
        ("auto", None),
        ("²", None),
        ("9" * 40, None),
        (None, None),
        (True, None),
        (512, 512),
    ],
)
def test_sizes_as_people_write_them(text: object, number: int | None) -> None:
    assert facts.human(text) == number


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("qwen", "qwen"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("/srv/secret-team/Qwen3-8B", "Qwen3-8B"),
        ("/srv/secret-team/Qwen3-8B/", "Qwen3-8B"),
        ("./local/model", "model"),
        ("../model", "model"),
        ("~/model", "model"),
        ("/model", "model"),
        ("C:\\weights\\model", "model"),
        ("s3://bucket/team/model", "model"),
        ("a/b/c", "c"),
        ("/", None),
        ("..", None),
        ("", None),
        ("two\nlines", None),
        ("x" * 600, None),
        (7, None),
        (None, None),
    ],
)
def test_no_folder_of_a_model_is_told(given: object, name: str | None) -> None:
    assert facts.model_name(given) == name


def test_number_formats_go_by_one_name() -> None:
    assert facts.dtype("torch.bfloat16") == "bfloat16"
    assert facts.dtype("half") == "float16"
    assert facts.dtype("auto") is None
    assert facts.dtype(["float16"]) is None


def test_an_unknown_size_makes_the_product_unknown() -> None:
    assert facts.product(2, 3, 4) == 24
    assert facts.product(2, None) is None


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000])
def test_broken_json_is_no_value(text: str) -> None:
    assert facts.parsed(text) is None
