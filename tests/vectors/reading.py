"""Reads the golden vectors. Knows their format, and nothing of the code that is tested with them."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent

AS_IT_IS: Final = "condition"
NEGATED: Final = "negation"


@cache
def read(name: str) -> dict[str, Any]:
    """A vector file."""
    content: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return content


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of a vector file."""
    found: list[dict[str, Any]] = read(name)["cases"]
    return found


def document_of_condition(condition: dict[str, Any]) -> dict[str, Any]:
    """A snapshot with two flags, each on where its only rule matches: the condition as it is, and its negation."""
    return _document_of_conditions({AS_IT_IS: condition, NEGATED: {"not": condition}})


@cache
def document_of_all_conditions() -> dict[str, Any]:
    """A snapshot with the two flags of every case of conditions.json; `flags_of_condition` names them."""
    conditions: dict[str, dict[str, Any]] = {}
    for case in cases("conditions"):
        flags = flags_of_condition(case)
        conditions |= {flags[AS_IT_IS]: case["if"], flags[NEGATED]: {"not": case["if"]}}
    return _document_of_conditions(conditions)


def flags_of_condition(case: dict[str, Any]) -> dict[str, str]:
    """The keys of a case's two flags in `document_of_all_conditions`."""
    number = cases("conditions").index(case)
    return {AS_IT_IS: f"{AS_IT_IS}-{number}", NEGATED: f"{NEGATED}-{number}"}


def _document_of_conditions(conditions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    def flag(rule: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": "boolean",
            "version": 1,
            "client_visible": True,
            "enabled": True,
            "variants": {"on": True, "off": False},
            "off_variant": "off",
            "default": {"variant": "off"},
            "targets": {},
            "rules": [{"id": "r1", "if": rule, "serve": {"variant": "on"}}],
            "prerequisites": [],
            "metadata": {},
        }

    return {
        "format": 1,
        "project": "vectors",
        "environment": "conditions",
        "lineage": "018f4c6e-0000-7000-8000-000000000002",
        "revision": 1,
        "digest": "",
        "flags": {key: flag(condition) for key, condition in conditions.items()},
        "segments": read("conditions")["segments"],
    }


def expected_matches(case: dict[str, Any]) -> dict[str, bool]:
    """Which of the two flags of `document_of_condition` are on. With `on_missing` the negation is a case of its own."""
    expect = case["expect"]
    matches = {AS_IT_IS: expect == "match"}
    if "on_missing" not in json.dumps(case["if"]):
        matches[NEGATED] = expect == "no match"
    return matches


def refused_document(case: dict[str, Any]) -> dict[str, Any]:
    """The document of `refused.json` with the change that a case describes."""
    document: dict[str, Any] = copy.deepcopy(read("refused")["document"])
    *way, last = [step.replace("~1", "/").replace("~0", "~") for step in case["at"].split("/")[1:]]
    holder: Any = document
    for step in way:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    if isinstance(holder, list):
        holder[int(last)] = case["value"]
    elif "value" in case:
        holder[last] = case["value"]
    else:
        del holder[last]
    return document
