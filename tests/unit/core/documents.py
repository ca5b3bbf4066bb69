"""Snapshot documents for the tests of the core, built from as little as a test wants to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flagd_core import CompiledFlag, Detail, load

ON = {"variant": "on"}
OFF = {"variant": "off"}


def document(
    flags: Mapping[str, Any], segments: Mapping[str, Any] | None = None, **head: Any
) -> dict[str, Any]:
    """A snapshot of these flags and segments."""
    return {
        "format": 1,
        "project": "demo",
        "environment": "production",
        "lineage": "018f4c6e-0000-7000-8000-000000000001",
        "revision": 1,
        "digest": "",
        "flags": dict(flags),
        "segments": dict(segments or {}),
        **head,
    }


def flag(**fields: Any) -> dict[str, Any]:
    """A boolean flag that is on and serves "off" by default."""
    return {
        "kind": "boolean",
        "version": 1,
        "client_visible": False,
        "enabled": True,
        "variants": {"on": True, "off": False},
        "off_variant": "off",
        "default": OFF,
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
        **fields,
    }


def segment(**fields: Any) -> dict[str, Any]:
    """A segment with nobody in it."""
    return {"included": [], "excluded": [], "if": None, **fields}


def leaf(attribute: str, op: str, *values: Any, **options: Any) -> dict[str, Any]:
    """A condition on one attribute."""
    return {"attribute": attribute, "op": op, "values": list(values), **options}


def rule(condition: Mapping[str, Any], serve: Mapping[str, Any] = ON, rule_id: str = "r1") -> dict[str, Any]:
    """A rule."""
    return {"id": rule_id, "if": dict(condition), "serve": dict(serve)}


def split(
    *arcs: tuple[int, str], salt: str = "salt", unit: str = "targetingKey", algorithm: str = "murmur3"
) -> dict[str, Any]:
    """What serves by the hash of a unit."""
    return {
        "split": {"salt": salt, "unit": unit, "algorithm": algorithm, "arcs": [list(arc) for arc in arcs]},
    }


def requiring(*parents: str, variant: str = "on") -> list[dict[str, Any]]:
    """Prerequisites that each serve this variant."""
    return [{"flag": parent, "variants": [variant]} for parent in parents]


def compiled(definition: Mapping[str, Any], **segments: Any) -> CompiledFlag:
    """One flag, ready to be asked."""
    return load(document({"flag": definition}, segments)).flags["flag"]


def answer(definition: Mapping[str, Any], context: Any = None, **segments: Any) -> Detail:
    """What a flag answers."""
    return compiled(definition, **segments).evaluate(context)
