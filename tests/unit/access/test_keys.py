"""API keys as text."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, fields

import pytest

from flagd.access import keys
from flagd.access.model import KeyKind


@pytest.mark.parametrize("kind", ["admin", "server", "client"])
def test_a_key_says_its_kind_and_carries_256_bits(kind: KeyKind) -> None:
    """A new key names its kind, has 43 random characters, and is recognised."""
    made = keys.make(kind)
    prefix, _, secret = made.token.partition(f"_{kind}_")
    assert (prefix, len(secret)) == ("flagd", 43)
    assert keys.kind_of(made.token) == kind
    assert made.hint == made.token[-4:]


def test_no_two_keys_are_alike() -> None:
    """Each key is random."""
    assert len({keys.make("server").token for _ in range(200)}) == 200


def test_only_the_digest_is_kept_and_the_text_is_not_printed() -> None:
    """What is stored is the SHA-256 of the text, and printing a new key does not show it."""
    made = keys.make("admin")
    assert made.digest == hashlib.sha256(made.token.encode()).hexdigest()
    assert made.token not in repr(made)
    assert {field.name for field in fields(made)} == set(asdict(made))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flagd_admin_",
        "flagd_owner_" + "a" * 43,
        "flagd_admin_" + "a" * 42,
        "flagd_admin_" + "a" * 44,
        "flagd_admin_" + "ä" * 43,
        "flagd_admin_" + "a" * 43 + "\n",
        " flagd_admin_" + "a" * 43,
        "Flagd_admin_" + "a" * 43,
    ],
)
def test_what_has_not_the_shape_of_a_key_is_none(text: str) -> None:
    """Another prefix, kind, length or alphabet is not taken for a key."""
    assert keys.kind_of(text) is None
