"""A snapshot: the flags of one environment at one revision, as bytes ready to be served. Pure.

The wire format is described in docs/snapshot.md; its bytes depend on the rows alone, so every process that
compiles a revision makes the same ones.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

import flagd_core
from flagd_core.host import BARE

FORMAT: Final = 1
GZIP_LEVEL: Final = 6

Wire = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One flag or segment of a snapshot: its wire form, its canonical bytes and their SHA-256."""

    wire: Wire
    body: bytes
    digest: str


@dataclass(frozen=True)
class Place:
    """Which environment a snapshot is of."""

    environment_id: str
    project: str
    environment: str


@dataclass(frozen=True)
class Revision:
    """Which state of an environment: comparable within one lineage only."""

    lineage: str
    number: int

    @property
    def etag(self) -> str:
        """The entity tag of a snapshot at this revision; weak, because gzip and plain bytes share it."""
        return f'W/"{self.lineage}.{self.number}"'


@dataclass(frozen=True)
class Snapshot:
    """The flags and segments of one environment at one revision."""

    place: Place
    revision: Revision
    flags: Mapping[str, Part]
    segments: Mapping[str, Part]
    previous: flagd_core.Ruleset | None = field(default=None, repr=False, compare=False)
    host: flagd_core.Host = field(default=BARE, repr=False, compare=False)

    @property
    def etag(self) -> str:
        """The entity tag it is served with."""
        return self.revision.etag

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the digests of all parts, in the order of their keys."""
        total = hashlib.sha256()
        for kind, parts in (("flag", self.flags), ("segment", self.segments)):
            for key in sorted(parts):
                total.update(f"{kind} {key} {parts[key].digest}\n".encode())
        return total.hexdigest()

    @cached_property
    def body(self) -> bytes:
        """The document, as it goes over the wire."""
        head = {
            "digest": self.digest,
            "environment": self.place.environment,
            "format": FORMAT,
            "lineage": self.revision.lineage,
            "project": self.place.project,
            "revision": self.revision.number,
        }
        members = b'"flags":%b,"segments":%b' % (_joined(self.flags), _joined(self.segments))
        return orjson.dumps(head)[:-1] + b"," + members + b"}"

    @cached_property
    def zipped(self) -> bytes:
        """The document compressed with gzip; the same bytes on every machine."""
        return gzip.compress(self.body, GZIP_LEVEL, mtime=0)

    @cached_property
    def ruleset(self) -> flagd_core.Ruleset:
        """The same flags ready to be evaluated here; flags that did not change are taken over from before."""
        return flagd_core.load(self.document(), self.previous, self.host)

    def document(self) -> dict[str, object]:
        """The document as Python values."""
        return {
            "format": FORMAT,
            "project": self.place.project,
            "environment": self.place.environment,
            "lineage": self.revision.lineage,
            "revision": self.revision.number,
            "digest": self.digest,
            "flags": {key: part.wire for key, part in self.flags.items()},
            "segments": {key: part.wire for key, part in self.segments.items()},
        }


def part(wire: Wire) -> Part:
    """A part from its wire form."""
    body = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
    return Part(wire, body, hashlib.sha256(body).hexdigest())


def _joined(parts: Mapping[str, Part]) -> bytes:
    return b"{" + b",".join(b"%b:%b" % (orjson.dumps(key), parts[key].body) for key in sorted(parts)) + b"}"
