"""Values of flags: what each kind takes, and how they come out."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from flagd_core import NO_VALUE, Detail, ErrorCode, Reason
from flagd_core.model import KINDS, MAX_INTEGER, MAX_VALUE_NESTING, outgoing, refuse_value
from tests.unit.core.documents import answer, flag


def served(kind: str, value: object) -> object:
    """The value that a flag of this kind with this one variant answers."""
    return answer(flag(kind=kind, variants={"v": value}, off_variant=None, default={"variant": "v"})).value


@pytest.mark.parametrize(
    ("kind", "value", "out"),
    [
        ("boolean", False, False),
        ("string", "", ""),
        ("integer", 0, 0),
        ("integer", 10.0, 10),
        ("integer", -MAX_INTEGER, -MAX_INTEGER),
        ("float", 10, 10.0),
        ("float", 0.1, 0.1),
        ("float", 1e300, 1e300),
        ("object", {}, {}),
        ("object", [[1], {"a": None}], [[1], {"a": None}]),
    ],
)
def test_values_come_out_in_the_type_of_their_kind(kind: str, value: object, out: object) -> None:
    """Falsy values are values, an integral float of an integer flag is an int, an integer of a float flag a float."""
    assert served(kind, value) == out
    assert isinstance(served(kind, value), type(out))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", float("nan")),
        ("integer", 1e300),
        ("float", float("inf")),
        ("float", 10**400),
        ("object", {"a": float("nan")}),
        ("object", {1: "a"}),
        ("object", {"a": (1,)}),
        ("object", {"a": object()}),
    ],
)
def test_what_json_does_not_have_is_refused(kind: str, value: object) -> None:
    """Numbers that are not finite or too large, and what only Python has, are no values of a flag."""
    assert refuse_value(kind, value)


def nested(levels: int) -> Any:
    """An object with objects inside it."""
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_deep_objects_are_refused_and_exhaust_nothing() -> None:
    """Objects may nest to a limit; beyond it they are refused however deep they are."""
    assert refuse_value("object", nested(MAX_VALUE_NESTING)) is None
    assert refuse_value("object", nested(MAX_VALUE_NESTING + 2))
    assert refuse_value("object", nested(100_000))


def test_every_kind_refuses_null() -> None:
    """No kind takes null: "no value" is said by serving no variant."""
    assert all(refuse_value(kind, None) for kind in KINDS)


CHANGES = [
    lambda value: value.__setitem__("a", 1),
    lambda value: value.__delitem__("list"),
    lambda value: value.update(a=1),
    lambda value: value.setdefault("a", 1),
    lambda value: value.pop("list"),
    lambda value: value.popitem(),
    lambda value: value.clear(),
    lambda value: value.__ior__({"a": 1}),
    lambda value: value["list"].append(1),
    lambda value: value["list"].extend([1]),
    lambda value: value["list"].insert(0, 1),
    lambda value: value["list"].remove(2),
    lambda value: value["list"].sort(),
    lambda value: value["list"].reverse(),
    lambda value: value["list"].__setitem__(0, 1),
    lambda value: value["list"].__iadd__([1]),
    lambda value: value["list"].__imul__(2),
    lambda value: value["list"][1].update(b=1),
]


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_nobody_can_change_a_shared_value(change: int) -> None:
    """An object value is shared by all callers, so every way to change it, at any depth, is refused."""
    value = outgoing("object", {"list": [2, {"a": 0}]})

    with pytest.raises(TypeError, match="deepcopy"):
        CHANGES[change](value)
    assert value == {"list": [2, {"a": 0}]}


def test_a_read_only_value_is_used_like_any_other() -> None:
    """It is a dict, equals a plain one, and can be written as JSON, pickled, and copied into a plain one."""
    plain = {"list": [2, {"a": None}]}
    value: Any = outgoing("object", plain)

    assert isinstance(value, dict)
    assert json.loads(json.dumps(value)) == plain
    assert pickle.loads(pickle.dumps(value)) == plain
    for copied in (copy.copy(value), copy.deepcopy(value)):
        assert type(copied) is dict
        assert type(copied["list"]) is list
        copied["list"][1]["a"] = 1
    assert value == plain


def test_no_value_is_one_thing() -> None:
    """The mark of an answer without a value survives copies and pickles as itself."""
    for again in (copy.copy(NO_VALUE), copy.deepcopy(NO_VALUE), pickle.loads(pickle.dumps(NO_VALUE))):
        assert again is NO_VALUE
    assert repr(NO_VALUE) == "NO_VALUE"


def test_an_answer_cannot_be_changed() -> None:
    """An answer and its metadata are shared, and refuse every change."""
    detail: Any = answer(flag(metadata={"owner": "shop"}))

    with pytest.raises(AttributeError):
        detail.value = True
    with pytest.raises(TypeError):
        detail.metadata["owner"] = "me"
    with pytest.raises(TypeError):
        Detail(True, None, Reason.STATIC).metadata["a"] = 1  # type: ignore[index]


def test_reasons_and_codes_are_their_text() -> None:
    """In every Python version a reason and an error code print, format and serialise as OpenFeature's word."""
    for word in (*Reason, *ErrorCode):
        assert str(word) == f"{word}" == word.value == json.loads(json.dumps(word)) == word.name
