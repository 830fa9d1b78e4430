"""Names corrected as text: the layout stays, longer names stay, diffs apply."""

from exporter.preflight.corrections import corrected, corrections, difference
from exporter.preflight.finding import Finding, Place


def finding(file: str, subject: str, replacement: str) -> Finding:
    return Finding(
        "name-renamed", "error", "alert", Place(file), subject, "", replacement=replacement
    )


def test_whole_names_are_replaced_and_nothing_else() -> None:
    text = "a: vllm:x{y} # vllm:x\nb:   vllm:x_total vllm:x:rate5m my_vllm:x\n"
    assert corrected(text, {"vllm:x": "vllm:z"}) == (
        "a: vllm:z{y} # vllm:z\nb:   vllm:x_total vllm:x:rate5m my_vllm:x\n"
    )


def test_the_longer_of_two_names_goes_first() -> None:
    names = {"vllm:x": "vllm:a", "vllm:x_bucket": "vllm:b_bucket"}
    assert corrected("vllm:x_bucket vllm:x", names) == "vllm:b_bucket vllm:a"


def test_findings_are_corrections_by_file_and_an_unclear_one_stays() -> None:
    found = [
        finding("a", "x", "y"),
        finding("a", "x", "y"),
        finding("b", "x", "y"),
        finding("b", "x", "z"),
        finding("c", "x", ""),
    ]
    assert corrections(found) == {"a": {"x": "y"}}


def test_a_difference_is_a_unified_diff() -> None:
    assert difference("f", "a\nb\n", "a\nc\n") == "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
