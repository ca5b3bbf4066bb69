"""What refers to what: which items a change reaches, and which references cannot be followed.

Pure functions over graphs of keys (an item's key -> the keys it refers to): this module must never look
inside a flag or a segment. Nothing here recurses, so that no document, however it is linked, exhausts the
stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

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


def problems(graph: Graph, known: Collection[str], noun: str) -> dict[str, str]:
    """Why the references of an item cannot be followed, for each where that is so.

    They lead to nothing (not in `known`), in a circle, or through a longer chain or more steps than the
    limits allow. Two ways to one item are fine. An item that merely refers to one with a problem has none for
    that.
    """
    found: dict[str, str] = {}
    for key, references in graph.items():
        for reference in references:
            if reference not in known:
                found[key] = f"there is no {noun} {reference!r:.140}"
    order, circular = _in_order(graph)
    found.update(dict.fromkeys(circular, f"its {noun}s refer to each other in a circle"))
    chain: dict[str, int] = {}
    steps: dict[str, int] = {}
    for key in order:
        # An item with a problem is never followed, so it is where a chain ends.
        onwards = [reference for reference in graph[key] if reference not in found]
        chain[key] = 1 + max((chain.get(reference, 0) for reference in onwards), default=0)
        steps[key] = sum(1 + steps.get(reference, 0) for reference in onwards)
        if chain[key] > MAX_CHAIN:
            found[key] = f"a chain of {noun}s is longer than {MAX_CHAIN}"
        elif steps[key] > MAX_STEPS:
            found[key] = f"its {noun}s take more than {MAX_STEPS} steps"
    return found


def _in_order(graph: Graph) -> tuple[list[str], set[str]]:
    """The items with every reference before its referrer; and those in a circle, or between two circles."""
    order, rest = _peel(graph)
    from_above, _ = _peel(
        {key: [each for each in graph[key] if each in rest] for key in rest}, downwards=True
    )
    circular = rest.difference(from_above)
    # What leads into a circle can be put in order once the circle is out of the way.
    order += _peel(
        {key: [each for each in graph[key] if each in rest and each not in circular] for key in from_above}
    )[0]
    return order, circular


def _peel(graph: Graph, *, downwards: bool = False) -> tuple[list[str], set[str]]:
    """Take off, one after another, the items without references (downwards: without referrers), and the rest."""
    inside = {key: [each for each in references if each in graph] for key, references in graph.items()}
    onwards = _reversed(inside)
    if downwards:
        inside, onwards = onwards, inside
    left = {key: len(inside.get(key, ())) for key in graph}
    order = [key for key, count in left.items() if not count]
    for key in order:  # The list grows while it is walked.
        for other in onwards.get(key, ()):
            left[other] -= 1
            if not left[other]:
                order.append(other)
    return order, {key for key, count in left.items() if count}


def _reversed(graph: Graph) -> dict[str, list[str]]:
    referrers: dict[str, list[str]] = {}
    for key, references in graph.items():
        for reference in references:
            referrers.setdefault(reference, []).append(key)
    return referrers
