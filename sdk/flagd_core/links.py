"""What refers to what: which items a change reaches, and which references cannot be followed.

Pure functions over graphs of keys (an item's key -> the keys it refers to): this module must never look
inside a flag or a segment. Nothing here recurses, so that no document, however it is linked, exhausts the
stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from flagd_core.model import MAX_CHAIN, MAX_STEPS

Graph = Mapping[str, Collection[str]]


def reaching(targets: Iterable[str], graph: Graph) -> dict[str, str]:
    """The items from which references lead to one of `targets`, directly or through others, and to which one.

    The targets are among them and lead to themselves.
    """
    found = {key: key for key in targets}
    if not found or not graph:
        return found
    referrers = _reversed(graph)
    waiting = list(found)
    while waiting:
        reached = waiting.pop()
        for key in referrers.get(reached, ()):
            if key not in found:
                found[key] = found[reached]
                waiting.append(key)
    return found


class Followed(NamedTuple):
    """What following the references of a graph found, by item."""

    problems: dict[str, str]
    """Why its references cannot be followed, for each where that is so."""
    steps: dict[str, int]
    """How many evaluations of others it causes."""


def follow(graph: Graph, known: Collection[str], noun: str, own: Mapping[str, int] | None = None) -> Followed:
    """Follow all references; one that occurs twice in an item is followed twice.

    They cannot be followed where they lead to nothing (not in `known`), in a circle, or through a longer
    chain or more steps than the limits allow. Two ways to one item are fine. An item that merely refers to
    one with a problem has none for that. `own` are steps that items take besides, through segments.
    """
    own = own or {}
    found: dict[str, str] = {}
    for key, references in graph.items():
        for reference in references:
            if reference not in known:
                found[key] = f"there is no {noun} {reference!r:.140}"
    chain: dict[str, int] = {}
    steps: dict[str, int] = {}
    for component in _components(graph):
        if len(component) > 1 or component[0] in graph[component[0]]:
            found.update(dict.fromkeys(component, f"its {noun}s refer to each other in a circle"))
            continue
        (key,) = component
        # An item with a problem is never followed, so it is where a chain ends.
        onwards = [reference for reference in graph[key] if reference not in found]
        chain[key] = 1 + max((chain.get(each, 0) for each in onwards), default=0) if graph[key] else 0
        steps[key] = own.get(key, 0) + sum(1 + steps.get(each, own.get(each, 0)) for each in onwards)
        if chain[key] > MAX_CHAIN:
            found[key] = f"a chain of {noun}s is longer than {MAX_CHAIN}"
        elif steps[key] > MAX_STEPS:
            through = f"{noun}s and segments" if own else f"{noun}s"
            found[key] = f"its {through} take more than {MAX_STEPS} steps"
    return Followed(found, steps)


def problems(graph: Graph, known: Collection[str], noun: str) -> dict[str, str]:
    """The problems that `follow` finds."""
    return follow(graph, known, noun).problems


def _components(graph: Graph) -> Iterator[list[str]]:
    """Items that refer to each other in a circle together, all others alone; whatever an item refers to before it.

    Tarjan's algorithm. What it says of an item depends on nothing but what the item's references lead to.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    way: list[tuple[str, Iterator[str]]] = []

    def enter(key: str) -> None:
        number[key] = lowest[key] = len(number)
        open_.append(key)
        way.append((key, iter([each for each in graph[key] if each in graph])))

    for start in graph:
        if start not in number:
            enter(start)
        while way:
            key, references = way[-1]
            for reference in references:
                if reference not in number:
                    enter(reference)
                    break
                lowest[key] = min(lowest[key], number[reference] if reference in lowest else number[key])
            else:
                way.pop()
                if way:
                    lowest[way[-1][0]] = min(lowest[way[-1][0]], lowest[key])
                if lowest[key] == number[key]:
                    component = _popped(open_, key)
                    for each in component:
                        del lowest[each]
                    yield component


def _popped(items: list[str], until: str) -> list[str]:
    """The end of a list from an item on, taken away."""
    taken = [items.pop()]
    while taken[-1] != until:
        taken.append(items.pop())
    return taken


def _reversed(graph: Graph) -> dict[str, list[str]]:
    referrers: dict[str, list[str]] = {}
    for key, references in graph.items():
        for reference in references:
            referrers.setdefault(reference, []).append(key)
    return referrers
