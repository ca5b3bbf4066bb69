"""However large a configuration is, its explanation is short, quickly written, and still the evaluation's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flagd_core import Ruleset, load
from flagd_core.compile import FlagCompiler
from flagd_core.conditions import ConditionCompiler
from flagd_core.explain import explain, record, sentences
from flagd_core.model import MAX_CHAIN, MAX_NESTING
from tests.unit.core.documents import ON, document, flag, leaf, requiring, rule, segment, split
from tests.vectors import reading

KEYS = st.sampled_from(["", "ada", "bob", "42", "\ud800"])
LISTS = st.lists(KEYS, max_size=3)


def nested(levels: int, inner: dict[str, Any]) -> dict[str, Any]:
    """A condition below this many negations."""
    for _ in range(levels):
        inner = {"not": inner}
    return inner


def steps_of(explanation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step that is shown."""
    for step in [*explanation.get("steps", ()), *explanation.get("of", ())]:
        yield step
        yield from steps_of(step)
        yield from steps_of(step.get("explanation", {}))


def depth_of(value: Any) -> int:
    """Levels of lists and objects."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def assert_answer(rules: Ruleset, key: str, context: Any) -> dict[str, Any]:
    """The explanation has the answer of the evaluation, and can be written."""
    detail, explanation = rules.evaluate(key, context), explain(rules, key, context)
    told = (
        explanation["variant"],
        explanation["reason"],
        explanation.get("rule"),
        explanation.get("error_code"),
    )
    assert told == (detail.variant, detail.reason, detail.rule, detail.error_code)
    orjson.dumps({**explanation, "sentences": sentences(explanation)})
    return explanation


def many_rules(served: int, **options: Any) -> Ruleset:
    """200 rules with ten tests each, which ask for as many numbers; the rule for `n` 2,000 matches is `served`."""
    parts = [[leaf("n", "equals", number * 10 + part) for part in range(10)] for number in range(200)]
    rules = [rule({"any": part}, ON, f"r{number}") for number, part in enumerate(parts)]
    rules[served]["if"]["any"][9]["values"] = [2_000]
    return load(document({"flag": flag(rules=rules, **options)}))


def test_a_thousand_steps_are_shown_and_the_rest_is_counted() -> None:
    """The first thousand steps are there; the step and the explanation that are cut say by how many."""
    explanation = assert_answer(many_rules(199), "flag", {"n": -1})

    shown = list(steps_of(explanation))
    last = explanation["steps"][-1]
    # Each rule has a group and ten tests; 83 of them are complete, of the 84th two tests are left.
    assert (len(shown), len(explanation["steps"]), len(last["of"][0]["of"])) == (1_000, 84, 2)
    assert (last["of_left_out"], last["of"][0]["of_left_out"]) == (8, 8)
    assert explanation["steps_left_out"] == 8 + 116
    assert sum("left_out" in name for step in shown for name in step) == 2
    assert sentences(explanation)[-3:] == [
        "    (8 steps are left out.)",
        "(116 steps are left out.)",
        "'flag' serves 'off' (DEFAULT).",
    ]


@pytest.mark.parametrize("served", [0, 82, 83, 84, 150, 199])
def test_the_rule_that_serves_may_be_left_out(served: int) -> None:
    """What is answered does not hang on what is shown; left out are the rules up to the one that serves."""
    explanation = assert_answer(many_rules(served), "flag", {"n": 2_000})

    assert explanation["rule"] == f"r{served}"
    assert explanation.get("steps_left_out", 0) == max(0, served + 1 - 84) + (8 if served > 82 else 0)


def test_what_a_context_raises_beyond_the_limit_is_answered() -> None:
    """A rule that is left out may fail for this context, and the answer says so."""

    rules = [rule(leaf("n", "equals", 2), ON, f"r{number}") for number in range(600)]
    rules.append(rule(leaf("o.x", "exists"), ON, "last"))

    class Closed(Mapping[str, object]):
        def __getitem__(self, name: str) -> object:
            raise ValueError

        def __iter__(self) -> Iterator[str]:
            raise ValueError

        def __len__(self) -> int:
            return 1

    explanation = assert_answer(load(document({"flag": flag(rules=rules)})), "flag", {"n": 1, "o": Closed()})

    assert explanation["error_code"] == "INVALID_CONTEXT"


def test_the_texts_of_an_explanation_are_bounded() -> None:
    """A thousand steps of long texts do not come to megabytes: what has no room is left out like other steps."""
    texts = [f"{number}".ljust(400, "x") for number in range(40)]
    rules = [rule({"all": [leaf("n", "in", *texts)]}, ON, f"r{number}") for number in range(400)]

    explanation = assert_answer(load(document({"flag": flag(rules=rules)})), "flag", {"n": ["y" * 400] * 40})

    shown = len(explanation["steps"])
    assert explanation["steps_left_out"] == 400 - shown
    assert len(json.dumps(explanation)) < record.MAX_CHARACTERS * 1.2
    assert shown == record.MAX_CHARACTERS // (20 * 200 * 2)


def test_a_ladder_of_prerequisites_is_explained_once() -> None:
    """Each flag is explained where it is asked first, and its value shown of the outermost flag alone."""
    values = {name: {"text": [name * 30_000]} for name in ("on", "off")}
    flags = {
        f"f{number}": flag(
            kind="object",
            variants=values,
            default=ON,
            prerequisites=requiring(*(f"f{n}" for n in range(number))),
        )
        for number in range(10)
    }

    explanation = assert_answer(load(document(flags)), "f9", "alice")

    shown = list(steps_of(explanation))
    explained = [step["prerequisite"] for step in shown if "explanation" in step]
    assert explanation["value"] == values["on"]
    assert not any("value" in step.get("explanation", {}) for step in shown)
    assert sorted(explained) == sorted(set(explained)) == [f"f{number}" for number in range(9)]
    assert {step.get("explained") for step in shown if "explanation" not in step} == {"above"}
    assert len(json.dumps(explanation)) < 80_000


def test_segments_are_explained_once() -> None:
    """A segment that is asked again refers to where it was explained; one that names the unit says so each time."""
    segments = {
        "staff": segment(**{"if": leaf("plan", "equals", "staff")}),
        "named": segment(excluded=["ada"], **{"if": leaf("plan", "equals", "staff")}),
    }
    rules = [rule({"any": [{"segment": "staff"}, {"segment": "named"}]}, ON, f"r{n}") for n in range(2)]

    explanation = assert_answer(load(document({"flag": flag(rules=rules)}, segments)), "flag", "ada")

    first, second = (step["of"][0]["of"] for step in explanation["steps"])
    named = {"segment": "named", "listed": "excluded", "verdict": "no match"}
    again = {"segment": "staff", "listed": None, "verdict": "unknown", "explained": "above"}
    assert first[0]["of"][0]["attribute"] == "plan"
    assert (first[1], second) == (named, [again, named])
    assert "    the segment 'staff': unknown, as explained above." in sentences(explanation)


def test_what_was_too_deep_is_explained_higher_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step at the limit has its verdict alone; a segment that was cut is no explanation to refer to."""
    monkeypatch.setattr(record, "MAX_DEPTH", 4)
    segments = {"staff": segment(**{"if": leaf("plan", "equals", "staff")})}
    rules = [rule(nested(levels, {"segment": "staff"}), ON, f"r{levels}") for levels in (3, 2, 1, 0)]

    explanation = assert_answer(load(document({"flag": flag(rules=rules)}, segments)), "flag", {})

    cut = {"combined": "not", "verdict": "unknown", "of_left_out": 1}
    assert explanation["steps_left_out"] == 2
    told = [step["of"] for step in explanation["steps"]]
    assert told[0][0]["of"][0]["of"][0] == cut
    assert told[1][0]["of"][0]["of"][0] == {
        "segment": "staff",
        "listed": None,
        "verdict": "unknown",
        "of_left_out": 1,
    }
    assert told[2][0]["of"][0]["of"][0]["attribute"] == "plan"
    assert told[3][0]["explained"] == "above"
    assert "      not of these: unknown." in sentences(explanation)
    assert "        (1 step is left out.)" in sentences(explanation)


@pytest.mark.parametrize("shared", [True, False])
def test_the_deepest_configuration_is_explained(shared: bool) -> None:
    """Every chain and condition as long as can be: all is evaluated, and written with room to JSON's limits."""
    plain = leaf("plan", "equals", "free")
    segments = {"s0": segment(**{"if": nested(MAX_NESTING, plain)})} | {
        f"s{n}": segment(**{"if": nested(MAX_NESTING - 2, {"all": [plain, {"segment": f"s{n - 1}"}]})})
        for n in range(1, MAX_CHAIN + 1)
    }
    flags = {"f0": flag(default=ON, rules=[rule(nested(MAX_NESTING, leaf("plan", "equals", "other")))])}
    for number in range(1, MAX_CHAIN + 1):
        asked = {"segment": f"s{MAX_CHAIN if shared else number}"}
        flags[f"f{number}"] = flag(
            rules=[rule(nested(MAX_NESTING - 2, {"all": [plain, asked]}))],
            prerequisites=requiring(f"f{number - 1}"),
        )

    explanation = assert_answer(load(document(flags, segments)), f"f{MAX_CHAIN}", {"plan": "free"})

    shown = list(steps_of(explanation))
    assert [explanation["variant"], explanation.get("rule")] == ["on", "r1"]
    assert len({step["prerequisite"] for step in shown if "prerequisite" in step}) == MAX_CHAIN
    assert explanation["steps_left_out"] >= 1
    assert depth_of(explanation) < 200
    assert len(sentences(explanation)) < 1_100


@pytest.mark.parametrize("limit", ["MAX_STEPS", "MAX_DEPTH", "MAX_CHARACTERS"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 30])
def test_no_limit_changes_an_answer(limit: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the record ends, the answer is the evaluation's, for every golden answer."""
    monkeypatch.setattr(record, limit, size)
    rules = load(reading.read("answers")["document"])

    for case in reading.cases("answers"):
        explanation = assert_answer(rules, case["flag"], case["context"])
        if limit == "MAX_STEPS":
            assert len(list(steps_of(explanation))) <= size


@given(
    lists=st.fixed_dictionaries({"included": LISTS, "excluded": LISTS}),
    targets=LISTS.map(lambda keys: list(dict.fromkeys(keys))),
    condition=st.sampled_from([None, {"all": []}, leaf("plan", "exists"), nested(1, leaf("plan", "exists"))]),
    context=st.fixed_dictionaries({}, optional={"targetingKey": KEYS | st.just(42), "plan": st.just("x")}),
    size=st.sampled_from([0, 1, 2, 1_000]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lists_of_keys_say_the_same(
    lists: dict[str, Any],
    targets: list[str],
    condition: Any,
    context: Any,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An explanation takes no more of a list of keys than it needs, and the answer is that of the whole list."""
    monkeypatch.setattr(record, "MAX_STEPS", size)
    members = {"members": segment(**lists, **{"if": condition})}
    asking = flag(targets={"on": targets}, rules=[rule({"not": {"segment": "members"}}, ON)])
    rules = load(document({"flag": asking, "plain": flag(targets={"on": targets})}, members))

    for key in rules.flags:
        assert_answer(rules, key, context)


def test_what_is_not_asked_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building is what takes long: no test, and no split, is built that the evaluation does not get to."""
    built: list[str] = []
    compilers = ConditionCompiler, FlagCompiler
    leaf_of, split_of = compilers[0].leaf, compilers[1].split

    def noting_leaf(self: Any, condition: Any, affirmed: bool) -> Any:
        built.append(condition["attribute"])
        return leaf_of(self, condition, affirmed)

    def noting_split(self: Any, arcs: Any, rule_id: Any) -> Any:
        built.append(rule_id)
        return split_of(self, arcs, rule_id)

    parts = [leaf("plan", "equals", "free"), leaf("never", "equals", "x")]
    shares = split((100_000, "on"))
    rules = load(
        document({"flag": flag(rules=[rule({"any": parts}, shares, "r1"), rule(parts[1], shares, "r2")])})
    )
    rules.evaluate("flag", {"targetingKey": "ada", "plan": "free"})
    monkeypatch.setattr(compilers[0], "leaf", noting_leaf)
    monkeypatch.setattr(compilers[1], "split", noting_split)

    explain(rules, "flag", {"targetingKey": "ada", "plan": "free"})

    assert built == ["plan", "r1"]
