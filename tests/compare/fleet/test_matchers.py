"""Label matchers as PromQL has them, and what is said about those that are none."""

import pytest

from exporter.base.errors import CompareError
from exporter.compare.fleet.matchers import format_matchers, match_all, parse_matchers


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ('version="0.20.2"', {"version": "0.20.2"}, True),
        ('version="0.20.2"', {"version": "0.20.20"}, False),
        ("{release=~'a|b.*'}", {"release": "beta"}, True),
        ("release=~`a|b`", {"release": "ab"}, False),
        ('release!="a", model=~".*llama.*"', {"release": "b", "model": "my-llama-8b"}, True),
        ('release!~"a.*"', {"release": "abc"}, False),
        ('runner=""', {"release": "abc"}, True),
        (r'model="a\"b"', {"model": 'a"b'}, True),
    ],
)
def test_matching(text: str, labels: dict[str, str], expected: bool) -> None:
    matchers = parse_matchers(text, "--baseline")
    assert match_all(matchers, labels) is expected
    assert parse_matchers(format_matchers(matchers), "--baseline") == matchers


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0.20.2", "is no label matcher"),
        ('version="0.20.2" release="a"', "is no label matcher"),
        ('pod="a"', "no label 'pod'; there are target"),
        ('release=~"("', "is no regular expression"),
        ("{}", "at least one"),
    ],
)
def test_faults_name_the_option_and_the_mend(text: str, fault: str) -> None:
    with pytest.raises(CompareError, match="--candidate") as raised:
        parse_matchers(text, "--candidate")
    assert fault in str(raised.value)
