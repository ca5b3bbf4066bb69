"""Loading one snapshot after another: what is taken over, and what must not be."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import CompiledFlag, ErrorCode, Ruleset, load
from tests.unit.core.documents import ON, document, flag, leaf, requiring, rule, segment

IN_SEGMENT = [rule({"segment": "beta"})]


def world() -> dict[str, Any]:
    """Flags that depend on each other and on segments."""
    return document(
        {
            "plain": flag(default=ON),
            "parent": flag(default=ON),
            "child": flag(default=ON, prerequisites=requiring("parent")),
            "grandchild": flag(default=ON, prerequisites=requiring("child")),
            "member": flag(rules=IN_SEGMENT),
            "below-member": flag(default=ON, prerequisites=requiring("member")),
            "outer": flag(rules=[rule({"segment": "outer"})]),
            "other": flag(rules=[rule({"segment": "other"})]),
        },
        {
            "beta": segment(included=["alice"]),
            "outer": segment(**{"if": {"segment": "beta"}}),
            "other": segment(included=["bob"]),
        },
    )


def reused(before: Ruleset, after: Ruleset) -> set[str]:
    """The flags that were taken over."""
    return {key for key, each in after.flags.items() if before.flags.get(key) is each}


def reload(change: Any) -> tuple[Ruleset, Ruleset]:
    """The world, and the world after a change of its document."""
    before = load(world())
    new = world()
    change(new)
    return before, load(new, before)


def test_an_unchanged_document_is_taken_over_whole() -> None:
    """Of a new revision with the same content every flag and segment is taken over; the head is the new one."""
    before, after = reload(lambda new: new.update(revision=2, digest="b"))

    assert reused(before, after) == set(world()["flags"])
    assert all(after.segments[key] is each for key, each in before.segments.items())
    assert (after.revision, after.digest) == (2, "b")


@pytest.mark.parametrize(
    ("place", "value", "changed"),
    [
        (("flags", "plain", "version"), 2, {"plain"}),
        (("flags", "parent", "version"), 2, {"parent", "child", "grandchild"}),
        (("flags", "child", "default"), {"variant": "off"}, {"child", "grandchild"}),
        (("flags", "new"), flag(), {"new"}),
        (("segments", "beta", "included"), ["carol"], {"member", "below-member", "outer"}),
        (("segments", "outer", "excluded"), ["carol"], {"outer"}),
        (("segments", "other", "excluded"), ["carol"], {"other"}),
        (("segments", "new"), segment(), set()),
    ],
)
def test_what_changed_is_compiled_anew_with_all_that_depends_on_it(
    place: Any, value: Any, changed: set[str]
) -> None:
    """A change reaches exactly the flags that are it or lead to it through prerequisites and segments."""

    def change(new: dict[str, Any]) -> None:
        holder = new
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = value

    before, after = reload(change)

    assert after.flags.keys() - reused(before, after) == changed


def test_a_change_of_a_segment_changes_the_answer() -> None:
    """Through a nested segment and through a prerequisite the new definition counts, and in the old ruleset the old."""
    before, after = reload(lambda new: new["segments"]["beta"].update(included=["carol"]))

    for key in ("member", "below-member", "outer"):
        assert (before.evaluate(key, "alice").value, before.evaluate(key, "carol").value) == (True, False)
        assert (after.evaluate(key, "alice").value, after.evaluate(key, "carol").value) == (False, True)


def test_a_removed_flag_is_gone() -> None:
    """Removing flags, also the last one, reaches the ruleset; what required the flag answers ERROR."""
    before, after = reload(lambda new: new["flags"].pop("parent"))

    assert after.evaluate("parent").error_code is ErrorCode.FLAG_NOT_FOUND
    assert after.evaluate("child").error_code is ErrorCode.PARSE_ERROR
    assert before.evaluate("child").value is True
    assert dict(load(document({}), before).flags) == {}


def test_a_removed_segment_is_gone_and_comes_back() -> None:
    """A flag whose segment vanishes answers ERROR, and answers again when the segment is back."""
    before, without = reload(lambda new: new["segments"].pop("beta"))
    again = load(world(), without)

    assert [rules.evaluate("member", "alice").error_code for rules in (before, without, again)] == [
        None,
        ErrorCode.PARSE_ERROR,
        None,
    ]
    message = without.evaluate("outer", "alice").error_message
    assert message == "segment 'outer': there is no segment 'beta'"


def test_a_circle_that_appears_and_goes() -> None:
    """A circle closed by an edit makes its flags answer ERROR; opened again, all of them answer."""
    before, circular = reload(
        lambda new: new["flags"]["parent"].update(prerequisites=requiring("grandchild"))
    )
    after = load(world(), circular)

    for key in ("parent", "child", "grandchild"):
        codes = [rules.evaluate(key).error_code for rules in (before, circular, after)]
        assert codes == [None, ErrorCode.PARSE_ERROR, None]
    assert circular.evaluate("plain").value is True


@pytest.mark.parametrize(("old", "new"), [(True, 1), (1, True), (0, False)])
def test_a_type_is_a_difference(old: object, new: object) -> None:
    """To Python True equals 1; a rule that changes from one to the other is compiled anew all the same."""
    before = load(document({"f": flag(rules=[rule(leaf("a", "in", old))])}))

    after = load(document({"f": flag(rules=[rule(leaf("a", "in", new))])}), before)

    assert before.evaluate("f", {"a": new}).value is False
    assert after.evaluate("f", {"a": new}).value is True


def test_a_type_inside_a_value_is_a_difference() -> None:
    """An object value that changes from 1 to 1.0 or true comes out as what it is now."""
    rules: Ruleset | None = None
    for value in (1, 1.0, True):
        shown = flag(kind="object", variants={"v": {"a": value}}, off_variant=None, default={"variant": "v"})
        rules = load(document({"f": shown}), rules)
        out: Any = rules.evaluate("f").value
        assert type(out["a"]) is type(value)


def test_a_type_that_makes_a_document_wrong_is_refused() -> None:
    """What equals the last good snapshot to Python but is no snapshot is refused as always."""
    before = load(document({"f": flag(default=ON)}))

    with pytest.raises(ValueError, match="/flags/f/variants/on"):
        load(document({"f": flag(default=ON, variants={"on": 1, "off": 0})}), before)


def test_a_refused_document_leaves_the_last_one_as_it_was() -> None:
    """Loading never changes the ruleset before, whether it succeeds or not."""
    before = load(world())
    answers = {key: before.evaluate(key, "alice") for key in before.flags}
    bad = world()
    bad["flags"]["plain"]["default"] = None
    bad["segments"]["beta"]["included"] = ["zoe"]

    with pytest.raises(ValueError, match="/flags/plain/default"):
        load(bad, before)

    assert {key: before.evaluate(key, "alice") for key in before.flags} == answers


def test_a_reused_flag_does_not_keep_old_snapshots_alive() -> None:
    """A thousand revisions of which one flag is never used do not pile up behind the flags that stay the same."""
    rules = load(world())
    gone = []
    for revision in range(2, 12):
        new = world()
        new["flags"]["plain"]["version"] = revision
        new["flags"][f"only-{revision}"] = flag()
        rules = load(new, rules)
        gone.append(_Watch(rules.flags[f"only-{revision}"]))
    gc.collect()

    assert [watch.alive() for watch in gone[:-1]] == [False] * 9
    assert gone[-1].alive()


class _Watch:
    """Tells whether a flag's definition is still held by anything; flags have no weak references of their own."""

    class _Mark(dict[str, Any]):
        __slots__ = ("__weakref__",)

    def __init__(self, watched: CompiledFlag) -> None:
        mark = self._Mark(watched.definition)
        watched.definition = mark  # type: ignore[assignment]
        self._reference = weakref.ref(mark)

    def alive(self) -> bool:
        """Whether it is."""
        return self._reference() is not None


def test_loading_leaves_the_document_alone() -> None:
    """Neither loading nor evaluating changes the document."""
    new = world()
    original = copy.deepcopy(new)

    rules = load(new)
    for key in rules.flags:
        rules.evaluate(key, "alice")

    assert new == original


REFERENCES = st.dictionaries(
    st.sampled_from("abcde"), st.lists(st.sampled_from("abcdex"), max_size=3), max_size=5
)


def linked(flags: dict[str, list[str]], segments: dict[str, list[str]]) -> dict[str, Any]:
    """A document of flags that require each other, whose rules ask segments that refer to each other."""
    asked = {key: {"any": [{"segment": other} for other in others]} for key, others in segments.items()}
    return document(
        {
            key: flag(
                default=ON,
                prerequisites=requiring(*dict.fromkeys(each for each in others if each != "x")),
                rules=[rule({"segment": key}, ON)] if key in segments else [],
            )
            for key, others in flags.items()
        },
        {key: segment(**{"if": condition}) for key, condition in asked.items()},
    )


@given(states=st.lists(st.tuples(REFERENCES, REFERENCES), min_size=2, max_size=4))
def test_a_succession_of_snapshots_answers_as_the_last_one_alone(
    states: list[tuple[dict[str, list[str]], dict[str, list[str]]]],
) -> None:
    """However references came and went before, a ruleset answers as if it had been loaded from nothing."""
    rules = None
    for flags, segments in states:
        rules = load(linked(flags, segments), rules)
    alone = load(linked(*states[-1]))

    assert rules is not None
    assert {key: rules.evaluate(key, "alice") for key in alone.flags} == {
        key: alone.evaluate(key, "alice") for key in alone.flags
    }


def test_a_segment_asked_again_and_again_has_a_limit() -> None:
    """A condition that repeats a segment costs as often: what would take hours answers with an error at once."""
    crowd = {"any": [{"segment": "inner"}] * 400}
    segments = {
        "inner": segment(**{"if": leaf("a", "equals", 1)}),
        "middle": segment(**{"if": crowd}),
        "outer": segment(**{"if": {"any": [{"segment": "middle"}] * 400}}),
    }
    flags = {
        "fine": flag(rules=[rule({"segment": "middle"}, ON)]),
        "often": flag(rules=[rule({"any": [{"segment": "middle"}] * 3}, ON)]),
        "deep": flag(rules=[rule({"segment": "outer"}, ON)]),
        "below": flag(default=ON, prerequisites=requiring("fine", "fine-too", "fine-three")),
        "fine-too": flag(rules=[rule({"segment": "middle"}, ON)]),
        "fine-three": flag(rules=[rule({"segment": "middle"}, ON)]),
    }

    rules = load(document(flags, segments))

    broken = {key for key in flags if rules.evaluate(key, {"a": 2}).error_code is ErrorCode.PARSE_ERROR}
    assert broken == {"often", "deep", "below"}
    assert "take more than 1000 steps" in str(rules.evaluate("often").error_message)
