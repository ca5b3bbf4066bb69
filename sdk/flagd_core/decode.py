"""Reading a snapshot: is it what it claims to be, so that nothing after this needs to ask again.

Pure checks that build nothing: this module must never answer for a flag. What is wrong raises DecodeError
with its place, and the whole snapshot is refused. What is merely unknown here, from a newer server (an
operator, a field, an algorithm, a kind), makes one item unusable and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple, cast

from flagd_core.algorithms import ALGORITHMS, MAX_RING, Algorithm, is_seed
from flagd_core.bucketing import is_unicode
from flagd_core.model import (
    FORMAT,
    KINDS,
    MAX_NESTING,
    NOW,
    Condition,
    FlagDefinition,
    SegmentDefinition,
)
from flagd_core.operators import IGNORE_CASE, OPERATORS

_FLAG_FIELDS: Final = FlagDefinition.__required_keys__ | FlagDefinition.__optional_keys__
_SEGMENT_FIELDS: Final = SegmentDefinition.__optional_keys__
_RULE_FIELDS: Final = frozenset({"id", "if", "serve"})
_PREREQUISITE_FIELDS: Final = frozenset({"flag", "variants"})
_SPLIT_FIELDS: Final = frozenset({"salt", "unit", "algorithm", "arcs"})
_LAYER_FIELDS: Final = frozenset({"key", "salt", "unit", "algorithm", "slots"})
_LEAF_FIELDS: Final = frozenset({"attribute", "op", "values", IGNORE_CASE, "on_missing"})
_BRANCHES: Final = frozenset({"all", "any", "not", "segment"})
_FLAT: Final = frozenset({str, bool, int, float})
_MISSING: Final = object()
_NAMES: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "an integer",
    bool: "true or false",
}


class _Located(ValueError):
    """A finding and where in the document it is; the place is put together while the error travels up."""

    def __init__(self, detail: str, *steps: str | int) -> None:
        super().__init__(detail)
        self.detail = detail
        self._steps: list[str | int] = list(reversed(steps))

    def under(self, step: str | int) -> None:
        """The finding lies below `step`."""
        self._steps.append(step)

    @property
    def path(self) -> str:
        """The JSON pointer (RFC 6901) into the document; "" is the whole document."""
        return "".join(
            "/" + str(step).replace("~", "~0").replace("/", "~1") for step in reversed(self._steps)
        )

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}" if self._steps else self.detail


class DecodeError(_Located):
    """The document is no snapshot: `detail` says what is wrong, `path` is the JSON pointer to it."""


class _Unknown(_Located):
    """Something this engine does not know."""


class Checked(NamedTuple):
    """An item of the snapshot that may be used."""

    problem: str | None = None
    """Why it cannot be evaluated all the same; None when it can."""
    segments: tuple[str, ...] = ()
    """The segments it refers to, each as often as it does: it is asked as often."""
    flags: tuple[str, ...] = ()
    """The flags it has as prerequisites."""
    asks_now: bool = False
    """Whether a condition of its own asks for the attribute `now`."""


PLAIN: Final = Checked()
"""What most items are: usable, and referring to nothing."""


class _Asked:
    """What conditions ask for: the keys of segments, and whether the present instant."""

    __slots__ = ("now", "segments")

    def __init__(self) -> None:
        self.segments: list[str] = []
        self.now = False


class Document(NamedTuple):
    """The outer layer of a snapshot; flags and segments are still to be checked one by one."""

    project: str
    environment: str
    lineage: str
    revision: int
    digest: str
    flags: dict[str, object]
    segments: dict[str, object]


def document(raw: Mapping[str, object]) -> Document:
    """Check the outer layer. Fields that are unknown here are left alone."""
    if not isinstance(raw, Mapping):
        raise DecodeError("must be an object")
    if _field(raw, "format", int) != FORMAT:
        raise DecodeError(f"this engine reads format {FORMAT}, not {raw['format']!r:.40}", "format")
    return Document(
        project=_field(raw, "project", str),
        environment=_field(raw, "environment", str),
        lineage=_field(raw, "lineage", str),
        revision=_natural(raw, "revision"),
        digest=_field(raw, "digest", str),
        flags=_field(raw, "flags", dict),
        segments=_field(raw, "segments", dict),
    )


def check_flag(key: object, raw: object) -> Checked:
    """Check one flag of the document."""
    try:
        if type(key) is not str:
            raise DecodeError("the key of a flag must be a text")
        flag = cast("FlagDefinition", _object(raw))
        # What a flag shows of itself even if it cannot be evaluated.
        _field(flag, "kind", str)
        _optional(flag, "version", int)
        _optional(flag, "client_visible", bool)
        asked = _Asked()
        try:
            _flag(flag, asked)
        except _Unknown as unknown:
            return Checked(f"{unknown.detail} (at {unknown.path or '/'})")
        parents = flag.get("prerequisites")
        if asked.segments or asked.now or parents:
            keys = tuple(parent["flag"] for parent in parents or ())
            return Checked(None, tuple(asked.segments), keys, asked.now)
        return PLAIN
    except DecodeError as error:
        error.under(str(key))
        error.under("flags")
        raise


def check_segment(key: object, raw: object) -> Checked:
    """Check one segment of the document."""
    try:
        if type(key) is not str:
            raise DecodeError("the key of a segment must be a text")
        segment = _object(raw)
        asked = _Asked()
        try:
            _known_fields(segment, _SEGMENT_FIELDS)
            for name in ("included", "excluded"):
                _texts_field(segment, name)
            if segment.get("if") is not None:
                _condition_field(segment, asked)
        except _Unknown as unknown:
            return Checked(f"{unknown.detail} (at {unknown.path or '/'})")
        return Checked(None, tuple(asked.segments), (), asked.now)
    except DecodeError as error:
        error.under(str(key))
        error.under("segments")
        raise


def _flag(flag: FlagDefinition, asked: _Asked) -> None:
    _known_fields(flag, _FLAG_FIELDS)
    kind = flag["kind"]
    if kind not in KINDS:
        raise _Unknown(f"unknown kind {kind!r:.80}", "kind")
    _field(flag, "enabled", bool)
    variants = _field(flag, "variants", dict)
    refuse = KINDS[kind]
    for variant, value in variants.items():
        if type(variant) is not str:
            raise DecodeError("the name of a variant must be a text", "variants")
        why = refuse(value)
        if why is not None:
            raise DecodeError(f"a value of a flag of kind {kind} {why}", "variants", variant)
    if flag.get("off_variant") is not None:
        _variant(flag["off_variant"], variants, "off_variant")
    _serve_field(flag, "default", variants)
    _targets(flag, variants)
    _rules(flag, variants, asked)
    _prerequisites(flag)
    _layer_field(flag)
    _metadata(flag)


def _targets(flag: FlagDefinition, variants: dict[str, object]) -> None:
    targets = flag.get("targets")
    if not targets and (targets is None or type(targets) is dict):
        return
    seen: set[str] = set()
    for variant in _field(flag, "targets", dict):
        _variant(variant, variants, "targets", variant)
        try:
            keys = _texts_field(targets, variant)
        except DecodeError as error:
            error.under("targets")
            raise
        if not seen.isdisjoint(keys):
            raise DecodeError("a key is the target of more than one variant", "targets", variant)
        seen.update(keys)


def _rules(flag: FlagDefinition, variants: dict[str, object], asked: _Asked) -> None:
    if flag.get("rules") is None:
        return
    rules = _field(flag, "rules", list)
    seen: set[str] = set()
    index = 0
    try:
        for index, rule in enumerate(rules):  # noqa: B007 - read below
            _known_fields(_object(rule), _RULE_FIELDS)
            rule_id = _field(rule, "id", str)
            if rule_id in seen:
                raise DecodeError("another rule has the same id", "id")
            seen.add(rule_id)
            _condition_field(rule, asked)
            _serve_field(rule, "serve", variants)
    except _Located as error:
        error.under(index)
        error.under("rules")
        raise


def _prerequisites(flag: FlagDefinition) -> None:
    if flag.get("prerequisites") is None:
        return
    prerequisites = _field(flag, "prerequisites", list)
    index = 0
    try:
        for index, prerequisite in enumerate(prerequisites):  # noqa: B007 - read below
            _known_fields(_object(prerequisite), _PREREQUISITE_FIELDS)
            _field(prerequisite, "flag", str)
            _field(prerequisite, "variants", list)
            _texts_field(prerequisite, "variants")
    except _Located as error:
        error.under(index)
        error.under("prerequisites")
        raise


def _metadata(flag: FlagDefinition) -> None:
    if flag.get("metadata") is None:
        return
    for name, value in _field(flag, "metadata", dict).items():
        if (
            type(name) is not str
            or type(value) not in _FLAT
            or (type(value) is float and not isfinite(value))
        ):
            raise DecodeError("metadata are texts, numbers, true or false, by name", "metadata", str(name))


def _serve_field(holder: Mapping[str, Any], name: str, variants: dict[str, object]) -> None:
    try:
        serve = _object(holder.get(name, _MISSING))
        if len(serve) != 1 and {"variant", "split"} <= serve.keys():
            raise DecodeError("either a variant or a split, not both")
        if "variant" in serve:
            _known_fields(serve, frozenset({"variant"}))
            _variant(serve["variant"], variants, "variant")
        elif "split" in serve:
            _known_fields(serve, frozenset({"split"}))
            try:
                _split(_object(serve["split"]), variants)
            except _Located as error:
                error.under("split")
                raise
        elif serve:
            raise _Unknown(f"unknown way to serve {next(iter(serve))!r:.80}")
        else:
            raise DecodeError("a variant or a split is missing")
    except _Located as error:
        error.under(name)
        raise


def _split(split: dict[str, Any], variants: dict[str, object]) -> None:
    _known_fields(split, _SPLIT_FIELDS)
    ring = _hashed(split).ring
    last, limit = 0, ring or MAX_RING
    arcs = _field(split, "arcs", list)
    for index, arc in enumerate(arcs):
        if type(arc) is not list or len(arc) != 2 or type(arc[0]) is not int:
            raise DecodeError("an arc is a list of its end slot and a variant", "arcs", index)
        end, variant = arc
        if not last < end <= limit:
            raise DecodeError(f"an arc must end after slot {last} and not after {limit}", "arcs", index, 0)
        _variant(variant, variants, "arcs", index, 1)
        last = end
    if not last or last != (ring or last):
        raise DecodeError(f"the last arc must end at slot {limit}" if ring else "an arc is missing", "arcs")


def _layer_field(flag: FlagDefinition) -> None:
    if "layer" not in flag:
        return
    try:
        layer = _object(flag["layer"])
        _known_fields(layer, _LAYER_FIELDS)
        _field(layer, "key", str)
        _slots(_field(layer, "slots", list), _hashed(layer))
    except _Located as error:
        error.under("layer")
        raise


def _slots(ranges: list[object], algorithm: Algorithm) -> None:
    if algorithm.ring is None:
        raise _Unknown("a layer with an algorithm whose ring has no size of its own", "algorithm")
    last = -1
    for index, each in enumerate(ranges):
        if type(each) is not list or len(each) != 2 or not {int}.issuperset(map(type, each)):
            raise DecodeError(
                "a range is a list of its first slot and the one after its last", "slots", index
            )
        start, end = each
        if not last < start < end <= algorithm.ring:
            raise DecodeError(
                f"ranges must be in order, apart, not empty and not after slot {algorithm.ring}",
                "slots",
                index,
            )
        last = end


def _hashed(holder: Mapping[str, Any]) -> Algorithm:
    """The algorithm of a split or a layer, whose salt and unit are checked with it."""
    algorithm = ALGORITHMS.get(_field(holder, "algorithm", str))
    if algorithm is None:
        raise _Unknown(f"unknown algorithm {holder['algorithm']!r:.80}", "algorithm")
    if not is_unicode(_field(holder, "salt", str)):
        raise DecodeError("must be valid Unicode", "salt")
    if algorithm.seeded and not is_seed(holder["salt"]):
        raise DecodeError("must be a number of 32 bits", "salt")
    if not _field(holder, "unit", str):
        raise DecodeError("must name an attribute", "unit")
    return algorithm


def _condition_field(holder: Mapping[str, Any], asked: _Asked) -> None:
    try:
        _condition(holder.get("if", _MISSING), asked, 0)
    except _Located as error:
        error.under("if")
        raise


def _condition(raw: object, asked: _Asked, depth: int) -> None:
    condition = _object(raw)
    if len(condition) == 1:
        ((name, value),) = condition.items()
        if name in _BRANCHES:
            return _branch(name, value, asked, depth)
    return _leaf(condition, asked)


def _branch(name: str, value: object, asked: _Asked, depth: int) -> None:
    if depth == MAX_NESTING:
        raise _Unknown(f"a condition that nests deeper than {MAX_NESTING} levels")
    try:
        if name == "segment":
            if type(value) is not str:
                raise DecodeError("must be the key of a segment")
            asked.segments.append(value)
        elif name == "not":
            _condition(value, asked, depth + 1)
        elif type(value) is list:
            _conditions(value, asked, depth + 1)
        else:
            raise DecodeError("must be a list of conditions")
    except _Located as error:
        error.under(name)
        raise


def _conditions(conditions: list[object], asked: _Asked, depth: int) -> None:
    index = 0
    try:
        for index, condition in enumerate(conditions):  # noqa: B007 - read below
            _condition(condition, asked, depth)
    except _Located as error:
        error.under(index)
        raise


def _leaf(leaf: Condition, asked: _Asked) -> None:
    if "attribute" not in leaf and not _BRANCHES.isdisjoint(leaf):
        _known_fields(leaf, _BRANCHES)
        raise DecodeError("a condition is one of all, any, not, segment, or an attribute with its operator")
    _known_fields(leaf, _LEAF_FIELDS)
    if not _field(leaf, "attribute", str):
        raise DecodeError("must name an attribute", "attribute")
    asked.now = asked.now or leaf["attribute"] == NOW
    name = _field(leaf, "op", str)
    operator = OPERATORS.get(name)
    if operator is None:
        raise _Unknown(f"unknown operator {name!r:.80}", "op")
    values = _field(leaf, "values", list)
    why = operator.refuse(values)
    if why is not None:
        raise DecodeError(f"{name}: {why}", "values")
    if operator.unsupported is not None and (why := operator.unsupported(values)):
        raise _Unknown(f"{name}: {why}", "values")
    if IGNORE_CASE in leaf:
        _field(leaf, IGNORE_CASE, bool)
        if not operator.takes_case:
            raise _Unknown(f"{name} with {IGNORE_CASE}", IGNORE_CASE)
    if "on_missing" in leaf and leaf["on_missing"] != "match":
        raise _Unknown(f"unknown on_missing {leaf['on_missing']!r:.80}", "on_missing")


# The smallest checks.


def _object(raw: object) -> dict[str, Any]:
    if type(raw) is not dict:
        raise DecodeError("is missing" if raw is _MISSING else "must be an object")
    return raw


def _field(holder: Mapping[str, Any], name: str, kind: type) -> Any:
    value = holder.get(name, _MISSING)
    if type(value) is not kind:
        raise DecodeError("is missing" if value is _MISSING else f"must be {_NAMES[kind]}", name)
    return value


def _optional(holder: Mapping[str, Any], name: str, kind: type) -> None:
    if name in holder:
        _field(holder, name, kind)


def _natural(holder: Mapping[str, Any], name: str) -> int:
    value: int = _field(holder, name, int)
    if value < 0:
        raise DecodeError("must not be negative", name)
    return value


def _texts_field(holder: Mapping[str, Any], name: str) -> list[str]:
    value: list[str] = _field(holder, name, list) if name in holder else []
    if not {str}.issuperset(map(type, value)):
        raise DecodeError("must be a list of texts", name)
    return value


def _known_fields(holder: Mapping[str, Any], known: frozenset[str]) -> None:
    if not holder.keys() <= known:
        name = next(name for name in holder if name not in known)
        raise _Unknown(f"unknown field {name!r:.80}", str(name))


def _variant(name: object, variants: dict[str, object], *place: str | int) -> None:
    if type(name) is not str or name not in variants:
        raise DecodeError(f"there is no variant {name!r:.80}", *place)
