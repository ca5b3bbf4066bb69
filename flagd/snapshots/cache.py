"""Snapshots in the shared cache, by environment and revision: a starting replica and a burst spare the database.

An entry is immutable, so nothing is ever invalidated; it expires. What comes back is checked against its digest.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

import orjson

from flagd.infra.cache import Cache
from flagd.snapshots.model import FORMAT, Place, Revision, Snapshot, part

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 3600
COMPILER: Final = 2
"""Counts the releases of `compile` that make other bytes of the same rows: they do not share what they cached."""
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


async def load(cache: Cache, place: Place, revision: Revision) -> Snapshot | None:
    """The snapshot of that revision, or None where the cache has none that is whole."""
    stored = await cache.get(_key(place, revision))
    if stored is None:
        return None
    digest, body = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        log.warning(
            "a cached snapshot of %s/%s was damaged; compiling it anew", place.project, place.environment
        )
        return None
    document: dict[str, Any] = orjson.loads(body)
    return Snapshot(
        place,
        revision,
        {key: part(wire) for key, wire in document["flags"].items()},
        {key: part(wire) for key, wire in document["segments"].items()},
    )


async def keep(cache: Cache, snapshot: Snapshot) -> None:
    """Puts the snapshot where other processes find it."""
    digest = hashlib.sha256(snapshot.body).digest()
    await cache.put(_key(snapshot.place, snapshot.revision), digest + snapshot.body, KEEP_SECONDS)


def _key(place: Place, revision: Revision) -> str:
    return f"snapshot:{FORMAT}.{COMPILER}:{place.environment_id}:{revision.lineage}:{revision.number}"
