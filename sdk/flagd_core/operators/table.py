"""The table of operators: what each accepts as values, and the test it makes of them.

Pure: a test sees one attribute's value, never the context, the flag or a clock. It answers True, False, or
None for "cannot tell", and never raises for the values that JSON has.

An attribute that is a list matches an operator on text when any of its elements does; other operators cannot
tell.
"""

from __future__ import annotations

import operator as order
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Union, cast

from flagd_core.operators import operands, regex

Test = Callable[[object], "bool | None"]
TextTest = Callable[[str], "bool | None"]
OnText = Union[frozenset[str], "Remembered", TextTest]
"""The set that a text must be in, the verdicts on texts, or the test of a text."""
Order = Callable[[Any, Any], bool]

IGNORE_CASE: Final = "ignore_case"
_SCALARS: Final = frozenset({str, bool, int, float})
_NUMBERS: Final = frozenset({int, float})


class Operator(NamedTuple):
    """One row of the table."""

    name: str
    build: Callable[[Sequence[object], bool], Test]
    """The test for values that `refuse` accepts, and whether case is ignored."""
    refuse: Callable[[Sequence[object]], str | None]
    """Why these values cannot be evaluated by anybody; None when they can."""
    takes_case: bool = False
    may_be_empty: bool = False
    build_text: Callable[[Sequence[object], bool], OnText] | None = None
    """What to ask of an attribute that is a str, faster than `build`."""
    order: Order | None = None
    """For the order of numbers: how an attribute that is an int must compare with the value."""
    unsupported: Callable[[Sequence[object]], str | None] | None = None
    """Why values that `refuse` accepts cannot be evaluated here, though they may elsewhere."""


def check(op: str, values: Sequence[object], options: Mapping[str, object]) -> str | None:
    """Why a condition must not be saved, in words for the person who wrote it; None when it is fine.

    Stricter than reading a snapshot: what can be evaluated but can hardly be meant (an empty list, an empty
    text to search for) is refused.
    """
    operator = OPERATORS.get(op)
    if operator is None:
        return f"there is no operator {op!r}"
    for name, option in options.items():
        if name != IGNORE_CASE or not operator.takes_case:
            return f"{op} has no option {name!r}"
        if type(option) is not bool:
            return f"{IGNORE_CASE} must be true or false"
    if not values and not operator.may_be_empty:
        return f"{op} needs at least one value"
    if "" in values and op in _SEARCHES:
        return f"{op} needs a text that is not empty"
    why = operator.refuse(values)
    if why is None and operator.unsupported is not None:
        return operator.unsupported(values)
    return why


# What values an operator takes.


def _scalars(values: Sequence[object]) -> str | None:
    if _SCALARS.issuperset(map(type, values)) and (
        _NUMBERS.isdisjoint(map(type, values)) or None not in map(operands.text, values)
    ):
        return None
    return "each value must be a text, a number, true or false"


def _one(refuse: Callable[[Sequence[object]], str | None]) -> Callable[[Sequence[object]], str | None]:
    def one(values: Sequence[object]) -> str | None:
        return refuse(values) if len(values) == 1 else "exactly one value is needed"

    return one


def _texts(values: Sequence[object]) -> str | None:
    return None if {str}.issuperset(map(type, values)) else "each value must be a text"


def _none(values: Sequence[object]) -> str | None:
    return "no values are taken" if values else None


def _readable(parse: Callable[[object], object], as_what: str) -> Callable[[Sequence[object]], str | None]:
    def refuse(values: Sequence[object]) -> str | None:
        for value in values:
            if parse(value) is None:
                return f"{value!r:.80} is not {as_what}"
        return None

    return refuse


# Tests on text. All of them see the canonical text of the attribute.


def _any_element(test: TextTest) -> Test:
    def of_text(value: object) -> bool | None:
        if value.__class__ is str:
            return test(value)
        if isinstance(value, operands.LISTS):
            return _any(of_scalar(element) for element in value)
        return of_scalar(value)

    def of_scalar(value: object) -> bool | None:
        text = operands.text(value)
        return None if text is None else test(text)

    return of_text


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued or: True beats unknown, unknown beats False."""
    answer: bool | None = False
    for each in answers:
        if each:
            return True
        if each is None:
            answer = None
    return answer


def _canonical(values: Iterable[object], ignore_case: bool) -> tuple[str, ...]:
    texts = [text for value in values if (text := operands.text(value)) is not None]
    return tuple(dict.fromkeys(text.casefold() for text in texts) if ignore_case else dict.fromkeys(texts))


def _wanted(values: Sequence[object], ignore_case: bool) -> frozenset[str] | TextTest:
    wanted = frozenset(_canonical(values, ignore_case))
    numbers = frozenset(_canonical((value for value in values if type(value) in _NUMBERS), False))
    if numbers:
        # A number among the values compares as a number: the attribute "1.0" is the number 1, and not the
        # text "1".
        def matches(text: str) -> bool:
            return (text.casefold() if ignore_case else text) in wanted or operands.text(
                operands.number(text)
            ) in numbers

        return matches
    if ignore_case:
        return lambda text: text.casefold() in wanted
    return wanted


def _is_one_of(values: Sequence[object], ignore_case: bool) -> TextTest:
    wanted = _wanted(values, ignore_case)
    return wanted.__contains__ if isinstance(wanted, frozenset) else wanted


def _contains(values: Sequence[object], ignore_case: bool) -> TextTest:
    parts = _canonical(values, ignore_case)
    if ignore_case:
        return lambda text: _holds(text.casefold(), parts)
    return lambda text: _holds(text, parts)


def _holds(text: str, parts: Collection[str]) -> bool:
    return any(part in text for part in parts)


def _starts_with(values: Sequence[object], ignore_case: bool) -> TextTest:
    parts = _canonical(values, ignore_case)
    if ignore_case:
        return lambda text: text.casefold().startswith(parts)
    return lambda text: text.startswith(parts)


def _ends_with(values: Sequence[object], ignore_case: bool) -> TextTest:
    parts = _canonical(values, ignore_case)
    if ignore_case:
        return lambda text: text.casefold().endswith(parts)
    return lambda text: text.endswith(parts)


def _matches(values: Sequence[object], _ignore_case: bool) -> TextTest:
    searches = [regex.search(pattern) for pattern in cast("Sequence[str]", values)]
    return searches[0] if len(searches) == 1 else lambda text: any(search(text) for search in searches)


class Remembered(dict[str, "bool | None"]):
    """The verdicts of a test on text that costs more than a look-up, by the text."""

    __slots__ = ("_test",)

    def __init__(self, test: TextTest) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, text: str) -> bool | None:
        verdict = self._test(text)
        if len(text) <= operands.LONGEST:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[text] = verdict
        return verdict


_MOST_REMEMBERED: Final = 256


# Tests on ordered operands.

_ORDERS: Final[Mapping[str, Order]] = {
    "eq": order.eq,
    "gt": order.gt,
    "gte": order.ge,
    "lt": order.lt,
    "lte": order.le,
}


def _compares(
    parse: Callable[[object], object | None], name: str
) -> Callable[[Sequence[object], bool], Test]:
    holds = _ORDERS[name]

    def build(values: Sequence[object], ignore_case: bool) -> Test:
        bound = parse(values[0])

        def test(value: object) -> bool | None:
            operand = parse(value)
            return None if operand is None else holds(operand, bound)

        return test

    return build


# The others.


def _exists(values: Sequence[object], ignore_case: bool) -> Test:
    return lambda value: True


def _overlaps(values: Sequence[object], ignore_case: bool) -> Test:
    is_one_of = _any_element(_is_one_of(values, ignore_case))
    return lambda value: is_one_of(value) if isinstance(value, operands.LISTS) else None


def _cidr(values: Sequence[object], ignore_case: bool) -> Test:
    # Per address family and prefix length the set of ranges: one look-up per length, however many ranges
    # there are.
    ranges: dict[tuple[int, int], set[int]] = {}
    for value in values:
        network = operands.network(value)
        if network is not None:
            shift = network.max_prefixlen - network.prefixlen
            ranges.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
    table = [(version, shift, frozenset(starts)) for (version, shift), starts in ranges.items()]

    def test(value: object) -> bool | None:
        address = operands.address(value)
        if address is None:
            return None
        family, bits = address.version, int(address)
        return any(family == version and bits >> shift in starts for version, shift, starts in table)

    return test


def _on_text(
    name: str,
    build_text: Callable[[Sequence[object], bool], TextTest],
    refuse: Callable[[Sequence[object]], str | None],
) -> Operator:
    def build(values: Sequence[object], ignore_case: bool) -> Test:
        return _any_element(build_text(values, ignore_case))

    return Operator(name, build, refuse, takes_case=True, build_text=build_text)


def _remembering(operator: Operator) -> Operator:
    """The operator, remembering what it found of texts."""

    def build_text(values: Sequence[object], ignore_case: bool) -> Remembered:
        return Remembered(operator.build(values, ignore_case))

    return operator._replace(build_text=build_text)


def _unsupported_patterns(values: Sequence[object]) -> str | None:
    return next((why for value in values if (why := regex.refuse(value))), None)


_SEARCHES: Final = frozenset({"contains", "starts_with", "ends_with", "regex"})
_NUMBER: Final = _one(_readable(operands.number, "a number"))
_VERSION: Final = _one(_readable(operands.version, "a version such as 2.1.0"))
_INSTANT: Final = _one(_readable(operands.instant, "a date such as 2027-01-31 or 2027-01-31T12:00:00Z"))

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator
    for operator in (
        _on_text("equals", _is_one_of, _one(_scalars))._replace(build_text=_wanted),
        _on_text("in", _is_one_of, _scalars)._replace(build_text=_wanted),
        _on_text("contains", _contains, _scalars),
        _on_text("starts_with", _starts_with, _scalars),
        _on_text("ends_with", _ends_with, _scalars),
        *(
            Operator(name, _compares(operands.number, name), _NUMBER, order=_ORDERS[name])
            for name in ("gt", "gte", "lt", "lte")
        ),
        _remembering(
            _on_text("regex", _matches, _texts)._replace(takes_case=False, unsupported=_unsupported_patterns)
        ),
        Operator("exists", _exists, _none, may_be_empty=True),
        *(
            _remembering(Operator(f"semver_{name}", _compares(operands.version, name), _VERSION))
            for name in _ORDERS
        ),
        _remembering(Operator("before", _compares(operands.instant, "lt"), _INSTANT)),
        _remembering(Operator("after", _compares(operands.instant, "gt"), _INSTANT)),
        _remembering(
            Operator(
                "cidr", _cidr, _readable(operands.network, "an IP address or a range such as 10.0.0.0/8")
            )
        ),
        Operator("overlaps", _overlaps, _scalars, takes_case=True),
    )
}
"""Every operator this engine knows, by name."""
