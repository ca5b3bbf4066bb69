"""JSON merge patch (RFC 7396) with the three places where documents of flags merge by meaning.

Absent leaves a member as it is, null removes it, a value sets it; objects merge member by member and
everything else is replaced. By meaning: the value of a variant is replaced whole (a null inside it is
data), a serve that changes its form is replaced, and so is a condition that changes its form.
Pure; knows nothing of what the members mean beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Merge = Callable[[Any, Any], Any]
Shape = Mapping[str, "Shape | Merge"]
"""How the members of an object merge, where not by RFC 7396; "*" stands for members not named."""

EVERY: Final = "*"
_PLAIN: Final[Shape] = {}
_FORMS: Final = ("all", "any", "not", "segment")


def merge(old: Any, patch: Any, shape: Shape = _PLAIN) -> Any:
    """What `old` becomes under `patch`; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
            continue
        inner = shape.get(name, shape.get(EVERY, _PLAIN))
        before = merged.get(name)
        merged[name] = inner(before, value) if callable(inner) else merge(before, value, inner)
    return merged


def replaced(_old: Any, patch: Any) -> Any:
    """The patch itself: a value that never merges."""
    return patch


def merge_serve(old: Any, patch: Any) -> Any:
    """A serve: naming a variant replaces it, naming a split merges into the split that is there, if one is.

    A split that is to be compacted is left as it was sent, since that is asked for alone.
    """
    if not isinstance(patch, dict):
        return patch
    if patch.get("variant") is not None:
        return merge({}, patch)
    if isinstance(patch.get("split"), dict) and patch["split"].get("compact") is not None:
        return merge({}, patch)
    if patch.get("split") is not None and isinstance(old, dict):
        return merge({"split": old["split"]} if "split" in old else {}, patch)
    return merge(old, patch)


def merge_condition(old: Any, patch: Any) -> Any:
    """A condition: one of another form replaces the old; of the same form, parts merge by id and a leaf by member.

    An array of parts replaces all parts.
    """
    if not isinstance(patch, dict):
        return patch
    form = _form(patch)
    if form is not None and (not isinstance(old, dict) or _form(old) != form):
        old = {}
    if form is None and isinstance(old, dict) and _form(old) is not None and "attribute" in patch:
        old = {}
    return merge(old, patch, _CONDITION)


def _form(condition: Mapping[str, Any]) -> str | None:
    return next((name for name in _FORMS if condition.get(name) is not None), None)


_PARTS: Final[Shape] = {EVERY: merge_condition}
_CONDITION: Final[Shape] = {"all": _PARTS, "any": _PARTS, "not": merge_condition}

VARIANTS: Final[Shape] = {EVERY: {"value": replaced}}
RULE: Final[Shape] = {"if": merge_condition, "serve": merge_serve}
SEGMENT: Final[Shape] = {"if": merge_condition}
