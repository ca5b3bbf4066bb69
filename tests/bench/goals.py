"""What flagd's client is meant to reach, and how far it is from it. All but the last four are ratios within one run,
which hold on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tests.bench import clients
from tests.bench.flags import PLAIN, RULES, SEGMENTS, SPLIT, VARIANTS
from tests.bench.measure import THREADS, Found
from tests.bench.worker import ALL

Results = Mapping[str, Found]
_SEGMENT: Final = SEGMENTS[1_000].key
TITLES: Final = {
    PLAIN.key: "W1 plain",
    SPLIT.key: "W2 split",
    RULES.key: "W3 rules",
    _SEGMENT: "W4 segment",
    VARIANTS.key: "W5 variants",
    ALL: "W6 all flags",
}
_TIMES_LEAST: Final = {PLAIN.key: 4.0, SPLIT.key: 3.0, RULES.key: 3.0, _SEGMENT: 3.0, VARIANTS.key: 3.0}
_TIMES_PEER: Final = {
    PLAIN.key: 3.5,
    SPLIT.key: 3.0,
    RULES.key: 1.3,
    _SEGMENT: 4.0,
    VARIANTS.key: 2.5,
    ALL: 3.0,
}
_TIMES_LAUNCHDARKLY: Final = {PLAIN.key: 40.0, SPLIT.key: 40.0}
_NO_GROWTH: Final = 1.25
_MANY: Final = {
    "load": ("loading 10,000 flags, without parsing, ms", 120.0),
    "replace": ("taking over one changed flag of 10,000, without parsing, ms", 5.0),
    "loaded": ("memory for 10,000 flags, MiB", 30.0),
    "import": ("import, ms", 50.0),
}


class Goal(NamedTuple):
    """A goal, and what was found."""

    text: str
    limit: float
    found: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.found >= self.limit if self.at_least else self.found <= self.limit


def best(numbers: Sequence[float]) -> float:
    """The lowest of several measurements: what disturbs only ever adds."""
    return min(numbers)


def goals(found: Sequence[Found]) -> list[Goal]:
    """Those that can be told from what was measured."""
    results = {each.name: each for each in found if not each.out}
    if clients.OURS not in results:
        return []
    return [*_beside_least(results), *_beside_peers(results), *_alone(results[clients.OURS])]


def fastest_peer(found: Sequence[Found], workload: str) -> tuple[str, float] | None:
    """The fastest of the other clients and its nanoseconds."""
    peers = [
        (each.name, best(each.ns[workload]))
        for each in found
        if each.name in clients.PEERS and not each.out and workload in each.ns
    ]
    return min(peers, key=lambda peer: peer[1], default=None)


def _beside_least(results: Results) -> Iterator[Goal]:
    for workload, limit in _TIMES_LEAST.items():
        ratio = _ratio(results, clients.OURS, clients.LEAST, workload)
        if ratio is not None:
            yield Goal(f"{TITLES[workload]}: times the least code", limit, ratio, at_least=False)


def _beside_peers(results: Results) -> Iterator[Goal]:
    for workload, limit in _TIMES_PEER.items():
        peer = fastest_peer(list(results.values()), workload)
        if peer is not None and (ratio := _ratio(results, peer[0], clients.OURS, workload)) is not None:
            yield Goal(
                f"{TITLES[workload]}: times as fast as the best peer ({peer[0]})", limit, ratio, at_least=True
            )
    for workload, limit in _TIMES_LAUNCHDARKLY.items():
        ratio = _ratio(results, clients.LAUNCHDARKLY_EVENTS, clients.OURS, workload)
        if ratio is not None:
            text = f"{TITLES[workload]}: times as fast as {clients.LAUNCHDARKLY_EVENTS}"
            yield Goal(text, limit, ratio, at_least=True)


def _alone(ours: Found) -> Iterator[Goal]:
    sizes = sorted(SEGMENTS)
    small, large = (ours.ns.get(SEGMENTS[size].key) for size in (sizes[0], sizes[-1]))
    if small and large:
        text = f"segment of {sizes[-1]:,} keys: times one of {sizes[0]}"
        yield Goal(text, _NO_GROWTH, best(large) / best(small), at_least=False)
    if ours.in_threads is not None:
        yield Goal(f"{THREADS} threads: throughput, times that of one", 0.85, ours.in_threads, at_least=True)
    for what, (text, limit) in _MANY.items():
        if what in ours.many:
            yield Goal(text, limit, best(ours.many[what]), at_least=False)


def _ratio(results: Results, over: str, under: str, workload: str) -> float | None:
    if not all(name in results and workload in results[name].ns for name in (over, under)):
        return None
    return best(results[over].ns[workload]) / best(results[under].ns[workload])
