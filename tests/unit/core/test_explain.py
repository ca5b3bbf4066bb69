"""Explanations: they say what the evaluation did, and it is the evaluation that did it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import NO_VALUE, Host, Ruleset, load
from flagd_core.bucketing import slot_of
from flagd_core.explain import explain, sentences
from tests.unit.core.documents import OFF, ON, document, flag, leaf, requiring, rule, segment, split
from tests.unit.core.proofs.strange import HOSTILE
from tests.unit.core.test_layers import layer
from tests.vectors import reading


@cache
def rules_of_vectors() -> Ruleset:
    """The document of the golden answers."""
    return load(reading.read("answers")["document"])


def explained(definition: Mapping[str, Any], context: Any = None, **segments: Any) -> dict[str, Any]:
    """The explanation of one flag's answer."""
    explanation = explain(load(document({"flag": definition}, segments)), "flag", context)
    json.dumps(explanation)
    return explanation


@pytest.mark.parametrize("case", reading.cases("answers"), ids=lambda case: str(case["name"]))
def test_an_explanation_has_the_answer_of_the_evaluation(case: dict[str, Any]) -> None:
    """What an explanation says was answered is what evaluate answers, for every golden answer."""
    explanation = explain(rules_of_vectors(), case["flag"], case["context"])

    assert (
        explanation["variant"],
        explanation["reason"],
        explanation.get("rule"),
        explanation.get("error_code"),
    ) == (
        case["variant"],
        case["reason"],
        case["rule"],
        case["error_code"],
    )
    value = rules_of_vectors().evaluate(case["flag"], case["context"]).value
    assert repr(explanation.get("value", NO_VALUE)) == repr(value)
    assert json.loads(json.dumps(explanation))["flag"] == case["flag"]
    assert all(isinstance(line, str) for line in sentences(explanation))


def test_each_rule_says_what_it_saw() -> None:
    """Rules up to the one that serves are there, with each attribute, what was asked of it and the verdict."""
    rules = [
        rule({"all": [leaf("plan", "in", "pro", "team"), leaf("age", "gt", 18)]}, ON, "grown"),
        rule({"not": leaf("email", "ends_with", "@example.com", ignore_case=True)}, ON, "others"),
        rule(leaf("country", "equals", "DE"), ON, "late"),
    ]

    explanation = explained(flag(rules=rules), {"plan": "pro", "age": 17, "email": "a@other.org"})

    both, email = explanation["steps"][0]["of"][0], explanation["steps"][1]["of"][0]["of"][0]
    assert [(step["rule"], step["verdict"]) for step in explanation["steps"]] == [
        ("grown", "no match"),
        ("others", "match"),
    ]
    assert (both["combined"], both["verdict"]) == ("all", "no match")
    assert both["of"] == [
        {"attribute": "plan", "op": "in", "values": ["pro", "team"], "saw": "pro", "verdict": "match"},
        {"attribute": "age", "op": "gt", "values": [18], "saw": 17, "verdict": "no match"},
    ]
    asked = {"attribute": "email", "op": "ends_with", "values": ["@example.com"], "ignore_case": True}
    assert email == asked | {"saw": "a@other.org", "verdict": "no match"}
    assert sentences(explanation) == [
        "The rule 'grown': no match.",
        "  all of these: no match.",
        '    plan is "pro"; in "pro", "team": match.',
        "    age is 17; gt 18: no match.",
        "The rule 'others': match.",
        "  not of these: match.",
        '    email is "a@other.org"; ends_with "@example.com": no match.',
        "'flag' serves 'on' (TARGETING_MATCH, rule 'others').",
    ]


def test_a_missing_attribute_is_unknown() -> None:
    """An attribute that the context lacks was seen as nothing, and the verdict is unknown, below a `not` too."""
    explanation = explained(flag(rules=[rule({"not": leaf("plan", "equals", "pro")}, ON)]), {})

    (step,) = explanation["steps"]
    assert (step["verdict"], step["of"][0]["of"][0]["saw"]) == ("unknown", None)
    assert '    plan is missing; equals "pro": unknown.' in sentences(explanation)


def test_a_split_says_the_slot_and_the_arc() -> None:
    """A split names the unit, its slot and the arc around it; outside it nobody has the variant."""
    definition = flag(default=split((20_000, "on"), (70_000, "off"), (100_000, "on"), salt="s"))

    for unit in (f"user-{number}" for number in range(50)):
        (step,) = explained(definition, unit)["steps"]
        assert step["slot"] == slot_of("s", unit)
        assert step["arc"][0] <= step["slot"] < step["arc"][1]
        assert step["variant"] == {0: "on", 20_000: "off", 70_000: "on"}[step["arc"][0]]


def test_a_split_without_its_unit_says_so() -> None:
    """A split whose unit is missing has neither slot nor arc, and the sentence names the attribute."""
    explanation = explained(flag(default=split((100_000, "on"), unit="org")), "alice")

    assert "slot" not in explanation["steps"][0]
    assert sentences(explanation) == [
        "The split goes by 'org', of which the context has no usable value.",
        "'flag' has no answer: the context has no usable 'org' to split by (TARGETING_KEY_MISSING).",
    ]


def test_segments_show_their_way() -> None:
    """A segment says whether the key is listed in it, and shows the conditions and segments inside it."""
    segments = {
        "testers": segment(included=["grace"], **{"if": {"segment": "staff"}}),
        "staff": segment(excluded=["mallory"], **{"if": leaf("email", "ends_with", "@example.com")}),
    }
    definition = flag(rules=[rule({"segment": "testers"}, ON)])

    listed = explained(definition, "grace", **segments)["steps"][0]["of"][0]
    nested = explained(definition, {"targetingKey": "ada", "email": "ada@example.com"}, **segments)["steps"][
        0
    ]["of"][0]

    assert listed == {"segment": "testers", "listed": "included", "verdict": "match"}
    assert (nested["listed"], nested["verdict"]) == (None, "match")
    assert nested["of"][0]["segment"] == "staff"
    assert nested["of"][0]["of"][0]["saw"] == "ada@example.com"


def test_prerequisites_are_explained_themselves() -> None:
    """Each prerequisite shows what it served, what was asked for, and its own explanation, once in a diamond."""
    flags = {
        "root": flag(default=split((50_000, "on"), (100_000, "off"))),
        "left": flag(default=ON, prerequisites=requiring("root")),
        "right": flag(default=ON, prerequisites=requiring("root")),
        "child": flag(default=ON, prerequisites=requiring("left", "right")),
    }
    rules = load(document(flags))
    outsider = next(unit for unit in map(str, range(50)) if slot_of("salt", unit) >= 50_000)
    insider = next(unit for unit in map(str, range(50)) if slot_of("salt", unit) < 50_000)

    met, unmet = explain(rules, "child", insider), explain(rules, "child", outsider)

    assert [(step["prerequisite"], step["met"]) for step in met["steps"]] == [("left", True), ("right", True)]
    first, second = (step["explanation"]["steps"][0] for step in met["steps"])
    asked = {"prerequisite": "root", "accepted": ["on"], "served": "on", "met": True}
    assert first["explanation"]["steps"][0]["split"] == "targetingKey"
    assert second == asked | {"explained": "above"}
    assert sentences(met)[-4:-2] == [
        "The prerequisite 'right' is met: it serves 'on', and 'on' is asked for.",
        "  The prerequisite 'root' is met: it serves 'on', and 'on' is asked for. It is explained above.",
    ]
    assert [(step["prerequisite"], step["served"], step["met"]) for step in unmet["steps"]] == [
        ("left", "off", False)
    ]
    assert sentences(unmet)[-1] == (
        "'child' serves 'off' (DEFAULT, because the prerequisite 'left' is not met)."
    )


def test_targets_and_layers_are_steps() -> None:
    """An individual target, and the layer that admits or keeps out, are told with the key and the slot."""
    definition = flag(default=ON, targets={"off": ["bob"]}, layer=layer((0, 20_000)))

    assert explained(definition, "bob")["steps"] == [{"target": "bob", "variant": "off"}]
    for unit in map(str, range(30)):
        target, admission = explained(definition, unit)["steps"]
        assert target == {"target": unit, "variant": None}
        assert admission["slot"] == slot_of("layer", unit)
        assert admission["admitted"] is (admission["slot"] < 20_000)


def test_a_flag_that_is_off_says_so() -> None:
    """Off shows no step but the fact."""
    explanation = explained(flag(enabled=False, rules=[rule(leaf("a", "equals", 1), ON)]), {"a": 1})

    assert (explanation["enabled"], explanation["steps"]) == (False, [])
    assert sentences(explanation) == ["'flag' serves 'off' (STATIC, because the flag is off)."]


def test_a_flag_that_cannot_be_evaluated_says_why() -> None:
    """Errors carry the code and the message: an unknown operator, an unknown flag."""
    broken = explained(flag(rules=[rule(leaf("a", "resembles", "x"), ON)]))
    unknown = explain(load(document({})), "nowhere", "alice")

    assert (broken["error_code"], unknown["error_code"]) == ("PARSE_ERROR", "FLAG_NOT_FOUND")
    assert "resembles" in sentences(broken)[0]
    assert sentences(unknown) == ["'nowhere' has no answer: there is no flag 'nowhere' (FLAG_NOT_FOUND)."]


def test_now_is_what_the_clock_said() -> None:
    """A rule on `now` shows the instant it was compared with."""
    rules = load(
        document({"flag": flag(rules=[rule(leaf("now", "after", "2020-01-01"), ON)])}),
        host=Host(lambda: 1.8e9),
    )

    (step,) = explain(rules, "flag", "alice")["steps"]

    assert (step["verdict"], step["of"][0]["saw"]) == ("match", 1.8e9)


def test_long_lists_and_texts_are_cut() -> None:
    """What is shown stays readable: twenty values, two hundred characters, and how many more there are."""
    definition = flag(rules=[rule(leaf("name", "in", *(f"n{number}" for number in range(1_000))), ON)])

    step = explained(definition, {"name": "x" * 10_000})["steps"][0]["of"][0]

    assert (len(step["values"]), step["values_left_out"], len(step["saw"])) == (20, 980, 200)


def test_of_a_long_attribute_the_rest_is_counted() -> None:
    """A list that was seen is cut like the values it was compared with, and both it and its line say by how many."""
    rules = [rule(leaf("name", "in", "x"), ON)]

    long, short = (
        explained(flag(rules=rules), {"name": [[None, "n", ["deep"]][n % 3] for n in range(count)]})
        for count in (50, 20)
    )

    seen, whole = (explanation["steps"][0]["of"][0] for explanation in (long, short))
    assert (len(seen["saw"]), seen["saw"][:3], seen["saw_left_out"]) == (20, [None, "n", "list"], 30)
    assert (len(whole["saw"]), "saw_left_out" in whole) == (20, False)
    assert '"n"] and 30 more; in "x"' in sentences(long)[1]


def test_no_more_of_a_list_is_looked_at_than_is_shown() -> None:
    """However long an attribute is, an explanation converts what it shows and nothing beyond."""
    looked_at = 0

    class Counting(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looked_at
            for each in super().__iter__():
                looked_at += 1
                yield each

    definition = flag(rules=[rule(leaf("name", "exists"), ON)])

    step = explained(definition, {"name": Counting(["x"] * 1_000)})["steps"][0]["of"][0]

    assert (step["saw"], step["saw_left_out"], looked_at) == (["x"] * 20, 980, 20)


def test_many_accepted_variants_are_cut() -> None:
    """Of the variants that meet a prerequisite twenty are shown, in order, and the rest is counted."""
    names = [f"v{number:03}" for number in range(90)]
    flags = {
        "root": flag(kind="string", variants={name: name for name in names}, default={"variant": "v000"}),
        "child": flag(prerequisites=[{"flag": "root", "variants": names[::-1]}]),
    }
    del flags["root"]["off_variant"]

    explanation = explain(load(document(flags)), "child")

    (step,) = explanation["steps"]
    assert (step["accepted"], step["accepted_left_out"], step["met"]) == (names[:20], 70, True)
    assert "'v019' or one of 70 more is asked for" in sentences(explanation)[0]


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_what_an_attribute_raises_does_not_change_the_answer(index: int) -> None:
    """An attribute that raises when an explanation looks at it is answered for as ever."""
    rules = load(document({"flag": flag(rules=[rule(leaf("a", "exists"), ON)])}))

    explanation = explain(rules, "flag", {"a": HOSTILE[index]})

    assert (explanation["variant"], explanation["rule"]) == ("on", "r1")
    json.dumps(explanation)


METADATA = [
    {"prerequisite": "x"},
    {"layer": "x"},
    {"off": True},
    {"off": True, "prerequisite": "x", "layer": "y"},
]


@pytest.mark.parametrize("metadata", METADATA)
@pytest.mark.parametrize("rules", [[], [rule(leaf("a", "exists"), OFF)]])
def test_a_flag_s_own_metadata_tell_nothing(metadata: dict[str, Any], rules: list[Any]) -> None:
    """Why a flag answered is told by its steps, whatever its author wrote into its metadata."""
    for context in ({}, {"a": 1}):
        own, none = (
            explained(flag(metadata=each, rules=rules, prerequisites=[]), context) for each in (metadata, {})
        )

        assert sentences(own) == sentences(none)
        assert "because" not in sentences(own)[-1]


def test_why_a_flag_answered_is_told_of_the_steps() -> None:
    """Off, an unmet prerequisite and a layer that keeps out are named, whatever the metadata say beside them."""
    metadata = {"prerequisite": "x", "layer": "y", "off": False}
    flags = {
        "root": flag(),
        "off": flag(enabled=False, metadata=metadata),
        "child": flag(prerequisites=requiring("root"), metadata=metadata),
        "layered": flag(layer=layer(), metadata=metadata),
    }
    rules = load(document(flags))

    told = {
        key: sentences(explain(rules, key, "alice"))[-1].split("because ")[1]
        for key in flags
        if key != "root"
    }

    assert told == {
        "off": "the flag is off).",
        "child": "the prerequisite 'root' is not met).",
        "layered": "the unit is outside the flag's share of the layer 'checkout').",
    }


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3),
    max_leaves=6,
)


@given(
    key=st.sampled_from(sorted(reading.read("answers")["document"]["flags"])),
    context=st.dictionaries(st.sampled_from(["targetingKey", "plan", "n", "email", "a"]), ANYTHING)
    | ANYTHING,
)
def test_any_context_is_explained(key: str, context: Any) -> None:
    """Whatever the context is, the explanation is JSON, and its answer the evaluation's."""
    rules = rules_of_vectors()

    explanation = explain(rules, key, context)

    detail = rules.evaluate(key, context)
    assert (explanation["variant"], explanation["reason"]) == (detail.variant, str(detail.reason))
    assert explanation.get("error_code") == (detail.error_code and str(detail.error_code))
    json.dumps(explanation).encode()
    sentences(explanation)


def test_off_is_the_default_step() -> None:
    """A flag whose default is one variant has no step: nothing was decided."""
    assert explained(flag(default=OFF), "alice")["steps"] == []
