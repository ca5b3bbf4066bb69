"""What may be saved as a condition. What conditions match is in the golden vectors."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core.operators import OPERATORS, check
from flagd_core.operators.operands import LISTS, address, instant, network, number, text, version
from tests.unit.core.documents import ON, answer, flag, leaf, rule

ACCEPTED: dict[str, list[list[Any]]] = {
    "equals": [["x"], [""], [1], [1.5], [True]],
    "in": [["x"], ["x", 1, True]],
    "contains": [["x"], ["x", "y"], [1]],
    "starts_with": [["x"]],
    "ends_with": [["x"]],
    "gt": [[1], [-1.5], ["18"]],
    "gte": [[1]],
    "lt": [[1]],
    "lte": [[1]],
    "exists": [[]],
    "semver_eq": [["1.2.3"], ["v1"], ["1.2.3-rc.1+b"]],
    "semver_gt": [["1.2"]],
    "semver_gte": [["1.2"]],
    "semver_lt": [["1.2"]],
    "semver_lte": [["1.2"]],
    "before": [["2027-01-31"], ["2027-01-31T12:00:00+01:00"], [1_800_000_000]],
    "after": [["2027-01-31"]],
    "cidr": [["10.0.0.0/8"], ["10.0.0.1", "2001:db8::/32"]],
    "overlaps": [["x", 1]],
    "regex": [["^a+$"], ["a", "(?i)b"], ["\\d{3}"], ["\\p{Greek}"]],
}
REFUSED: dict[str, list[list[Any]]] = {
    "equals": [[], ["x", "y"], [None], [{}], [float("nan")], [float("inf")]],
    "in": [[], [None], [["x"]], ["x", float("nan")]],
    "contains": [[], [""], ["x", ""], [None]],
    "starts_with": [[], [""]],
    "ends_with": [[], [""]],
    "gt": [[], [1, 2], ["x"], [True], [None], [float("nan")]],
    "gte": [["18 "]],
    "lt": [["1_0"]],
    "lte": [["0x10"]],
    "exists": [["x"]],
    "semver_eq": [[], ["1.2.3.4"], ["01.0"], [1], ["1", "2"]],
    "semver_gt": [["x"]],
    "semver_gte": [[2.0]],
    "semver_lt": [[None]],
    "semver_lte": [[""]],
    "before": [[], ["soon"], ["2027-02-30"], ["1800000000"], [True], ["2027-01-01", "2027-01-02"]],
    "after": [["2027-13-01"]],
    "cidr": [[], ["10.0.0.0/33"], ["10.0.0"], [167772161], ["10.0.0.0/8", "x"]],
    "overlaps": [[], [None]],
    "regex": [
        [],
        [""],
        [1],
        ["a(b"],
        ["(?=x)"],
        ["(?<!x)y"],
        ["(a)\\1"],
        ["a" * 1001],
        ["a", "*"],
        ["\ud800"],
    ],
}


def pairs(table: dict[str, list[list[Any]]]) -> list[tuple[str, list[Any]]]:
    """Every operator with each of its lists of values."""
    return [(op, values) for op, lists in table.items() for values in lists]


def test_every_operator_is_tried() -> None:
    """The two tables of this module leave out no operator."""
    assert set(ACCEPTED) == set(REFUSED) == set(OPERATORS)


@pytest.mark.parametrize(("op", "values"), pairs(ACCEPTED))
def test_what_may_be_saved(op: str, values: list[Any]) -> None:
    """Values an operator can compare with are accepted."""
    assert check(op, values, {}) is None


@pytest.mark.parametrize(("op", "values"), pairs(REFUSED))
def test_what_may_not_be_saved(op: str, values: list[Any]) -> None:
    """Values that could never match, or hardly be meant, are refused with a reason in words."""
    assert re.search("[a-z]{2}", check(op, values, {}) or "")


def test_unknown_operators_and_options_are_refused() -> None:
    """An operator or an option that does not exist cannot be saved."""
    assert check("resembles", ["x"], {}) == "there is no operator 'resembles'"
    assert check("equals", ["x"], {"ignore_case": True}) is None
    assert check("equals", ["x"], {"ignore_case": 1}) == "ignore_case must be true or false"
    assert check("equals", ["x"], {"locale": "tr"}) == "equals has no option 'locale'"
    assert check("gt", [1], {"ignore_case": True}) == "gt has no option 'ignore_case'"


def matches(op: str, values: list[Any], attribute: object, **options: Any) -> bool:
    """Whether a rule with this condition applies."""
    context = {"a": attribute}
    return answer(flag(rules=[rule(leaf("a", op, *values, **options))]), context).variant == ON["variant"]


class Weird(tzinfo):
    """A time zone that fails."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        raise RuntimeError("no offset today")

    def dst(self, when: datetime | None) -> None:
        """No summer time."""

    def tzname(self, when: datetime | None) -> str:
        return "weird"


BOUND = "2026-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (datetime(2026, 5, 31, 23, 59, tzinfo=UTC), True),
        (datetime(2026, 6, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), True),
        (datetime(2026, 5, 31, 23, 59), True),  # noqa: DTZ001 - without a zone it is UTC
        (datetime(2026, 6, 1, 0, 0, 1), False),  # noqa: DTZ001
        (date(2026, 5, 31), True),
        (date(2026, 6, 1), False),
        (datetime(2026, 5, 31, tzinfo=Weird()), False),
        (float("nan"), False),
        (float("-inf"), False),
        pytest.param(-(10**5000), False, id="too long to write"),
    ],
)
def test_python_dates_are_dates(attribute: object, expected: bool) -> None:
    """Dates and datetimes a caller has at hand compare as instants; what cannot be read never matches."""
    assert matches("before", [BOUND], attribute) is expected


@pytest.mark.parametrize("collection", LISTS)
def test_every_collection_is_a_list(collection: type) -> None:
    """Tuples and sets that Python callers pass match as lists do."""
    assert matches("in", ["x"], collection(["x", "y"]))
    assert matches("overlaps", ["x"], collection(["x", "y"]))
    assert not matches("overlaps", ["z"], collection(["x", "y"]))


def test_large_lists_are_as_quick_as_small_ones() -> None:
    """Ten thousand values are one set: the last of them matches as the first does."""
    values = [f"user-{number}" for number in range(10_000)]

    assert matches("in", values, "user-9999")
    assert not matches("in", values, "user-10000")


def test_long_attributes_are_not_parsed() -> None:
    """A megabyte of digits is no number, version, date or address, and costs nothing to refuse."""
    long = "1" * 1_000_000

    assert (number(long), version(long), instant(long), address(long), network(long)) == (None,) * 5


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes(),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3) | st.tuples(each)
    ),
    max_leaves=6,
)


@given(value=ANYTHING)
def test_no_operand_raises(value: object) -> None:
    """Whatever an attribute holds is either read or not."""
    for parse in (text, number, version, instant, address, network):
        parse(value)


@given(value=ANYTHING, op=st.sampled_from(sorted(OPERATORS)), ignore_case=st.booleans())
def test_no_operator_raises(value: object, op: str, ignore_case: bool) -> None:
    """Each test answers True, False or None for any attribute."""
    for values in ACCEPTED[op]:
        assert OPERATORS[op].build(values, ignore_case)(value) in (True, False, None)


@given(left=st.integers() | st.floats(allow_nan=False, allow_infinity=False), right=st.integers())
def test_numbers_compare_as_numbers(left: float, right: int) -> None:
    """The four orders agree with arithmetic for any two numbers, large ones included."""
    test = {op: OPERATORS[op].build([right], False)(left) for op in ("gt", "gte", "lt", "lte")}

    assert test == {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}


VERSIONS = [
    "0.9", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
    "1.0.0-rc.1", "1", "1.0.1", "1.2", "1.10", "2.0.0-x", "v2",
]  # fmt: skip


def test_versions_are_in_the_order_of_semver() -> None:
    """The precedence of SemVer 2.0, pre-releases included, holds between every two of a sorted list."""
    for left, low in enumerate(VERSIONS):
        for right, high in enumerate(VERSIONS):
            assert matches("semver_lt", [high], low) is (left < right)
            assert matches("semver_gte", [high], low) is (left >= right)
            assert matches("semver_eq", [high], low) is (left == right)
