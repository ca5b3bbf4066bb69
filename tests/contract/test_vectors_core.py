"""The golden vectors, run on the evaluation core itself."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from flagd_core import NO_VALUE, DecodeError, Ruleset, load, ring
from flagd_core.bucketing import hash_of, slot_of, unit_text
from flagd_core.explain import explain
from tests.vectors import reading


def named(file: str) -> pytest.MarkDecorator:
    """Run a test with each case of a vector file, under its name."""
    found = reading.cases(file)
    return pytest.mark.parametrize("case", found, ids=[case["name"] for case in found])


@cache
def answering_rules() -> Ruleset:
    """The rules of answers.json."""
    return load(reading.read("answers")["document"])


@named("answers")
def test_answer(case: dict[str, Any]) -> None:
    """Each flag answers with the variant, reason, rule, error code and metadata that the vector names."""
    detail = answering_rules().evaluate(case["flag"], case["context"])

    assert (detail.variant, detail.reason, detail.error_code, detail.rule) == (
        case["variant"],
        case["reason"],
        case["error_code"],
        case["rule"],
    )
    if "metadata" in case:
        assert detail.metadata == case["metadata"]


@named("answers")
def test_value_of_an_answer(case: dict[str, Any]) -> None:
    """The value is the variant's, in the Python type of the flag's kind, or no value where there is no variant."""
    detail = answering_rules().evaluate(case["flag"], case["context"])

    if case["variant"] is None:
        assert detail.value is NO_VALUE
        return
    flag = reading.read("answers")["document"]["flags"][case["flag"]]
    types: dict[str, type | tuple[type, ...]] = {
        "boolean": bool,
        "string": str,
        "integer": int,
        "float": float,
        "object": (dict, list),
    }
    assert detail.value == flag["variants"][case["variant"]]
    assert isinstance(detail.value, types[flag["kind"]])
    assert (detail.error_code, detail.error_message) == (None, None)


@named("conditions")
def test_condition(case: dict[str, Any]) -> None:
    """A condition matches, does not match, or is unknown: then its negation does not match either."""
    rules = load(reading.document_of_condition(case["if"]))

    matches = reading.expected_matches(case)

    assert {flag: rules.evaluate(flag, case["context"]).value for flag in matches} == matches


@named("explanations")
def test_explanation(case: dict[str, Any]) -> None:
    """An answer is explained by the steps that the vector names; how a message is worded is left to the engine."""
    explanation = explain(answering_rules(), case["flag"], case["context"])

    explanation.pop("error_message", None)
    assert json.loads(json.dumps(explanation)) == case["explanation"]


@named("bucketing")
def test_slot(case: dict[str, Any]) -> None:
    """A unit has the hash and the slot that every engine gives it."""
    assert hash_of(case["salt"], case["unit"]) == case["hash"]
    assert slot_of(case["salt"], case["unit"]) == case["slot"]


@named("units")
def test_unit(case: dict[str, Any]) -> None:
    """A value is a unit under one text in every engine, or is no unit in any."""
    assert unit_text(case["value"]) == case["unit"]


@named("rings")
def test_ring(case: dict[str, Any]) -> None:
    """An edit of weights gives the same arcs in every version, so that a preview is what will be saved."""
    if "arcs" not in case:
        new = ring.divide(case["weights"])
    else:
        old = tuple((end, variant) for end, variant in case["arcs"])
        new = ring.compact(old) if "weights" not in case else ring.reweigh(old, case["weights"])
        assert ring.moved(old, new) == case["moved"]
    assert [list(arc) for arc in new] == case["new"]


@named("refused")
def test_refused_document(case: dict[str, Any]) -> None:
    """A document that is no snapshot is refused with the pointer to what is wrong."""
    document = reading.refused_document(case)

    with pytest.raises(DecodeError) as refusal:
        load(document)

    assert refusal.value.path == case["path"]
    assert refusal.value.detail


def test_the_document_of_the_refusals_is_fine() -> None:
    """What the refused documents are made from is itself accepted, so each is refused for its one change."""
    assert set(load(reading.read("refused")["document"]).flags) == {"f", "g"}
