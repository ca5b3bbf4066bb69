"""Contexts that no caller should have, and flags of every shape to ask with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from hypothesis import strategies as st

from flagd_core.algorithms import ALGORITHMS
from flagd_core.bucketing import SLOTS
from tests.unit.core.documents import document, flag, leaf, segment

NAMES = ("a", "a.b", "plan", "now", "targetingKey")
FLAGS = ("first", "second", "third")
SEGMENTS = ("inner", "outer")


class Trouble(Exception):
    """What the values below raise, and nothing else does."""


def refuse(*_args: object, **_kwargs: object) -> NoReturn:
    """Raise, whatever was asked."""
    raise Trouble


class HostileText(str):
    """A text that raises at whatever is asked of it."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __hash__ = __len__ = __getitem__ = __contains__ = __iter__ = __format__ = (
        refuse
    )
    casefold = encode = startswith = endswith = isascii = removeprefix = isdigit = lower = refuse


class HostileInteger(int):
    """An integer that raises at whatever is asked of it."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __abs__ = __mul__ = __bool__ = refuse
    __str__ = __int__ = __index__ = refuse


class HostileFloat(float):
    """A float that raises at whatever is asked of it."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __abs__ = __mul__ = __sub__ = refuse
    __str__ = __int__ = is_integer = refuse


class HostileList(list[Any]):
    """A list that raises when it is walked."""

    __slots__ = ()
    __iter__ = __len__ = __getitem__ = __contains__ = refuse


class HostileDict(dict[str, Any]):
    """A dict that raises when it is read."""

    __slots__ = ()
    get = keys = items = values = __iter__ = __len__ = __getitem__ = __contains__ = refuse


class HostileMapping(Mapping[str, Any]):
    """A mapping that raises this when it is read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        raise self._error


class HostileKey(str):
    """The name of an attribute that raises when it is compared."""

    __slots__ = ()
    __hash__ = str.__hash__
    __eq__ = __ne__ = refuse


class Faceless:
    """An object that does not even tell its class."""

    @property
    def __class__(self) -> Any:
        raise Trouble

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


class FickleMapping(Mapping[str, Any]):
    """A mapping that says something else each time it is asked."""

    def __init__(self) -> None:
        self._asked = 0

    def __getitem__(self, name: str) -> Any:
        self._asked += 1
        return ("x", None, 7, {"b": 1}, [1, "x"], True)[self._asked % 6]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


def bottomless(levels: int) -> dict[str, Any]:
    """Objects in objects, and lists in lists."""
    inner: dict[str, Any] = {}
    endless: list[Any] = []
    for _ in range(levels):
        inner, endless = {"a": inner, "b": inner}, [endless]
    return {"a": inner, "plan": endless, "targetingKey": "x"}


ERRORS = (
    ValueError(),
    RecursionError(),
    MemoryError(),
    StopIteration(),
    KeyError("x"),
    UnicodeEncodeError("utf-8", "x", 0, 1, "no"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "no"),
)
HOSTILE: tuple[Any, ...] = (
    HostileText("x"),
    HostileText(""),
    HostileInteger(7),
    HostileFloat(1.5),
    HostileFloat(2.0),
    HostileList(["x"]),
    HostileDict(a="x", targetingKey="x"),
    {HostileKey(name): "x" for name in ("a", "plan", "now", "targetingKey")},
    Faceless(),
    FickleMapping(),
    *(HostileMapping(error) for error in ERRORS),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.text(st.characters(categories=["Cs", "L"]), min_size=1, max_size=3)
    | st.binary(max_size=3)
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.complex_numbers()
    | st.decimals()
    | st.fractions()
    | st.sampled_from(
        ["x", "1.0", "10.1.2.3", "2026-01-01", "", "\ud800", 10**400, "9" * 5000, "x" * 100_000]
    )
    | st.integers(0, len(HOSTILE) - 1).map(HOSTILE.__getitem__)
)
VALUES = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=3)
        | st.tuples(each)
        | st.dictionaries(st.sampled_from(["a", "b"]) | st.text(max_size=2), each, max_size=3)
        | st.builds(object)
    ),
    max_leaves=6,
)
CONTEXTS = (
    st.dictionaries(st.sampled_from(NAMES), VALUES)
    | VALUES
    | st.dictionaries(st.integers() | st.none(), VALUES, max_size=2)
)

LEAVES = st.one_of(
    st.builds(
        leaf,
        st.sampled_from(NAMES),
        st.sampled_from(["in", "contains", "starts_with", "ends_with", "overlaps"]),
        st.sampled_from(["x", 7, 1.5, True, "\u00df"]),
        ignore_case=st.booleans(),
    ),
    st.builds(
        leaf,
        st.sampled_from(NAMES),
        st.sampled_from(["gt", "gte", "lt", "lte"]),
        st.sampled_from([1, 1.5, "7"]),
    ),
    st.builds(
        leaf,
        st.sampled_from(NAMES),
        st.sampled_from(["semver_eq", "semver_gt", "semver_lte"]),
        st.sampled_from(["1.0", "2-rc"]),
    ),
    st.builds(leaf, st.sampled_from(NAMES), st.sampled_from(["before", "after"]), st.just("2027-01-01")),
    st.builds(leaf, st.sampled_from(NAMES), st.just("cidr"), st.sampled_from(["10.0.0.0/8", "::/0"])),
    st.builds(
        leaf, st.sampled_from(NAMES), st.just("regex"), st.sampled_from(["x", "^(a+)+$", "(?i)\\p{L}"])
    ),
    st.builds(leaf, st.sampled_from(NAMES), st.just("exists")),
)
SURE_LEAVES = LEAVES | LEAVES.map(lambda each: {**each, "on_missing": "match"})


def conditions(*segments: str) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions of any shape that refer to these segments."""
    bases = SURE_LEAVES | st.sampled_from([{"segment": key} for key in segments]) if segments else SURE_LEAVES
    return st.recursive(
        bases,
        lambda each: (
            each.map(lambda one: {"not": one})
            | st.lists(each, max_size=3).map(lambda some: {"all": some})
            | st.lists(each, max_size=3).map(lambda some: {"any": some})
        ),
        max_leaves=5,
    )


RINGS = {name: each.ring or 1_000 for name, each in ALGORITHMS.items()}


@st.composite
def serves(draw: st.DrawFn) -> dict[str, Any]:
    """A variant, or a split by any attribute and algorithm."""
    if draw(st.booleans()):
        return {"variant": draw(st.sampled_from(["on", "off"]))}
    algorithm = draw(st.sampled_from(["murmur3", *RINGS]))
    ring = RINGS[algorithm]
    arcs = [[ring // 3, "on"], [ring // 2, "off"], [ring, "on"]]
    unit = draw(st.sampled_from(NAMES))
    return {"split": {"salt": "7", "unit": unit, "algorithm": algorithm, "arcs": arcs}}


LAYERS = st.builds(
    lambda unit, slots: {"key": "l", "salt": "l", "unit": unit, "algorithm": "murmur3", "slots": slots},
    st.sampled_from(NAMES),
    st.sampled_from([[], [[0, 50_000]], [[0, 1], [5, 90_000]], [[0, SLOTS]]]),
)


@st.composite
def flags(draw: st.DrawFn, *parents: str) -> dict[str, Any]:
    """A flag of any shape, with any of these as prerequisites."""
    rules = [
        {"id": f"r{number}", "if": condition, "serve": draw(serves())}
        for number, condition in enumerate(draw(st.lists(conditions(*SEGMENTS), max_size=3)))
    ]
    required = [parent for parent in parents if draw(st.booleans())]
    shape = flag(
        enabled=draw(st.sampled_from([True, True, True, False])),
        off_variant=draw(st.sampled_from(["off", None])),
        default=draw(serves()),
        targets=draw(st.sampled_from([{}, {"on": ["x", "7"]}])),
        rules=rules,
        prerequisites=[{"flag": parent, "variants": ["on"]} for parent in required],
    )
    return shape | ({"layer": draw(LAYERS)} if draw(st.booleans()) else {})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Three flags of any shape, each of which may require those before it, and two segments, one in the other."""
    inner = segment(
        included=["x"],
        excluded=draw(st.sampled_from([[], ["7"]])),
        **{"if": draw(st.none() | conditions())},
    )
    outer = segment(**{"if": draw(conditions("inner"))})
    made = {key: draw(flags(*FLAGS[:number])) for number, key in enumerate(FLAGS)}
    return document(made, {"inner": inner, "outer": outer})
