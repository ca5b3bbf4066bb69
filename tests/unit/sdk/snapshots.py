"""Snapshots for tests of the SDK, built here by the rules of the wire format and not by the code under test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from flagd_sdk.testing import snapshot_of

LINEAGE = "0198c0de-0000-7000-8000-00000000000a"
OTHER_LINEAGE = "0198c0de-0000-7000-8000-00000000000b"


def canonical(value: object) -> str:
    """JSON as the server writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def snapshot(
    flags: Mapping[str, object] | None = None,
    *,
    revision: int = 1,
    lineage: str = LINEAGE,
    environment: str = "production",
) -> dict[str, object]:
    """The document of flags that always answer these values (`{"flag": True}` unless told), with its digest."""
    document = snapshot_of(
        {"flag": True} if flags is None else flags, environment=environment, revision=revision
    )
    return signed({**document, "lineage": lineage})


def signed(document: dict[str, object]) -> dict[str, object]:
    """The document with the digest that belongs to its content."""
    lines = []
    for part, kind in (("flags", "flag"), ("segments", "segment")):
        items = document[part]
        assert isinstance(items, dict)
        lines += [f"{kind} {key} {_sha256(canonical(items[key]))}\n" for key in sorted(items)]
    return {**document, "digest": _sha256("".join(lines))}


def encoded(document: Mapping[str, object]) -> bytes:
    """The bytes of a document."""
    return canonical(document).encode()


def etag(document: Mapping[str, object]) -> str:
    """The ETag the server gives it."""
    return f'W/"{document["lineage"]}.{document["revision"]}"'


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
