"""What flags and segments refer to, looked at as a whole: no circle, and nothing that applications cannot follow.

Pure. How far references may lead is `flagd_core.links`' to say; an application answers ERROR beyond it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from flagd_core import links
from flagd_core.model import MAX_CHAIN, MAX_STEPS

References = Mapping[str, Collection[str]]
"""Each item's key, with the keys of the items it refers to."""

_LONGEST: Final = MAX_CHAIN + 1
"""References in the shortest chain that is too long."""


def path_around(start: str, references: References) -> tuple[str, ...] | None:
    """The shortest way from a key along its references back to itself, both ends included; None without one."""
    return _way(start, start, references)


def beyond_limits(references: References, key: str, wanted: Collection[str], noun: str) -> str | None:
    """Why applications could not follow the references if `key` had the `wanted` ones, and the way they lead.

    None where they could, and where nothing gets worse: taking references away is always fine.
    """
    if Counter(list(wanted)) <= Counter(list(references.get(key, ()))):
        return None
    after = {**references, key: wanted}
    found = _problems(after, noun)
    fresh = found.keys() - _problems(references, noun).keys()
    if not fresh:
        return None
    blamed = key if key in fresh else min(fresh)
    chain = _chain(blamed, after)
    path = chain if len(chain) > _LONGEST else _way(blamed, key, after) if blamed != key else (key,)
    return f"{found[blamed]}: {' -> '.join(path or chain)}"


def steps_of(segments: References) -> Mapping[str, int]:
    """How many evaluations of others each segment of a project causes; those that cause none are left out."""
    graph = {key: keys for key, keys in segments.items() if keys}
    return links.follow(graph, segments.keys(), "segment").steps


def beyond_steps(asked: Collection[str], steps: Mapping[str, int]) -> str | None:
    """Why applications could not ask for these segments, which cause `steps`; None where they could."""
    total = sum(1 + steps.get(key, 0) for key in asked)
    if total <= MAX_STEPS:
        return None
    return f"the rules lead to {total} evaluations of segments, and at most {MAX_STEPS} are made"


def _problems(references: References, noun: str) -> dict[str, str]:
    # As applications see them: items that refer to nothing are in no chain. Whether what is referred to
    # exists was checked where it was named.
    graph = {key: keys for key, keys in references.items() if keys}
    known = {*graph, *(key for keys in graph.values() for key in keys)}
    return links.problems(graph, known, noun)


def _way(start: str, goal: str, references: References) -> tuple[str, ...] | None:
    seen = {start}
    paths: list[tuple[str, ...]] = [(start,)]
    while paths:
        longer: list[tuple[str, ...]] = []
        for path in paths:
            for key in sorted(references.get(path[-1], ())):
                if key == goal:
                    return (*path, goal)
                if key not in seen:
                    seen.add(key)
                    longer.append((*path, key))
        paths = longer
    return None


def _chain(start: str, references: References) -> tuple[str, ...]:
    """The longest chain that begins here, as far as it takes to see that it is too long."""
    paths: dict[str, tuple[str, ...]] = {start: (start,)}
    for _ in range(_LONGEST):
        longer = {
            key: (*path, key) for last, path in paths.items() for key in sorted(references.get(last, ()))
        }
        if not longer:
            break
        paths = longer
    return min(paths.values())
