"""The pages' own small truths: words for values and changes, what a form's text means, what is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from flagd.web import changes, forms, words
from flagd.web.signing import Signer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 %"),
        (100, "100 %"),
        (12.5, "12.5 %"),
        (0.001, "0.001 %"),
        (Decimal("20.500"), "20.5 %"),
        (33.333, "33.333 %"),
    ],
)
def test_a_percentage_has_no_needless_decimals(value: float, said: str) -> None:
    """At most three decimals, and none that say nothing."""
    assert words.percent(value) == said


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"on": 20, "off": 80}, "20 % on / 80 % off"),
        ({"on": 100}, "on for everyone"),
        ({"on": 0, "off": 100}, "off for everyone"),
    ],
)
def test_shares_are_said_in_words(shares: dict[str, float], said: str) -> None:
    """A split by its shares, a single variant by its name."""
    assert words.weights(shares) == said


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(hours=25), "yesterday"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=20), "3 Nov"),
        (timedelta(days=400), "19 Oct 2025"),
    ],
)
def test_how_long_ago_is_said_roughly(past: timedelta, said: str) -> None:
    """In the largest unit that fits, beyond a week as a day."""
    assert words.ago(NOW - past, NOW) == said


def test_a_listing_reads_like_a_sentence() -> None:
    """Commas, and one "and"."""
    assert words.listing([]) == ""
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b"]) == "a and b"
    assert words.listing(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Lovelace", "AL"), ("ada.lovelace@example.com", "AL"), ("ada", "A"), ("", "")]
)
def test_a_person_has_up_to_two_letters(name: str, letters: str) -> None:
    """The first of the first and of the last part of the name, or of the address."""
    assert words.initials(name) == letters


def test_a_change_of_targeting_is_said_part_by_part() -> None:
    """Each member that differs has a line; those that do not have none."""
    before = {
        "enabled": False,
        "default": {"variant": "off"},
        "rules": {},
        "off_variant": "off",
        "version": 1,
    }
    after = {
        "enabled": True,
        "default": {"split": {"weights": {"off": 80, "on": 20}}},
        "rules": {"r1": {}},
        "off_variant": None,
        "version": 2,
    }
    said = changes.in_words("targeting", "update", before, after)
    assert said == ("switched on", "0 % → 20 % on", "rules: 0 → 1", "when off: off → the caller's default")


def test_a_change_of_many_shares_names_each() -> None:
    """With more than two variants in motion, or one that only loses, each is named; too many are counted."""
    blue = {"variant": "blue"}
    third = {"split": {"weights": {"blue": 50, "green": 30, "red": 20}}}
    assert changes.serve_change(blue, third) == "100 % → 50 % blue, 0 % → 30 % green, 0 % → 20 % red"
    assert changes.serve_change(blue, {"variant": "green"}) == "0 % → 100 % green"
    many = {"split": {"weights": dict.fromkeys("abcde", 20)}}
    assert changes.serve_change(blue, many) == "shares of 6 variants"


def test_other_changes_are_said_by_what_was_done() -> None:
    """The verb, the kind of thing where it is no flag, and the names of the members that changed."""
    assert changes.in_words("flag", "create", None, {"key": "a"}) == ("created",)
    assert changes.in_words("flag", "update", {"name": "a", "version": 1}, {"name": "b", "version": 2}) == (
        "changed: name",
    )
    assert changes.in_words("segment", "archive", {}, {}) == ("segment archived",)
    assert changes.in_words("api_key", "revoke", {}, {}) == ("API key revoked",)


def test_an_entry_of_another_release_is_still_said() -> None:
    """Documents that lack what this code knows, or hold what it does not, make no page fail."""
    assert changes.in_words("targeting", "update", {"x": 1}, {"x": 2, "default": {"new form": 1}}) == (
        "split changed",
    )
    assert changes.in_words("targeting", "update", {}, {}) == ("changed",)
    assert changes.in_words("release", "paused", None, None) == ("release paused",)


@pytest.mark.parametrize("text", ["20", "12.5", " 7 ", ".5", "5.", "+3", "-1", "120", "0.0005"])
def test_a_number_is_read_exactly(text: str) -> None:
    """What is a number is read as typed; whether it is allowed is decided elsewhere."""
    assert forms.decimal(text) == Decimal(text.strip())


@pytest.mark.parametrize(
    "text", ["", " ", "a", "1,5", "1e3", "NaN", "Infinity", "0x10", "1_000", "٢٠", "1" * 13, "--1"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    """Nothing that merely looks like a number to a programming language."""
    assert forms.decimal(text) is None


def test_a_token_holds_for_its_purpose_and_binding_only() -> None:
    """And only where it was made with the same secret; no two are alike."""
    signer = Signer("a secret")
    token = signer.token("form", "session")

    assert signer.recognises(token, "form", "session")
    assert not signer.recognises(token, "sign-in", "session")
    assert not signer.recognises(token, "form", "another session")
    assert not Signer("another secret").recognises(token, "form", "session")
    assert not signer.recognises(token[:-1], "form", "session")
    assert signer.token("form", "session") != token


def test_a_sealed_text_opens_unchanged_or_not_at_all() -> None:
    """Any text survives; any change to the seal is noticed."""
    signer = Signer("a secret")
    sealed = signer.seal("flash", "5 % → 25 %; done")

    assert signer.opened(sealed, "flash") == "5 % → 25 %; done"
    assert signer.opened(sealed, "form") is None
    assert signer.opened(f"A{sealed}", "flash") is None
    assert signer.opened("\udcff.\udcff", "flash") is None
