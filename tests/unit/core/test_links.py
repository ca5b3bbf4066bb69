"""Following references between items."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import links
from flagd_core.model import MAX_CHAIN, MAX_STEPS

GRAPHS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=3), max_size=8
)


def reachable(graph: dict[str, list[str]], start: str) -> set[str]:
    """What references from `start` lead to."""
    found: set[str] = set()
    waiting = list(graph.get(start, []))
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(graph.get(key, []))
    return found


@given(graph=GRAPHS, targets=st.sets(st.sampled_from("abcdefgh"), max_size=3))
def test_reaching_is_following_references_backwards(graph: dict[str, list[str]], targets: set[str]) -> None:
    """An item is reached by a change exactly when its references lead to it, and the one named is one they lead to."""
    found = links.reaching(targets, graph)

    expected = targets | {key for key in graph if reachable(graph, key) & targets}
    assert set(found) == expected
    assert all(
        target in targets and (target == key or target in reachable(graph, key))
        for key, target in found.items()
    )


@given(graph=GRAPHS)
def test_everything_in_a_circle_is_found(graph: dict[str, list[str]]) -> None:
    """Each item in a circle has a problem; without a circle nothing has one."""
    problems = links.problems(graph, "abcdefgh", "prerequisite")

    for key in graph:
        if key in reachable(graph, key):
            assert problems[key] == "its prerequisites refer to each other in a circle"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        assert problems
    else:
        assert not problems


@given(graph=GRAPHS)
def test_what_merely_leads_to_a_circle_has_no_problem(graph: dict[str, list[str]]) -> None:
    """Only what is in a circle is broken: what depends on it, or lies between two of them, is not."""
    circles = {key for key in graph if key in reachable(graph, key)}

    assert links.problems(graph, "abcdefgh", "prerequisite").keys() == circles


@given(graph=GRAPHS, own=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3)))
def test_a_problem_depends_on_what_an_item_refers_to_alone(
    graph: dict[str, list[str]], own: dict[str, int]
) -> None:
    """What is said of an item is the same whoever else there is, as long as everything it leads to is there."""
    whole = links.follow(graph, "abcdefgh", "prerequisite", own)

    for key in graph:
        below = reachable(graph, key) | {key}
        alone = links.follow(
            {each: graph[each] for each in sorted(below) if each in graph}, "abcdefgh", "prerequisite", own
        )
        assert alone.problems.get(key) == whole.problems.get(key)
        assert alone.steps.get(key) == whole.steps.get(key)


def test_the_end_of_a_chain_is_no_reference() -> None:
    """The longest chain is fine also where its last item is there for steps of its own."""
    graph: dict[str, list[str]] = chain(MAX_CHAIN) | {str(MAX_CHAIN): []}

    assert not links.follow(graph, graph, "prerequisite", {str(MAX_CHAIN): 1}).problems


def test_what_is_asked_twice_counts_twice() -> None:
    """References that repeat are followed as often, so that they count as often, and own steps count too."""
    twice = {"a": ["b", "b"], "b": ["c", "c", "c"]}

    assert links.follow(twice, "abc", "segment").steps == {"a": 8, "b": 3}
    assert links.follow(twice, "abc", "flag", {"c": 10, "a": 1}).steps == {"a": 69, "b": 33}


def test_references_to_nothing_are_named() -> None:
    """A reference that leads to nothing is a problem of its own item."""
    assert links.problems({"a": ["gone"], "b": ["a"]}, {"a", "b"}, "segment") == {
        "a": "there is no segment 'gone'"
    }


def chain(length: int) -> dict[str, list[str]]:
    """Each item refers to the next."""
    return {str(number): [str(number + 1)] for number in range(length)}


@pytest.mark.parametrize("length", [MAX_CHAIN + 1, 20_000])
def test_chains_have_a_limit(length: int) -> None:
    """The longest chain is fine; an item above it has a problem, and no length exhausts the stack."""
    graph = chain(length)

    problems = links.problems(graph, {*graph, str(length)}, "prerequisite")

    assert str(length - MAX_CHAIN) not in problems
    assert problems[str(length - MAX_CHAIN - 1)] == f"a chain of prerequisites is longer than {MAX_CHAIN}"


def test_a_long_circle_is_found() -> None:
    """A circle of any length is found without recursion."""
    graph = chain(20_000) | {"20000": ["0"]}

    assert len(links.problems(graph, graph, "prerequisite")) == 20_001


def test_many_ways_to_the_same_items_have_a_limit() -> None:
    """Diamonds on diamonds double the work each: before it explodes, the item above answers with a problem."""
    graph = {f"{level}{side}": [f"{level + 1}a", f"{level + 1}b"] for level in range(15) for side in "ab"}

    problems = links.problems(graph, {*graph, "15a", "15b"}, "prerequisite")

    assert problems == dict.fromkeys(("6a", "6b"), f"its prerequisites take more than {MAX_STEPS} steps")
