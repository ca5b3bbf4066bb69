"""Snapshots as values: bytes, digest, entity tags."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import orjson
import pytest

import flagd_core
from flagd.snapshots.api import is_known
from flagd.snapshots.model import Place, Revision, Snapshot, part

PLACE = Place("e1", "shop", "production")
LINEAGE = "8de90a03-1fc0-4398-8664-1fde1ef186a3"


def _wire(version: int = 1) -> dict[str, Any]:
    return {
        "kind": "boolean",
        "version": version,
        "client_visible": False,
        "enabled": True,
        "variants": {"on": True, "off": False},
        "off_variant": "off",
        "default": {"variant": "on"},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    }


def _snapshot(number: int = 3, **flags: dict[str, Any]) -> Snapshot:
    return Snapshot(PLACE, Revision(LINEAGE, number), {key: part(wire) for key, wire in flags.items()}, {})


def test_the_body_is_the_document() -> None:
    """What goes over the wire parses to exactly the document, and the core accepts it."""
    snapshot = _snapshot(b=_wire(), a=_wire(2))
    assert orjson.loads(snapshot.body) == snapshot.document()
    assert flagd_core.load(orjson.loads(snapshot.body)).evaluate("a", "anna").value is True


def test_an_empty_snapshot_is_a_snapshot() -> None:
    """Without any flag there is still a whole document: the removal of the last flag must arrive."""
    body = orjson.loads(_snapshot().body)
    assert body["flags"] == {}
    assert body["revision"] == 3
    assert flagd_core.load(body).evaluate("a", "anna").error_code == "FLAG_NOT_FOUND"


def test_the_same_rows_give_the_same_bytes() -> None:
    """The order in which flags and members were put in makes no difference."""
    turned = dict(reversed(_wire().items()))
    assert _snapshot(a=_wire(), b=_wire()).body == _snapshot(b=turned, a=turned).body


def test_the_digest_is_the_documented_one() -> None:
    """The digest can be computed by anyone from the document, as docs/snapshot.md says."""
    document = orjson.loads(_snapshot(b=_wire(), a=_wire(2)).body)
    lines = ""
    for key in sorted(document["flags"]):
        canonical = orjson.dumps(document["flags"][key], option=orjson.OPT_SORT_KEYS)
        lines += f"flag {key} {hashlib.sha256(canonical).hexdigest()}\n"
    assert document["digest"] == hashlib.sha256(lines.encode()).hexdigest()


def test_the_zipped_bytes_are_the_plain_ones() -> None:
    """gzip changes nothing, and gives the same bytes every time."""
    assert gzip.decompress(_snapshot(a=_wire()).zipped) == _snapshot(a=_wire()).body
    assert _snapshot(a=_wire()).zipped == _snapshot(a=_wire()).zipped


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        (None, False),
        (f'W/"{LINEAGE}.7"', True),
        (f'"{LINEAGE}.7"', True),
        (f'W/"{LINEAGE}.7-gzip"', True),
        (f'"x", W/"{LINEAGE}.7"', True),
        ("*", True),
        (f'W/"{LINEAGE}.8"', True),
        (f'W/"{LINEAGE}.6"', False),
        ('W/"another-lineage.9"', False),
        (f'W/"{LINEAGE}.seven"', False),
        (f'W/"{LINEAGE}.\u0667"', False),
        ("", False),
        ('W/""', False),
    ],
)
def test_what_a_client_holds_is_recognised(tag: str | None, known: bool) -> None:
    """304 exactly for this revision, or a later one of the same lineage, in every spelling proxies leave."""
    assert is_known(tag, Revision(LINEAGE, 7)) is known
