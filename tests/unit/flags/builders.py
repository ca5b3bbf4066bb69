"""Flags, targetings and surroundings for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flagd.errors import Invalid
from flagd.flags.model import Flag, Targeting, default_targeting
from flagd.flags.patch import Surroundings, apply, new_flag

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SALT = "5a17"


def flag(*variants: str, key: str = "checkout") -> Flag:
    """A string flag with these variants; without any, a boolean flag with on and off."""
    document: dict[str, Any] = {"key": key, "kind": "boolean"}
    if variants:
        document |= {"kind": "string", "variants": {name: {"value": name} for name in variants}}
    return new_flag(document, f"id-of-{key}", "id-of-project", NOW)


def around(of: Flag, **facts: Any) -> Surroundings:
    """What a targeting of the flag may refer to."""
    return replace(Surroundings(flag=of, environment="production", revision=7, salt=SALT), **facts)


def targeting(of: Flag, *patches: dict[str, Any], **facts: Any) -> Targeting:
    """The flag's targeting after these patches."""
    current = default_targeting(of, "id-of-environment", "id-of-targeting")
    for patch in patches:
        current = apply(current, patch, around(of, **facts)).targeting
    return current


def problems_of(call: Callable[[], object]) -> dict[str, str]:
    """What is refused, by pointer; the call must be."""
    with pytest.raises(Invalid) as refused:
        call()
    return {problem.pointer: problem.detail for problem in refused.value.problems}


def leaf(attribute: str = "plan", *values: Any, op: str = "in", **options: Any) -> dict[str, Any]:
    """A test of one attribute."""
    return {"attribute": attribute, "op": op, "values": list(values or ("beta",)), **options}


def rule(condition: dict[str, Any] | None = None, variant: str = "on") -> dict[str, Any]:
    """A rule that serves one variant."""
    return {"if": condition or leaf(), "serve": {"variant": variant}}
