"""Conditions from documents: every rule they must keep, with the exact place of what breaks one.

Pure. Which operators there are and what values they take is `flagd_core.operators`' to say; this module
never repeats it. A condition comes out in stored form: all and any map ids to conditions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from flagd.flags.model import LEAF_MEMBERS, Condition
from flagd.flags.patch.fields import Fields, at, in_words
from flagd.flags.patch.values import number_problem, plain_number, text_problem
from flagd_core import operators
from flagd_core.model import NOW

MAX_DEPTH: Final = 10
MAX_NODES: Final = 500
MAX_VALUES: Final = 10_000
MAX_PATTERNS: Final = 50
"""Regular expressions in one document, and in all the rules of a targeting: each takes long to prepare."""
VALUE_LENGTH: Final = 1024
ATTRIBUTE_LENGTH: Final = 256
ON_MISSING: Final = ("match",)

REGEX: Final = "regex"
_OF_NOW: Final = ("after", "before")
_GROUPS: Final = ("all", "any")
_FORMS: Final = (*_GROUPS, "not", "segment", "attribute")


def parse(fields: Fields, document: Any, pointer: str, segments: Collection[str]) -> Condition:
    """The condition in stored form; problems go to `fields`.

    `segments` are the keys that may be referred to. Parts given as an array get the ids c1, c2 ...
    """
    return _Parser(fields, segments).condition(document, pointer, 1)


class _Parser:
    """Walks one condition; counts its nodes, so that no rule costs an evaluation without bound."""

    def __init__(self, fields: Fields, segments: Collection[str]) -> None:
        self._fields = fields
        self._segments = segments
        self._nodes = 0

    def condition(self, document: Any, pointer: str, depth: int) -> Condition:
        self._nodes += 1
        if self._nodes == MAX_NODES + 1:
            self._fields.refuse(pointer, f"a condition must have at most {MAX_NODES} parts")
        if depth > MAX_DEPTH:
            self._fields.refuse(pointer, f"conditions must be at most {MAX_DEPTH} levels deep")
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            return {}
        if not isinstance(document, dict):
            self._fields.refuse(pointer, f"must be a condition (an object), not {in_words(document)}")
            return {}
        forms = [form for form in _FORMS if form in document]
        if len(forms) != 1:
            found = f"this has {' and '.join(forms)}" if forms else "this has none of them"
            self._fields.refuse(pointer, f"a condition has exactly one of {', '.join(_FORMS)}; {found}")
            return {}
        return self._of_form(forms[0], document, pointer, depth)

    def _of_form(self, form: str, document: dict[str, Any], pointer: str, depth: int) -> Condition:
        if form == "attribute":
            return self._leaf(document, pointer)
        self._fields.object(document, pointer, (form,))
        inner, place = document[form], at(pointer, form)
        if form == "segment":
            return {"segment": self._segment(inner, place)}
        if form == "not":
            return {"not": self.condition(inner, place, depth + 1)}
        return {form: self._group(inner, place, depth)}

    def _group(self, parts: Any, pointer: str, depth: int) -> dict[str, Condition]:
        if not isinstance(parts, dict | list):
            self._fields.refuse(
                pointer, f"must be an object of conditions by id, or an array, not {in_words(parts)}"
            )
            return {}
        if not parts:
            # An empty `all` would match everybody: what is left when the last condition is removed by mistake.
            self._fields.refuse(pointer, "must hold at least one condition")
        if isinstance(parts, list):
            parts = {f"c{index + 1}": part for index, part in enumerate(parts[: MAX_NODES + 1])}
            places: Iterable[str | int] = range(len(parts))
        else:
            # More than are allowed are told where one is too many.
            parts = dict(islice(parts.items(), MAX_NODES + 1))
            places = parts
            for id_ in parts:
                self._fields.key(id_, at(pointer, id_))
        return {
            id_: self.condition(part, at(pointer, place), depth + 1)
            for place, (id_, part) in zip(places, parts.items(), strict=True)
        }

    def _segment(self, value: Any, pointer: str) -> str:
        key = self._fields.key(value, pointer)
        if key and key not in self._segments:
            self._fields.refuse(pointer, f"there is no segment {key!r} in this project")
        return key

    def _leaf(self, document: dict[str, Any], pointer: str) -> Condition:
        fields = self._fields
        fields.object(document, pointer, LEAF_MEMBERS)
        leaf = {
            "attribute": fields.text(
                document["attribute"], at(pointer, "attribute"), ATTRIBUTE_LENGTH, shortest=1
            )
        }
        if document.get("on_missing", "match") not in ON_MISSING:
            fields.refuse(at(pointer, "on_missing"), f"must be {' or '.join(ON_MISSING)}, or left out")
        test = self._test(document, pointer)
        if leaf["attribute"] == NOW and test and test["op"] not in _OF_NOW:
            # Anything else would hold by chance, or never: the instant goes on while people read the rule.
            detail = f"{NOW!r} is the present instant: it can be compared by {' or '.join(_OF_NOW)} only"
            fields.refuse(at(pointer, "op"), detail)
        return leaf | test | _present(document, "on_missing")

    def _test(self, document: dict[str, Any], pointer: str) -> dict[str, Any]:
        fields, op = self._fields, document.get("op")
        if not isinstance(op, str) or op not in operators.OPERATORS:
            what = "is required" if op is None else f"there is no operator {op!r}"
            fields.refuse(at(pointer, "op"), f"{what}; known: {', '.join(operators.OPERATORS)}")
            return {}
        problems_before = len(fields.problems)
        values = self._values(document.get("values", []), at(pointer, "values"))
        if op == REGEX:
            fields.patterns += len(values)
            if fields.patterns > MAX_PATTERNS:
                fields.refuse(at(pointer, "values"), f"there must be at most {MAX_PATTERNS} patterns in all")
                return {}
        options = _present(document, "ignore_case")
        refused_option = operators.check(op, values, options) if options else None
        if refused_option is not None and operators.check(op, values, {}) is None:
            fields.refuse(at(pointer, "ignore_case"), refused_option)
        elif len(fields.problems) == problems_before:
            self._check_values(op, values, at(pointer, "values"))
        return {"op": op, "values": values, **options}

    def _values(self, values: Any, pointer: str) -> list[Any]:
        items = self._fields.array(values, pointer, MAX_VALUES)
        for index, item in enumerate(items):
            reason = _value_problem(item)
            if reason is not None:
                self._fields.refuse(at(pointer, index), reason)
        return [plain_number(item) if isinstance(item, float) else item for item in items]

    def _check_values(self, op: str, values: list[Any], pointer: str) -> None:
        refused = operators.check(op, values, {})
        if refused is None:
            return
        for index, value in enumerate(values):
            reason = operators.check(op, [value], {})
            if reason is not None:
                self._fields.refuse(at(pointer, index), reason)
                return
        self._fields.refuse(pointer, refused)


def patterns_in(condition: Condition) -> int:
    """How many regular expressions there are in a condition in stored form."""
    if condition.get("op") == REGEX:
        return len(condition["values"])
    parts = [condition["not"]] if "not" in condition else []
    for group in _GROUPS:
        parts += condition.get(group, {}).values()
    return sum(map(patterns_in, parts))


def _value_problem(value: Any) -> str | None:
    if isinstance(value, str):
        if len(value) > VALUE_LENGTH:
            return f"must have at most {VALUE_LENGTH} characters, not {len(value)}"
        return text_problem(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return number_problem(value)
    return f"must be a string, a number, true or false, not {in_words(value)}"


def _present(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: document[name]} if name in document else {}
