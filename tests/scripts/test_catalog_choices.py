"""Values of arguments read out of syntax trees, in the ways that engines write them."""

import pytest

from scripts.catalog.arguments import arguments

CONFIG = """
Inner = Literal["b", "c"]
Kind = Literal["a", Inner]
Numbers: TypeAlias = Literal[8, 16]
class Backend(Enum):
    FLASH = "path.to.it"
    TRITON = ""
    def member(self): ...
class Level(IntEnum):
    O1 = 1
@config
class CacheConfig:
    field: {annotation} = None
"""
ENGINE = """
class EngineArgs:
    field: str = CacheConfig.field
    def add_cli_args(parser):
        cache_kwargs = get_kwargs(CacheConfig)
        group.add_argument("--field", "-f", **cache_kwargs["field"])
        group.add_argument("--listed", choices=["x", 1])
        group.add_argument("--open", type=str)
"""
FIELDS = """
class Model:
    kind: A[str, Arg(choices=KIND_CHOICES, help="")] = "a"
    level: A[str, Arg(choices=["low", "high"])] = "low"
    late: A[str, Arg(choices=choices_at_start())] = "x"
    name: A[str, "help"] = ""
"""


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        ("Kind", ["a", "b", "c"]),
        ("Kind | None", ["a", "b", "c"]),
        ('"Kind"', ["a", "b", "c"]),
        ("Optional[SkipValidation[Inner]]", ["b", "c"]),
        ('Annotated[Literal["z"], None]', ["z"]),
        ("Numbers", ["16", "8"]),
        ("Backend | None", ["FLASH", "TRITON"]),
        # texts are taken too, numbers of an enumeration, lists, or what is not known
        ("Kind | str", None),
        ("Union[str, Kind]", None),
        ("Level", None),
        ("list[Kind]", None),
        ("Elsewhere", None),
        ("bool | Kind", None),
    ],
)
def test_values_are_those_of_the_configurations_type(
    annotation: str, values: list[str] | None
) -> None:
    texts = {
        "vllm/config/cache.py": CONFIG.format(annotation=annotation),
        "vllm/engine/arg_utils.py": ENGINE,
    }
    known = arguments(texts, "vllm")
    assert known["--field"].get("choices") == values
    assert known["--listed"]["choices"] == ["1", "x"]
    assert "choices" not in known["--open"]


def test_a_name_that_two_modules_have_otherwise_says_nothing() -> None:
    texts = {
        "vllm/config/cache.py": CONFIG.format(annotation="Inner"),
        "vllm/config/other.py": 'Inner = Literal["d"]\n',
        "vllm/engine/arg_utils.py": ENGINE,
    }
    assert "choices" not in arguments(texts, "vllm")["--field"]


def test_values_beside_an_argument_and_in_a_constant() -> None:
    texts = {
        "sglang/srt/arg_groups/choices.py": 'KIND_CHOICES = ["a", "b"]\n',
        "sglang/srt/arg_groups/fields/model.py": FIELDS,
        "sglang/srt/server_args.py": (
            "class ServerArgs:\n    x: int = 1\n"
            'def add(parser):\n    parser.add_argument("--old", choices=KIND_CHOICES)\n'
        ),
    }
    known = arguments(texts, "sglang")
    assert {flag: fact["choices"] for flag, fact in known.items() if "choices" in fact} == {
        "--kind": ["a", "b"],
        "--level": ["high", "low"],
        "--old": ["a", "b"],
    }
