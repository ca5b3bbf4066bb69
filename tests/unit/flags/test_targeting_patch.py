"""A targeting under patches: what merges, what moves, what is refused and where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.flags.model import Fixed, Split
from flagd.flags.patch import apply
from flagd_core import ring
from flagd_core.bucketing import SLOTS

from .builders import SALT, around, flag, leaf, problems_of, rule, targeting

BOOLEAN = flag()
COLOURS = flag("blue", "green", "red")


@st.composite
def weights(draw: st.DrawFn) -> dict[str, float]:
    """Percentages of the three colours with up to three decimals that sum to exactly 100."""
    one, other = sorted(draw(st.lists(st.integers(0, SLOTS), min_size=2, max_size=2)))
    slots = {"blue": one, "green": other - one, "red": SLOTS - other}
    return {name: size / 1000 for name, size in slots.items()}


def split(shares: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A patch of the default that divides everybody."""
    return {"default": {"split": {"weights": shares, **members}}}


def refused(patch: dict[str, Any], *before: dict[str, Any], **facts: Any) -> dict[str, str]:
    """What is wrong with a patch of the boolean flag, by pointer."""
    old = targeting(BOOLEAN, *before, **facts)
    return problems_of(lambda: apply(old, patch, around(BOOLEAN, **facts)))


# --- merging -----------------------------------------------------------------------------------------------


def test_absent_null_and_a_value_are_three_things() -> None:
    """The off variant stays when it is left out, goes with null, and changes with a value."""
    assert targeting(BOOLEAN, {"enabled": True}).off_variant == "off"
    assert targeting(BOOLEAN, {"off_variant": None}).off_variant is None
    assert targeting(BOOLEAN, {"off_variant": "on"}).off_variant == "on"


@given(
    first=weights(),
    second=weights(),
    enabled=st.booleans(),
    keys=st.sets(st.text("abc", min_size=1), max_size=3),
)
def test_applying_twice_is_applying_once(
    first: dict[str, float], second: dict[str, float], enabled: bool, keys: set[str]
) -> None:
    """A patch that was applied changes nothing, and moves nobody, when it is applied again."""
    old = targeting(COLOURS, split(first))
    patch = {
        **split(second),
        "enabled": enabled,
        "targets": {"red": sorted(keys)},
        "rules": {"r1": {"if": {"all": [leaf(), leaf("email")]}, "serve": {"split": {"weights": second}}}},
    }
    once = apply(old, patch, around(COLOURS)).targeting
    twice = apply(once, patch, around(COLOURS))
    assert twice.targeting == once
    assert set(twice.moved.values()) == {0}


@given(shares=weights())
def test_sending_a_targeting_back_changes_nothing(shares: dict[str, float]) -> None:
    """The document that was read is a patch without effect: read-only members included."""
    old = targeting(
        COLOURS, split(shares), {"rules": {"r1": rule(variant="red")}, "targets": {"red": ["alice"]}}
    )
    document = {**old.document("checkout", "production"), "revision": 7}
    assert apply(old, document, around(COLOURS)).targeting == old


@given(first=weights(), second=weights())
def test_what_is_kept_is_the_salt_and_what_moves_is_the_minimum(
    first: dict[str, float], second: dict[str, float]
) -> None:
    """New weights keep the salt and move exactly the sum of what variants gain."""
    old = targeting(COLOURS, split(first))
    patched = apply(old, split(second), around(COLOURS, salt="another"))
    default = patched.targeting.default
    assert isinstance(default, Split)
    assert default.salt == SALT
    gains = sum(max(0, round(second[name] * 1000) - round(first[name] * 1000)) for name in first)
    assert patched.moved == {"/default": gains / 1000}
    assert ring.weights_of(default.arcs) == {
        name: round(share * 1000) for name, share in second.items() if share
    }


def test_one_percent_more_moves_one_percent() -> None:
    """40/30/30 to 41/29/30 moves exactly one percent of the units."""
    old = targeting(COLOURS, split({"blue": 40, "green": 30, "red": 30}))
    patched = apply(old, split({"blue": 41, "green": 29}), around(COLOURS))
    assert patched.moved == {"/default": 1}


def test_switching_touches_nothing_else() -> None:
    """A flag can be switched off though what its rules refer to is gone: only what a patch names is checked."""
    old = targeting(
        BOOLEAN, {"rules": {"r1": rule({"segment": "beta"})}, "enabled": True}, segments={"beta": ()}
    )
    off = apply(old, {"enabled": False}, around(BOOLEAN)).targeting
    assert (off.enabled, off.rules) == (False, old.rules)


# --- serves ------------------------------------------------------------------------------------------------


def test_a_variant_becomes_a_split_and_back() -> None:
    """The moved share of a change between one variant and a split is the share of the other variants."""
    old = targeting(BOOLEAN, {"default": {"variant": "off"}})
    widened = apply(old, split({"on": 12.5, "off": 87.5}), around(BOOLEAN))
    assert widened.moved == {"/default": 12.5}
    back = apply(widened.targeting, {"default": {"variant": "off"}}, around(BOOLEAN))
    assert back.targeting.default == Fixed("off")
    assert back.moved == {"/default": 12.5}


def test_a_new_salt_is_a_deliberate_act_and_its_cost_is_told() -> None:
    """A null salt draws a new one, and the units that are expected to move are reported."""
    old = targeting(BOOLEAN, split({"on": 50, "off": 50}))
    patched = apply(old, {"default": {"split": {"salt": None}}}, around(BOOLEAN, salt="fresh"))
    assert patched.targeting.default == Split("fresh", "targetingKey", old.default.arcs)
    assert patched.moved == {"/default": 50}


def test_new_splits_of_one_patch_have_salts_of_their_own() -> None:
    """Two splits made at once do not sort the same people into the same shares."""
    half = {"split": {"weights": {"on": 50, "off": 50}}}
    made = targeting(BOOLEAN, {"default": half, "rules": {"r1": {"if": leaf(), "serve": half}}})
    salts = {serve.salt for _, serve in made.serves() if isinstance(serve, Split)}
    assert len(salts) == 2


def test_a_share_of_zero_is_no_share() -> None:
    """A variant with weight 0 does not appear in the split."""
    made = targeting(BOOLEAN, split({"on": 0, "off": 100}))
    assert made.default.document()["split"]["weights"] == {"off": 100}


@pytest.mark.parametrize(
    ("shares", "pointer", "words"),
    [
        ({"on": 20, "off": 70}, "/default/split/weights", "add up to 90 %"),
        ({"on": 33.333, "off": 66.666}, "/default/split/weights", "add up to 99.999 %"),
        ({"on": 33.3333, "off": 66.6667}, "/default/split/weights/on", "3 decimals"),
        ({"on": -1, "off": 101}, "/default/split/weights/on", "between 0 and 100"),
        ({"on": True, "off": 99}, "/default/split/weights/on", "must be a number"),
        ({"on": "20", "off": 80}, "/default/split/weights/on", "must be a number"),
        ({"on": float("nan"), "off": 80}, "/default/split/weights/on", "between 0 and 100"),
        (
            {"on": 20, "maybe": 80},
            "/default/split/weights/maybe",
            "there is no variant 'maybe'; known: on, off",
        ),
        ([20, 80], "/default/split/weights", "must be an object"),
        (None, "/default/split/weights", "is required"),
    ],
)
def test_weights_that_cannot_be(shares: Any, pointer: str, words: str) -> None:
    """Weights are percentages of variants with three decimals at most, and sum to exactly 100."""
    assert words in refused(split(shares))[pointer]


def test_tenths_sum_exactly() -> None:
    """Percentages are added as decimals, so 0.1 and 0.2 and 99.7 are 100."""
    made = targeting(COLOURS, split({"blue": 0.1, "green": 0.2, "red": 99.7}))
    assert made.default.document()["split"]["weights"] == {"blue": 0.1, "green": 0.2, "red": 99.7}


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"default": {}}, "", None),
        ({"default": {"variant": "maybe"}}, "/default/variant", "there is no variant 'maybe'"),
        ({"default": {"variant": 1}}, "/default/variant", "must be the name of a variant"),
        ({"default": {"variant": "on", "split": {}}}, "/default", "exactly one"),
        ({"default": {"variant": None}}, "/default", "exactly one"),
        ({"default": {"serve": "on"}}, "/default/serve", "unknown member; known here: variant, split"),
        ({"default": "on"}, "/default", "must be an object, not a string"),
        ({"default": None}, "/default", "cannot be removed"),
        ({"enabled": None}, "/enabled", "cannot be removed"),
        ({"enabled": 1}, "/enabled", "must be true or false, not a number"),
        ({"enabled": "yes"}, "/enabled", "must be true or false, not a string"),
        ({"off_variant": "maybe"}, "/off_variant", "there is no variant"),
        ({"enabeld": True}, "/enabeld", "unknown member"),
        ({"version": 9}, "/version", "cannot be changed here"),
        ({"flag": "other"}, "/flag", "cannot be changed here"),
        (split({"on": 100}, salt="x" * 129), "/default/split/salt", "1 to 128 characters"),
        (split({"on": 100}, unit=""), "/default/split/unit", "1 to 256 characters"),
        (split({"on": 100}, algorithm="sha1"), "/default/split/algorithm", "must be 'murmur3'"),
        (split({"on": 100}, arcs=[[SLOTS, "on"]]), "/default/split/arcs", "cannot be written"),
        (split({"on": 100}, percent=3), "/default/split/percent", "unknown member"),
    ],
)
def test_members_that_cannot_be(patch: dict[str, Any], pointer: str, words: str | None) -> None:
    """Whatever is wrong is named by its place in the patch; an empty serve changes nothing."""
    if words is None:
        assert targeting(BOOLEAN, patch) == targeting(BOOLEAN)
    else:
        assert words in refused(patch)[pointer]


def test_every_problem_is_told_at_once() -> None:
    """One answer lists all that is wrong, not only the first."""
    assert refused({"enabled": 1, "off_variant": "x", "rules": {"r1": {}}}).keys() == {
        "/enabled",
        "/off_variant",
        "/rules/r1/if",
        "/rules/r1/serve",
    }


# --- targets -----------------------------------------------------------------------------------------------


def test_targets_merge_by_variant() -> None:
    """A patch of one variant's targets leaves those of the others alone; null and an empty array remove."""
    made = targeting(COLOURS, {"targets": {"blue": ["alice"], "green": ["bob"]}})
    assert targeting(
        COLOURS, {"targets": {"blue": ["alice"], "green": ["bob"]}}, {"targets": {"blue": None}}
    ).targets == {"green": ("bob",)}
    assert apply(made, {"targets": {"green": []}}, around(COLOURS)).targeting.targets == {"blue": ("alice",)}
    assert apply(made, {"targets": None}, around(COLOURS)).targeting.targets == {}


@pytest.mark.parametrize(
    ("targets", "pointer", "words"),
    [
        ({"on": ["a", "b", "a"]}, "/targets/on/2", "'a' appears twice"),
        ({"on": ["a"], "off": ["b", "a"]}, "/targets/off/1", "also a target of 'on'"),
        ({"on": ["a", ""]}, "/targets/on/1", "1 to 256 characters"),
        ({"on": ["a\x00b"]}, "/targets/on/0", "control characters"),
        ({"on": ["\ud800"]}, "/targets/on/0", "control characters"),
        ({"on": [5]}, "/targets/on/0", "must be a string"),
        ({"on": "alice"}, "/targets/on", "must be an array"),
        ({"maybe": ["a"]}, "/targets/maybe", "there is no variant"),
        (["a"], "/targets", "must be an object"),
        ({"on": [str(number) for number in range(10_001)]}, "/targets/on", "at most 10000 items"),
        ({"a/b~c": ["x"]}, "/targets/a~1b~0c", "there is no variant"),
    ],
)
def test_targets_that_cannot_be(targets: Any, pointer: str, words: str) -> None:
    """A key is a target once, under a variant that the flag has."""
    assert words in refused({"targets": targets})[pointer]


def test_targets_may_be_in_any_script() -> None:
    """Targeting keys and descriptions hold any text a person may have typed."""
    made = targeting(BOOLEAN, {"targets": {"on": ["Łukasz", "小明", "👩🏽‍🚀"]}})
    assert made.targets == {"on": ("Łukasz", "小明", "👩🏽‍🚀")}


# --- rules -------------------------------------------------------------------------------------------------


def test_new_rules_come_last_and_removed_ones_leave_the_order() -> None:
    """Rules are added and removed without naming the order; naming it arranges them."""
    made = targeting(BOOLEAN, {"rules": {"a": rule(), "b": rule()}}, {"rules": {"c": rule(), "a": None}})
    assert [each.id for each in made.rules] == ["b", "c"]
    arranged = targeting(BOOLEAN, {"rules": {"a": rule(), "b": rule()}, "rule_order": ["b", "a"]})
    assert [each.id for each in arranged.rules] == ["b", "a"]
    assert targeting(BOOLEAN, {"rules": {"a": rule()}}, {"rules": None}).rules == ()


def test_a_part_of_a_rule_is_patched_alone() -> None:
    """A patch that names one condition's values leaves the rest of the rule as it was."""
    condition = {"all": [leaf("plan", "beta"), leaf("country", "se")]}
    made = targeting(
        BOOLEAN,
        {"rules": {"r1": {**rule(condition), "description": "Nordic"}}},
        {"rules": {"r1": {"if": {"all": {"c2": {"values": ["se", "no"]}}}}}},
    )
    assert made.rules[0].document() == {
        "description": "Nordic",
        "if": {"all": {"c1": leaf("plan", "beta"), "c2": leaf("country", "se", "no")}},
        "serve": {"variant": "on"},
    }


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"rules": {"r1": {"serve": {"variant": "on"}}}}, "/rules/r1/if", "is required"),
        ({"rules": {"r1": {"if": leaf()}}}, "/rules/r1/serve", "is required"),
        ({"rules": {"r1": {**rule(), "if": None}}}, "/rules/r1/if", "is required"),
        ({"rules": {"r1": {**rule(), "then": 1}}}, "/rules/r1/then", "unknown member"),
        ({"rules": {"r 1": rule()}}, "/rules/r 1", "must be letters"),
        ({"rules": {"r1": []}}, "/rules/r1", "must be an object"),
        ({"rules": [rule()]}, "/rules", "must be an object, not an array"),
        ({"rules": {"r1": rule(variant="maybe")}}, "/rules/r1/serve/variant", "there is no variant"),
        ({"rules": {"r1": {**rule(), "description": "x" * 501}}}, "/rules/r1/description", "at most 500"),
        ({"rule_order": ["old", "old"]}, "/rule_order/1", "appears twice"),
        ({"rule_order": []}, "/rule_order", "missing: old"),
        ({"rule_order": ["old", "other"]}, "/rule_order/1", "there is no rule 'other'"),
        ({"rule_order": "old"}, "/rule_order", "must be an array"),
        ({"rules": {f"r{number}": rule() for number in range(200)}}, "/rules", "at most 200 rules, not 201"),
    ],
)
def test_rules_that_cannot_be(patch: dict[str, Any], pointer: str, words: str) -> None:
    """A rule has an id, a condition and a serve; the order names every rule once."""
    assert words in refused(patch, {"rules": {"old": rule()}})[pointer]


def test_all_rules_together_have_an_end_to_their_patterns() -> None:
    """Patterns added rule by rule are counted with those that are there; what is there can always be removed."""
    many = {"if": leaf("email", *["a"] * 30, op="regex"), "serve": {"variant": "on"}}
    old = {"rules": {"old": many}}
    assert refused({"rules": {"new": many}}, old) == {
        "/rules": "must hold at most 50 patterns in all, not 60"
    }
    replaced = targeting(BOOLEAN, old, {"rules": {"new": many, "old": None}})
    assert [each.id for each in replaced.rules] == ["new"]


# --- prerequisites -----------------------------------------------------------------------------------------

OTHERS: dict[str, Any] = {
    "flags": {"parent": ("on", "off"), "base": ("v1", "v2")},
    "requirements": {"parent": {"base"}, "base": set()},
}


def test_prerequisites_merge_by_flag() -> None:
    """A patch adds and removes prerequisites one by one, and diamonds are no circles."""
    made = targeting(BOOLEAN, {"prerequisites": {"parent": ["on"], "base": ["v1", "v2"]}}, **OTHERS)
    assert made.prerequisites == {"parent": ("on",), "base": ("v1", "v2")}
    assert apply(
        made, {"prerequisites": {"base": None}}, around(BOOLEAN, **OTHERS)
    ).targeting.prerequisites == {"parent": ("on",)}


@pytest.mark.parametrize(
    ("prerequisites", "pointer", "words"),
    [
        (
            {"ghost": ["on"]},
            "/prerequisites/ghost",
            "there is no flag 'ghost' in this project, or it is archived",
        ),
        ({"checkout": ["on"]}, "/prerequisites/checkout", "cannot be its own prerequisite"),
        ({"parent": ["maybe"]}, "/prerequisites/parent/0", "no variant 'maybe'; known: on, off"),
        ({"parent": []}, "/prerequisites/parent", "at least one variant"),
        ({"parent": "on"}, "/prerequisites/parent", "must be an array"),
        (["parent"], "/prerequisites", "must be an object"),
    ],
)
def test_prerequisites_that_cannot_be(prerequisites: Any, pointer: str, words: str) -> None:
    """A prerequisite is another flag that is in use, and variants that it has."""
    assert words in refused({"prerequisites": prerequisites}, **OTHERS)[pointer]


def test_a_circle_of_prerequisites_is_told_with_its_path() -> None:
    """Flags that would wait for each other are refused, naming every flag on the way."""
    facts = {**OTHERS, "requirements": {"parent": {"base"}, "base": {"checkout"}}}
    refusal = refused({"prerequisites": {"parent": ["on"]}}, **facts)
    assert "checkout -> parent -> base -> checkout" in refusal["/prerequisites/parent"]


def test_a_patch_nested_without_end_is_refused() -> None:
    """A document of a thousand levels is a problem with a place, not a stack that overflows."""
    nested: Any = "on"
    for _ in range(1000):
        nested = {"a": nested}
    (pointer, words), *_ = refused({"rules": nested}).items()
    assert pointer.startswith("/rules/a/a")
    assert "64 levels" in words
