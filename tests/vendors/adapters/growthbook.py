"""GrowthBook: features evaluated for one user after the other. Of its Python SDK a release before 4.0.0 is asked, too,
because there a force rule's coverage has one position more, as in all its other SDKs.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from growthbook import GrowthBook

from tests.vendors.asking import Split, everybody, positions_below, ring

DISTRIBUTION = "growthbook"
_SIZE = {1: 1_000, 2: 10_000}
_SEED = "new-checkout"
_OLD = int(version(DISTRIBUTION).split(".")[0]) < 4


def splits() -> Iterator[Split]:
    """Rollouts of a value to a part, experiments, and namespaces."""
    for generation in (1, 2):
        for coverage in (0.001, 0.1, 0.25, 0.3333, 0.999):
            yield _force(generation, _SEED, coverage)
        if not _OLD:
            yield _force(generation, "größe-😀", 0.5)
            yield _experiment(generation, "halves", [0.5, 0.5], 1)
            yield _experiment(generation, "thirds", [1 / 3, 1 / 3, 1 / 3], 1)
            yield _experiment(generation, "covered", [0.3, 0.7], 0.4)
            yield _ranges(generation, [(0, 0.1), (0.1, 0.35), (0.5, 1.0)])
    if not _OLD:
        yield _namespace(0.2, 0.65)


def _force(generation: int, seed: str, coverage: float) -> Split:
    rule = {"force": "in", "coverage": coverage, "hashVersion": generation, "seed": seed}
    size = _SIZE[generation]
    # The difference between the releases.
    end = positions_below(size, lambda n: n / size <= coverage if _OLD else n / size < coverage)
    what = f"{'closed ' if _OLD else ''}coverage {coverage} of {seed}"
    return _split(generation, what, seed, [(end, "in"), (size, "out")], [rule])


def _experiment(generation: int, what: str, weights: list[float], coverage: float) -> Split:
    size, start = _SIZE[generation], 0.0
    arcs = []
    for index, weight in enumerate(weights):
        arcs += [(_end(size, start), "out"), (_end(size, start + coverage * weight), f"v{index}")]
        start += weight
    rule = {"variations": _names(weights), "weights": weights, "coverage": coverage}
    return _split(generation, what, _SEED, [*arcs, (size, "out")], [rule | _hashing(generation)])


def _ranges(generation: int, ranges: list[tuple[float, float]]) -> Split:
    size = _SIZE[generation]
    arcs = []
    for index, (start, end) in enumerate(ranges):
        arcs += [(_end(size, start), "out"), (_end(size, end), f"v{index}")]
    rule = {"variations": _names(ranges), "ranges": ranges}
    return _split(generation, "ranges", _SEED, [*arcs, (size, "out")], [rule | _hashing(generation)])


def _namespace(start: float, end: float) -> Split:
    size = _SIZE[1]
    arcs = [(_end(size, start), "out"), (_end(size, end), "in"), (size, "out")]
    # All weight is on the first variation: who is in the namespace has it.
    rule = {"variations": ["in", "never"], "weights": [1, 0], "namespace": ["checkout", start, end]}
    return _split(1, "a namespace", "__checkout", arcs, [rule | _hashing(2)])


def _split(generation: int, what: str, salt: str, arcs: list[tuple[int, str]], rules: list[Any]) -> Split:
    features = {"f": {"defaultValue": "out", "rules": rules}}

    def ask(unit: str) -> str:
        return str(GrowthBook(attributes={"id": unit}, features=features).eval_feature("f").value)

    concerns = _of_one_code_unit if _OLD else everybody
    return Split(f"growthbook.v{generation}", what, salt, ring(arcs), ask, concerns)


def _hashing(generation: int) -> dict[str, Any]:
    return {"hashVersion": generation, "seed": _SEED, "key": "experiment"}


def _end(size: int, limit: float) -> int:
    return positions_below(size, lambda n: n / size < limit)


def _names(variations: list[Any]) -> list[str]:
    return [f"v{index}" for index in range(len(variations))]


def _of_one_code_unit(unit: str) -> bool:
    """The older release hashes characters beyond the first 65,536 in a way of its own."""
    return all(ord(character) < 0x10000 for character in unit)
