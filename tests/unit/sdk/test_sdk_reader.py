"""Reading flags: types, defaults, and what is logged; over the in-memory client, which reads like the real one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest

from flagd_core import load
from flagd_sdk import Context, ErrorCode, FlagReader, Reason
from flagd_sdk.testing import FakeFlags, snapshot_of

VALUES: dict[str, object] = {
    "yes": True,
    "no": False,
    "color": "blue",
    "empty": "",
    "zero": 0,
    "limit": 30,
    "ratio": 0.5,
    "whole": 3.0,
    "huge": 2**53 - 1,
    "theme": {"dark": True, "sizes": [1, 2]},
    "list": [1, 2],
    "off": None,
}


@pytest.fixture
def flags() -> FakeFlags:
    return FakeFlags(VALUES)


class _Broken:
    """Stands for a flag whose evaluation raises, which none should."""

    def evaluate(self, context: object) -> object:
        raise ZeroDivisionError


def test_each_kind_has_its_getter(flags: FakeFlags) -> None:
    """A flag read as what it is gives its value, falsy ones included."""
    assert flags.is_enabled("yes") is True
    assert flags.is_enabled("no", default=True) is False
    assert flags.get_boolean("yes", default=False) is True
    assert flags.get_string("color", default="red") == "blue"
    assert flags.get_string("empty", default="red") == ""
    assert flags.get_int("zero", default=5) == 0
    assert flags.get_float("ratio", default=1.0) == 0.5
    assert flags.get_object("theme", default={}) == {"dark": True, "sizes": [1, 2]}
    assert flags.get_object("list", default=[]) == [1, 2]


@pytest.mark.parametrize("flag", ["color", "zero", "limit", "ratio", "theme", "list"])
@pytest.mark.parametrize("default", [True, False])
def test_is_enabled_on_another_kind_is_the_default(flags: FakeFlags, flag: str, default: bool) -> None:
    """Truthiness never enables anything: a flag that is not boolean answers the default."""
    assert flags.is_enabled(flag, "user", default) is default
    assert flags.get_boolean(flag, "user", default=default) is default


def test_numbers_convert_only_without_loss(flags: FakeFlags) -> None:
    """3.0 is the integer 3 and 30 the float 30.0, but 0.5 is no integer."""
    assert flags.get_int("whole", default=0) == 3
    assert type(flags.get_int("whole", default=0)) is int
    assert flags.get_int("ratio", default=7) == 7
    assert type(flags.get_float("limit", default=0.0)) is float
    assert flags.get_float("huge", default=0.0) == float(2**53 - 1)


def test_booleans_are_never_numbers(flags: FakeFlags) -> None:
    """`True` is not 1, in either direction."""
    assert flags.get_int("yes", default=7) == 7
    assert flags.get_float("yes", default=7.5) == 7.5
    assert flags.is_enabled("limit", default=False) is False


def test_strings_and_objects_do_not_convert(flags: FakeFlags) -> None:
    """Nothing becomes text, and text becomes nothing."""
    assert flags.get_string("limit", default="none") == "none"
    assert flags.get_string("yes", default="none") == "none"
    assert flags.get_object("color", default={}) == {}
    assert flags.get_int("color", default=1) == 1


def test_unknown_flag_is_the_default_with_its_reason(flags: FakeFlags) -> None:
    """A flag that does not exist answers the default and says FLAG_NOT_FOUND."""
    assert flags.is_enabled("nope", "user", True) is True
    detail = flags.evaluate("nope", "user", default="mine")
    assert (detail.value, detail.reason, detail.error_code) == (
        "mine",
        Reason.ERROR,
        ErrorCode.FLAG_NOT_FOUND,
    )


def test_no_data_yet_is_told_apart_from_an_unknown_flag() -> None:
    """Before there is a snapshot the answer is the default with PROVIDER_NOT_READY."""
    detail = FlagReader().evaluate("yes")
    assert (detail.value, detail.error_code) == (None, ErrorCode.PROVIDER_NOT_READY)


def test_flag_that_is_off_without_a_variant_is_told_apart_from_an_unknown_one(
    flags: FakeFlags, caplog: pytest.LogCaptureFixture
) -> None:
    """A disabled flag answers the default with reason DISABLED, and that is nothing to log."""
    detail = flags.evaluate("off", default=5)
    assert (detail.value, detail.reason, detail.error_code) == (5, Reason.DISABLED, None)
    assert flags.is_enabled("off", default=True) is True
    assert caplog.records == []


def test_evaluate_tells_everything(flags: FakeFlags) -> None:
    """The full detail has value, variant, reason and metadata."""
    detail = flags.evaluate("color", "user")
    assert (detail.value, detail.variant, detail.reason) == ("blue", "value", Reason.STATIC)
    assert detail.metadata["version"] == 1


@pytest.mark.parametrize(
    "context", [None, "user", "", {"targetingKey": "user"}, {}, Context("user", plan="pro"), Context()]
)
def test_every_kind_of_context_is_taken(flags: FakeFlags, context: str | Mapping[str, object] | None) -> None:
    """A context is text, a mapping, a Context or nothing."""
    assert flags.is_enabled("yes", context) is True


def test_split_takes_the_same_unit_from_every_kind_of_context() -> None:
    """A key as text, in a mapping and in a Context lands on the same variant; without one the default answers."""
    document = snapshot_of({"flag": True})
    flag = cast("dict[str, dict[str, Any]]", document["flags"])["flag"]
    flag["variants"] = {"on": True, "off": False}
    arcs = [[50_000, "on"], [100_000, "off"]]
    flag["default"] = {"split": {"salt": "s", "unit": "targetingKey", "algorithm": "murmur3", "arcs": arcs}}
    reader = FlagReader()
    reader._flags, reader._has_data = load(document).flags, True
    answers = {
        user: {reader.is_enabled("flag", given) for given in (user, {"targetingKey": user}, Context(user))}
        for user in ("a", "b", "c", "d", "e", "f")
    }
    assert all(len(given) == 1 for given in answers.values())
    assert {next(iter(given)) for given in answers.values()} == {True, False}
    assert reader.is_enabled("flag", None, True) is True
    assert reader.evaluate("flag").error_code is ErrorCode.TARGETING_KEY_MISSING


@pytest.mark.parametrize("flag", [None, 17, ["list"], {"a": 1}, b"yes", object()])
@pytest.mark.parametrize("context", [17, object(), ["user"], {1: 2}, b"user"])
def test_nonsense_arguments_never_raise(flags: FakeFlags, flag: object, context: object) -> None:
    """Whatever an application passes by mistake, it gets its default back."""
    wrong: Any = flag
    odd: Any = context
    assert flags.is_enabled(wrong, odd, True) is True
    assert flags.get_string(wrong, odd, default="x") == "x"
    assert flags.evaluate(wrong, odd, default=1).value == 1
    assert flags.is_enabled("yes", odd) in (True, False)


class _Unspeakable:
    """Raises at whatever it is asked."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise ZeroDivisionError


class _UnspeakableText(str):
    """A text that raises at whatever it is asked."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    __repr__ = __format__ = __str__  # type: ignore[assignment]

    def __getitem__(self, index: object) -> str:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("kind", "arguments", "logged"),
    [
        (_Unspeakable, (), "_Unspeakable"),
        (_UnspeakableText, ("yes",), "yes"),
        (_UnspeakableText, ("nope",), "nope"),
    ],
)
def test_names_that_raise_never_raise(
    flags: FakeFlags, caplog: pytest.LogCaptureFixture, kind: Any, arguments: tuple[str, ...], logged: str
) -> None:
    """Nothing is asked of what is given as a name but whether it is one."""
    flag = kind(*arguments)
    assert flags.is_enabled(flag, "user", True) is True
    assert flags.get_string(flag, default="x") == "x"
    assert flags.evaluate(flag, default=1).value == 1
    assert logged in caplog.text


def test_evaluation_that_raises_is_the_default_and_is_logged(
    flags: FakeFlags, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a bug in the engine answers the default, with GENERAL and one traceback in the log."""
    flags._flags = cast("Any", {"bad": _Broken()})
    assert flags.is_enabled("bad", default=True) is True
    assert flags.evaluate("bad").error_code is ErrorCode.GENERAL
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_callers_context_is_left_alone(flags: FakeFlags) -> None:
    """Evaluating changes nothing in what the application handed over."""
    context = {"targetingKey": "user", "nested": {"a": [1]}}
    flags.is_enabled("yes", context)
    assert context == {"targetingKey": "user", "nested": {"a": [1]}}


def test_object_value_cannot_be_changed_for_others(flags: FakeFlags) -> None:
    """An application that tries to edit an object value does not edit it for the next caller."""
    value: Any = flags.get_object("theme", default={})
    with pytest.raises(TypeError):
        value["dark"] = False
    assert flags.get_object("theme", default={}) == {"dark": True, "sizes": [1, 2]}


def test_each_problem_is_logged_once(flags: FakeFlags, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand evaluations of a wrong flag are one line per flag and cause."""
    for _ in range(1000):
        flags.is_enabled("nope")
        flags.is_enabled("color")
        flags.get_int("color", default=1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert "nope" in caplog.text
    assert "TYPE_MISMATCH" in caplog.text


def test_what_was_logged_takes_bounded_memory(flags: FakeFlags, caplog: pytest.LogCaptureFixture) -> None:
    """Flag names made up from user input fill neither the memory nor the log."""
    for number in range(3000):
        flags.is_enabled(f"flag-{number}" + "x" * 1000)
    assert len(caplog.records) == 1001
    assert "further ones are not" in caplog.records[-1].getMessage()
    assert max(len(record.getMessage()) for record in caplog.records) < 500
