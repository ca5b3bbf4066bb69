"""docs/evaluation.md against the engine: it is what other engines are written from, so it must be complete and true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import flagd_core
from flagd_core import ErrorCode, Reason, algorithms, bucketing, model
from flagd_core.explain import explain, record, sentences, shown
from flagd_core.operators import OPERATORS, operands, regex
from tests.vectors import reading

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "evaluation.md").read_text()

LIMITS: Final = {
    "nesting of a condition: groups, `not` and segments on one path": model.MAX_NESTING,
    "chain of prerequisites, or of segments in segments": model.MAX_CHAIN,
    "evaluations that one flag or segment causes in others": model.MAX_STEPS,
    "characters of a pattern": regex.LONGEST_PATTERN,
    "bytes that RE2 may use for a pattern": regex._MEMORY,
    "characters of a text that is read as number, version, instant or address": operands.LONGEST,
    "nesting of an object value": model.MAX_VALUE_NESTING,
    "integers of kind `integer` and `float`, either side of zero": model.MAX_INTEGER,
    "slots of the native ring": bucketing.SLOTS,
    "end of a ring whose size the weights decide": algorithms.MAX_RING,
    "steps in an explanation": record.MAX_STEPS,
    "depth of a step in an explanation": record.MAX_DEPTH,
    "characters of the texts in all steps of an explanation": record.MAX_CHARACTERS,
    "elements of a list in an explanation": shown.MAX_SHOWN,
    "characters of a text in an explanation": shown.MAX_TEXT,
}


def section(heading: str) -> str:
    """What is between a heading and the next one of its level."""
    level = heading.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found is not None, heading
    return found[1]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the rows of the table whose first heading this is."""
    lines = text[text.index(f"| {first} |") :].split("\n\n", maxsplit=1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(cells: list[str]) -> set[str]:
    """What stands in these cells as code."""
    return set(re.findall(r"`(\w+)`", " ".join(cells)))


def test_every_operator_is_described() -> None:
    """The page has a row for each operator that the engine knows, and none for one that it does not."""
    assert names([row[0] for row in rows(section("## Operators"), "operator")]) == set(OPERATORS)


def test_the_operators_that_take_case_are_named() -> None:
    """The page says of exactly those operators that they may ignore case which may."""
    found = re.search(r"no locale counts\)\.\s+For (.*?);\s+anywhere", section("## Operators"), re.DOTALL)

    assert found is not None
    assert names([found[1]]) == {name for name, operator in OPERATORS.items() if operator.takes_case}


def test_every_reason_and_error_code_is_explained() -> None:
    """The page has a row for each reason and each error code, and for no other."""
    answers = section("## Answers")

    assert names([row[0] for row in rows(answers, "reason")]) == set(Reason)
    assert names([row[0] for row in rows(answers, "error code")]) == set(ErrorCode)


def test_every_kind_is_described() -> None:
    """The page has a row for each kind of flag."""
    assert names([row[0] for row in rows(section("## Kinds of values"), "kind")]) == set(model.KINDS)


def test_every_limit_has_its_number() -> None:
    """The page has the numbers that the engine goes by."""
    found = {name: int(number.replace(",", "")) for name, number, _ in rows(section("## Limits"), "limit")}

    assert found == LIMITS


def test_where_services_differ_a_vector_decides() -> None:
    """Each row of the table is a golden vector with that answer, and each such vector has its row."""
    prefix = "differs: "
    decided = {
        case["name"].removeprefix(prefix): case.get("expect") or case["error_code"]
        for case in [*reading.cases("conditions"), *reading.cases("answers")]
        if case["name"].startswith(prefix)
    }

    table = rows(section("### Where services differ"), "case")

    assert {row[0]: row[3] for row in table} == decided


def test_every_member_of_a_flag_and_a_segment_is_described() -> None:
    """The page on the snapshot has a row for each member that the engine reads."""
    page = (DOCS / "snapshot.md").read_text()
    flag = page[page.index("### A flag") : page.index("### A segment")]
    segment = page[page.index("### A segment") :]

    known = model.FlagDefinition.__required_keys__ | model.FlagDefinition.__optional_keys__
    assert names([row[0] for row in rows(flag, "member")]) == known
    assert names([row[0] for row in rows(segment, "member")]) == model.SegmentDefinition.__optional_keys__


def test_the_explanation_shown_is_one() -> None:
    """The example of an explanation, and its sentences, are what the engine says of the documented snapshot."""
    page = (DOCS / "snapshot.md").read_text()
    found = re.search(r"```json\n(\{\n  \"format\".*?)```", page, re.DOTALL)
    assert found is not None
    shown, told = re.findall(r"```(?:json)?\n(.*?)```", section("## Explanations"), re.DOTALL)

    explanation = explain(
        flagd_core.load(json.loads(found[1])), "new-checkout", {"targetingKey": "grace", "country": "US"}
    )

    assert json.loads(shown) == json.loads(json.dumps(explanation))
    assert told.splitlines() == sentences(explanation)


def test_the_members_of_an_explanation_are_described() -> None:
    """Whatever an explanation of a golden answer has in it is named on the page."""
    rules = flagd_core.load(reading.read("answers")["document"])
    used: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            used.update(value)
            for name, each in value.items():
                if name not in ("value", "metadata", "saw"):
                    walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    for case in reading.cases("answers"):
        walk(explain(rules, case["flag"], case["context"]))

    assert used <= set(re.findall(r"`(\w+)`", section("## Explanations")))
