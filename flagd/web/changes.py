"""Entries of the change log in words: what was done, and before and after where a person can read it at a glance.

Pure: from the documents the log keeps to lines of text. Documents may be older than this code: whatever they
lack is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from flagd.web import words

Document = Mapping[str, Any]

DONE: Final = {
    "create": "created",
    "update": "changed",
    "archive": "archived",
    "restore": "restored",
    "revoke": "revoked",
}

NOUNS: Final = {"api_key": "API key", "layer_allocation": "shares of the layer"}
SILENT: Final = frozenset(
    {"version", "updated_at", "created_at", "revision", "variant_order", "archived", "arcs", "free"}
)
"""Members that change with every write, that follow from others, or that the verb says already."""

ON: Final = "on"
LONG_LIST: Final = 4


def in_words(
    object_type: str, action: str, before: Document | None, after: Document | None
) -> tuple[str, ...]:
    """What was done, one line for each part, to be read after the object's key."""
    if object_type == "targeting" and before is not None and after is not None:
        lines = tuple(targeting_lines(before, after))
        return lines or (DONE["update"],)
    noun = "" if object_type == "flag" else f"{NOUNS.get(object_type, object_type)} "
    done = f"{noun}{DONE.get(action, action)}"
    changed = _changed(before, after) if action == "update" and before and after else []
    return (f"{done}: {words.listing(changed)}",) if changed else (done,)


def targeting_lines(before: Document, after: Document) -> Iterator[str]:
    """One line for each part of a targeting that differs."""
    for member, line in _LINES.items():
        old, new = before.get(member), after.get(member)
        if old != new and (text := line(old, new)):
            yield text


def serve_change(before: Any, after: Any) -> str:
    """How shares moved, by variant: `5 % → 25 % on`. Empty when none did (the salt or the unit changed)."""
    old, new = _weights(before), _weights(after)
    moved = sorted(variant for variant in {*old, *new} if old.get(variant, 0) != new.get(variant, 0))
    if len(moved) == 2:
        gaining = max(moved, key=lambda variant: new.get(variant, 0) - old.get(variant, 0))
        moved = [ON if ON in moved else gaining]
    if len(moved) > LONG_LIST:
        return f"shares of {len(moved)} variants"
    return ", ".join(
        f"{words.percent(old.get(variant, 0))} {words.ARROW} {words.percent(new.get(variant, 0))} {variant}"
        for variant in moved
    )


def _weights(serve: Any) -> dict[str, float]:
    if not isinstance(serve, Mapping):
        return {}
    if "variant" in serve:
        return {str(serve["variant"]): 100}
    split = serve.get("split", {})
    return {str(variant): float(share) for variant, share in split.get("weights", {}).items()}


def _switched(_before: Any, after: Any) -> str:
    return "switched on" if after else "switched off"


def _default(before: Any, after: Any) -> str:
    return serve_change(before, after) or "split changed"


def _off_variant(before: Any, after: Any) -> str:
    named = ("the caller's default" if variant is None else variant for variant in (before, after))
    return f"when off: {f' {words.ARROW} '.join(named)}"


def _counted(noun: str, size: Callable[[Any], int]) -> Callable[[Any, Any], str]:
    def line(before: Any, after: Any) -> str:
        old, new = size(before or {}), size(after or {})
        return f"{noun}s changed" if old == new else f"{noun}s: {old} {words.ARROW} {new}"

    return line


def _targets(targets: Mapping[str, list[str]]) -> int:
    return sum(map(len, targets.values()))


_LINES: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "enabled": _switched,
    "default": _default,
    "rules": _counted("rule", len),
    "targets": _counted("target", _targets),
    "prerequisites": _counted("prerequisite", len),
    "off_variant": _off_variant,
    "rule_order": lambda before, after: (
        "rules reordered" if sorted(before or ()) == sorted(after or ()) else ""
    ),
}


def _changed(before: Document, after: Document) -> list[str]:
    members = sorted({*before, *after} - SILENT)
    return [member.replace("_", " ") for member in members if before.get(member) != after.get(member)]
