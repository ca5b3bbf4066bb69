"""Reading snapshots. What is refused, and where, is in the golden vectors."""

from __future__ import annotations

from typing import Any

import pytest

from flagd_core import DecodeError, ErrorCode, Reason, load
from flagd_core.model import MAX_NESTING
from tests.unit.core.documents import ON, answer, document, flag, leaf, rule, segment


def test_an_empty_snapshot_is_a_snapshot() -> None:
    """A document without flags is fine: it is how the removal of the last flag reaches everyone."""
    rules = load(document({}))

    assert dict(rules.flags) == {}
    assert rules.evaluate("anything").error_code is ErrorCode.FLAG_NOT_FOUND


def test_the_head_of_the_document_is_kept() -> None:
    """A ruleset says of which snapshot it is."""
    rules = load(document({}, project="p", environment="e", lineage="l", revision=981, digest="d"))

    head = (rules.project, rules.environment, rules.lineage, rules.revision, rules.digest)
    assert head == ("p", "e", "l", 981, "d")
    assert repr(rules) == "Ruleset('p/e', revision=981, flags=0)"


def test_a_flag_shows_what_it_is() -> None:
    """Key, kind, version and visibility can be read without evaluating."""
    found = load(
        document({"f": flag(kind="string", variants={"on": "a", "off": "b"}, version=7, client_visible=True)})
    )

    compiled = found.flags["f"]
    assert (compiled.key, compiled.kind, compiled.version, compiled.client_visible) == (
        "f",
        "string",
        7,
        True,
    )
    assert repr(compiled) == "CompiledFlag('f', kind='string', version=7)"


def test_what_may_be_left_out() -> None:
    """A flag needs a kind, whether it is enabled, variants and a default; a segment needs nothing."""
    short = {"kind": "boolean", "enabled": True, "variants": {"on": True}, "default": ON}

    detail = answer(short | {"rules": [rule({"segment": "empty"})]}, empty={})

    assert (detail.value, detail.reason, dict(detail.metadata)) == (True, Reason.DEFAULT, {})
    assert answer(short | {"enabled": False}).reason is Reason.DISABLED


@pytest.mark.parametrize("wrong", [None, 5, "text", [], [("format", 1)]])
def test_a_document_that_is_no_object_is_refused(wrong: Any) -> None:
    """Whatever a server answers instead of a document is refused as a whole."""
    with pytest.raises(DecodeError) as refusal:
        load(wrong)

    assert (refusal.value.path, str(refusal.value)) == ("", "must be an object")


def test_an_error_reads_as_a_sentence() -> None:
    """The text of the error has the place and what is wrong with it."""
    with pytest.raises(DecodeError) as refusal:
        load(document({"f": flag(rules=[rule(leaf("age", "gt", "old"))])}))

    assert str(refusal.value) == "/flags/f/rules/0/if/values: gt: 'old' is not a number"


def test_other_keys_than_texts_are_refused() -> None:
    """A document that was not read from JSON may have keys that are no texts: they are refused, not used."""
    for wrong in (document({5: flag()}), document({}, {5: segment()})):  # type: ignore[dict-item]
        with pytest.raises(DecodeError, match="must be a text"):
            load(wrong)
    wrong_fields: tuple[dict[str, Any], ...] = (
        {"variants": {1: True}},
        {"metadata": {1: "a"}},
        {"targets": {1: []}},
    )
    for fields in wrong_fields:
        with pytest.raises(DecodeError):
            load(document({"f": flag(**fields)}))


def deep(levels: int) -> dict[str, Any]:
    """A condition with so many groups around it."""
    condition = leaf("a", "exists")
    for _ in range(levels):
        condition = {"not": condition}
    return condition


def test_conditions_nest_to_a_limit() -> None:
    """A condition of the deepest allowed nesting is evaluated; a deeper one makes its flag alone answer ERROR."""
    rules = load(
        document(
            {
                "deepest": flag(rules=[rule(deep(MAX_NESTING))]),
                "deeper": flag(rules=[rule(deep(MAX_NESTING + 1))]),
                "bottomless": flag(rules=[rule(deep(100_000))]),
            }
        )
    )

    assert rules.evaluate("deepest", {"a": 1}).reason is Reason.TARGETING_MATCH
    for key in ("deeper", "bottomless"):
        detail = rules.evaluate(key, {"a": 1})
        assert detail.error_code is ErrorCode.PARSE_ERROR
        assert "nests deeper" in str(detail.error_message)


def test_what_is_unknown_is_named() -> None:
    """The error of a flag that needs a newer engine says what it does not know and where."""
    detail = answer(flag(rules=[rule({"all": [leaf("a", "resembles", "b")]})]))

    assert detail.error_message == "unknown operator 'resembles' (at /rules/0/if/all/0/op)"


def test_what_is_unknown_comes_before_what_is_wrong() -> None:
    """A flag with a field from a newer server may hold other things too: it is set aside, the snapshot lives."""
    odd = flag(schedule="weekly", variants="computed", rules={"not": "a list"})

    rules = load(document({"odd": odd, "fine": flag(default=ON)}))

    assert rules.evaluate("odd").error_code is ErrorCode.PARSE_ERROR
    assert rules.evaluate("odd").metadata == {"version": 1}
    assert rules.evaluate("fine").value is True


@pytest.mark.parametrize("field", ["kind", "version", "client_visible"])
def test_what_every_flag_shows_is_checked_even_then(field: str) -> None:
    """Kind, version and visibility are read of every flag, so they are refused when wrong in any."""
    with pytest.raises(DecodeError) as refusal:
        load(document({"odd": flag(schedule="weekly", **{field: []})}))

    assert refusal.value.path == f"/flags/odd/{field}"
