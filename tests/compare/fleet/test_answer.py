"""Whatever an API answers is a fleet or one sentence: no number is made from what is none."""

import json
from typing import Any

import numpy as np
import pytest

from exporter.compare.fleet.answer import AnswerError, parse_label_sets, parse_matrix


def matrix(*samples: Any, **metric: Any) -> dict[str, Any]:
    return {"resultType": "matrix", "result": [{"metric": metric, "values": list(samples)}]}


def test_a_matrix() -> None:
    (series,) = parse_matrix(matrix([10, "1.5"], [20.001, "2"], target="a"), 10, 20)
    assert series.labels == {"target": "a"}
    assert series.times.tolist() == [10, 20.001]
    assert series.values.tolist() == [1.5, 2]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e400", "-1e300", "1e39"])
def test_what_is_no_amount_is_absent(value: str) -> None:
    (series,) = parse_matrix(matrix([10, value], [20, "2"]), 0, 30)
    assert series.times.tolist() == [20]
    assert np.isfinite(series.values.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, "answered nothing where a matrix belongs"),
        ([], "a list where a matrix"),
        ("matrix", "'matrix' where a matrix"),
        ({"resultType": "vector", "result": []}, "'vector' where a matrix"),
        ({"resultType": "matrix"}, "nothing where the list of a matrix"),
        ({"resultType": "matrix", "result": {"a": 1}}, "a mapping where the list of a matrix"),
        ({"resultType": "matrix", "result": [None]}, "nothing where a series"),
        ({"resultType": "matrix", "result": [["a"]]}, "a list where a series"),
        ({"resultType": "matrix", "result": [{"metric": [], "values": []}]}, "a list where labels"),
        ({"resultType": "matrix", "result": [{"values": "10"}]}, "'10' where the samples"),
        (matrix(target=None), "nothing as the value of the label 'target'"),
        (matrix(target=3), "3 as the value of the label 'target'"),
        (matrix(target={"a": "b"}), "a mapping as the value of the label"),
        (matrix(target="\ud800"), "no Unicode text"),
        (matrix(**{"\udc00": "a"}), "no Unicode text"),
        (matrix("ab"), "'ab' where a time and a value"),
        (matrix({"a": 1, "b": 2}), "a mapping where a time and a value"),
        (matrix([1]), "a list where a time and a value"),
        (matrix([1, "2", "3"]), "a list where a time and a value"),
        (matrix([1, None]), "nothing where a value"),
        (matrix([1, True]), "True where a value"),
        (matrix([1, "many"]), "'many' where a value"),
        (matrix([1, "1_0"]), "'1_0' where a value"),
        (matrix([1, ["1"]]), "a list where a value"),
        (matrix([1, "1"], [2, 10**400]), "1000"),
        (matrix([None, "1"]), "nothing where a time"),
        (matrix(["soon", "1"]), "'soon' where a time"),
        (matrix([float("nan"), "1"]), "a sample of the time nan, not asked for"),
        (matrix([float("inf"), "1"]), "a sample of the time inf"),
        (matrix([5, "1"]), "a sample of the time 5,"),
        (matrix([40, "1"]), "a sample of the time 40,"),
        (matrix([-1e300, "1"]), "a sample of the time -1e"),
    ],
)
def test_what_is_no_matrix_is_one_sentence(data: object, fault: str) -> None:
    with pytest.raises(AnswerError, match=r"^answered [^\n]*$") as caught:
        parse_matrix(data, 10, 30)
    assert fault in str(caught.value)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "data", [None, {}, "a", [None], [["a"]], [{"a": 1}], [{"a": None}], [{"a": "\ud800"}]]
)
def test_what_is_no_list_of_label_sets_is_one_sentence(data: object) -> None:
    with pytest.raises(AnswerError, match=r"^answered "):
        parse_label_sets(json.loads(json.dumps(data)))
