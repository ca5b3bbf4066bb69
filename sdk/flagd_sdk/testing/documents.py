"""Snapshot documents made from plain values, for the fake client and for bootstraps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flagd_core.model import thawed
from flagd_sdk.errors import ConfigurationError

_KINDS: Final = {
    bool: "boolean",
    str: "string",
    int: "integer",
    float: "float",
    dict: "object",
    list: "object",
}
LINEAGE: Final = "00000000-0000-4000-8000-000000000000"


def snapshot_of(
    values: Mapping[str, object], *, project: str = "test", environment: str = "test", revision: int = 1
) -> dict[str, object]:
    """The snapshot document of flags that always answer these values: what a client takes as its `bootstrap`.

    The values are copied. ConfigurationError for one that no flag can have, where its type tells.
    """
    return {
        "format": 1,
        "project": project,
        "environment": environment,
        "lineage": LINEAGE,
        "revision": revision,
        "digest": "",
        "flags": {flag: _constant(flag, value) for flag, value in values.items()},
        "segments": {},
    }


def _constant(flag: str, value: object) -> dict[str, object]:
    """The wire form of a flag with one variant."""
    if value is None:
        return _wire("boolean", {"off": False}, enabled=False)
    kind = _KINDS.get(type(value))
    if kind is None:
        raise ConfigurationError(f"flag {flag!r}: a {type(value).__name__} is no value of a flag")
    return _wire(kind, {"value": copied(flag, value)}, enabled=True)


def copied(flag: str, value: object) -> object:
    """A value that stays what it is when the caller changes the dicts and lists it was made of."""
    try:
        return thawed(value)
    except RecursionError:
        raise ConfigurationError(f"flag {flag!r}: the value nests without end, or nearly so") from None


def _wire(kind: str, variants: Mapping[str, object], *, enabled: bool) -> dict[str, object]:
    return {
        "kind": kind,
        "version": 1,
        "client_visible": False,
        "enabled": enabled,
        "variants": dict(variants),
        "off_variant": None,
        "default": {"variant": next(iter(variants))},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    }
