"""Identifiers: UUID version 7 (RFC 9562), so that ids made later sort later."""

from __future__ import annotations

from uuid_utils import uuid7


def new_id() -> str:
    """A new id as 36 characters of lower-case hexadecimal with hyphens."""
    return str(uuid7())
