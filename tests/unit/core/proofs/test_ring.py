"""Rings: minimal movement and everything that follows from it."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagd_core import ring
from flagd_core.bucketing import SLOTS

VARIANTS = ("a", "b", "c", "d", "e", "f")


@st.composite
def weights(draw: st.DrawFn, variants: tuple[str, ...] = VARIANTS) -> dict[str, int]:
    """Weights of some of the variants, in any order; whole percents half of the time, as people give them."""
    names = draw(st.lists(st.sampled_from(variants), min_size=1, unique=True))
    unit = draw(st.sampled_from([1, 1000]))
    cuts = sorted(
        draw(st.lists(st.integers(0, SLOTS // unit), min_size=len(names) - 1, max_size=len(names) - 1))
    )
    ends = [0, *(cut * unit for cut in cuts), SLOTS]
    return {name: end - start for name, start, end in zip(names, ends, ends[1:], strict=False)}


@st.composite
def rings(draw: st.DrawFn) -> ring.Arcs:
    """Any ring, however cut up."""
    ends = sorted(draw(st.sets(st.integers(1, SLOTS - 1), max_size=30)))
    return tuple((end, draw(st.sampled_from(VARIANTS))) for end in [*ends, SLOTS])


def given_up(old: dict[str, int], new: dict[str, int]) -> int:
    """The arithmetic minimum: what the variants that lose have to give."""
    return sum(max(0, weight - new.get(variant, 0)) for variant, weight in old.items())


def owner_of(arcs: ring.Arcs, slot: int) -> str:
    """Who owns a slot."""
    return next(variant for end, variant in arcs if slot < end)


def ends_of(arcs: ring.Arcs) -> set[int]:
    """Where arcs end."""
    return {end for end, _ in arcs}


@given(wanted=weights())
def test_a_fresh_ring_has_exactly_the_weights(wanted: dict[str, int]) -> None:
    """A fresh ring gives each variant its weight in one arc, and none to a variant of weight zero."""
    arcs = ring.divide(wanted)

    assert ring.weights_of(arcs) == {name: weight for name, weight in wanted.items() if weight}
    assert len(arcs) == len(ring.weights_of(arcs))


@given(arcs=rings(), wanted=weights())
def test_an_edit_moves_the_arithmetic_minimum(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """From any ring to any weights, exactly what the losing variants give up moves, and the weights are exact."""
    new = ring.reweigh(arcs, wanted)

    assert ring.moved(arcs, new) == given_up(ring.weights_of(arcs), wanted)
    assert ring.weights_of(new) == {name: weight for name, weight in wanted.items() if weight}


@given(arcs=rings(), wanted=weights())
def test_only_losers_give_and_only_gainers_take(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """No unit ever moves between two variants whose weights let it stay."""
    old_weights, new = ring.weights_of(arcs), ring.reweigh(arcs, wanted)

    for slot in ends_of(arcs) | ends_of(new):
        before, after = owner_of(arcs, slot - 1), owner_of(new, slot - 1)
        if before != after:
            assert wanted.get(before, 0) < old_weights[before]
            assert wanted[after] > old_weights.get(after, 0)


@given(arcs=rings(), wanted=weights())
def test_whoever_grows_keeps_everyone(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """Among any number of variants, one that gains or stays keeps each of its slots, and one that loses gets none."""
    old_weights, new = ring.weights_of(arcs), ring.reweigh(arcs, wanted)
    borders = sorted(ends_of(arcs) | ends_of(new) | {0})
    kept = dict.fromkeys(VARIANTS, 0)
    for start, end in itertools.pairwise(borders):
        if owner_of(arcs, start) == owner_of(new, start):
            kept[owner_of(arcs, start)] += end - start

    assert kept == {name: min(old_weights.get(name, 0), wanted.get(name, 0)) for name in VARIANTS}


@given(arcs=rings(), variant=st.sampled_from(VARIANTS))
def test_nobody_and_everybody(arcs: ring.Arcs, variant: str) -> None:
    """From any ring, a hundred percent is one arc over all of it, and zero percent is no arc at all."""
    others = {name: weight for name, weight in ring.weights_of(arcs).items() if name != variant}
    rest = dict.fromkeys(others, 0) | {"g": SLOTS - sum(others.values())}

    assert ring.reweigh(arcs, {**dict.fromkeys(others, 0), variant: SLOTS}) == ((SLOTS, variant),)
    assert variant not in ring.weights_of(ring.reweigh(arcs, {**rest, **others, variant: 0}))


@given(arcs=rings(), wanted=weights())
def test_an_edit_is_idempotent(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """The same weights again change nothing."""
    once = ring.reweigh(arcs, wanted)

    assert ring.reweigh(once, wanted) == once


@given(arcs=rings(), wanted=weights(), seed=st.randoms(use_true_random=False))
def test_the_order_of_weights_does_not_matter(
    arcs: ring.Arcs, wanted: dict[str, int], seed: random.Random
) -> None:
    """The result depends on what the weights are and not on the order in which they are given."""
    names = list(wanted)
    seed.shuffle(names)
    shuffled = {name: wanted[name] for name in names}

    assert ring.reweigh(arcs, shuffled) == ring.reweigh(arcs, wanted)
    assert ring.divide(shuffled) == ring.divide(wanted)


@given(arcs=rings(), wanted=weights())
def test_an_edit_cuts_at_most_once_per_variant_that_changes(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """New boundaries are no more than the variants that gain or lose."""
    old_weights = ring.weights_of(arcs)
    changing = [name for name in {*old_weights, *wanted} if old_weights.get(name, 0) != wanted.get(name, 0)]

    assert len(ends_of(ring.reweigh(arcs, wanted)) - ends_of(arcs)) <= len(changing)


@given(arcs=rings(), wanted=weights())
def test_neighbours_are_joined(arcs: ring.Arcs, wanted: dict[str, int]) -> None:
    """No two neighbouring arcs of a result belong to the same variant, and none is empty."""
    new = ring.reweigh(arcs, wanted)

    assert all(left[1] != right[1] and left[0] < right[0] for left, right in itertools.pairwise(new))
    assert new[0][0] > 0


@given(shares=st.lists(st.integers(0, SLOTS), min_size=2, max_size=12))
def test_widening_keeps_everyone_who_is_in(shares: list[int]) -> None:
    """Through any series of widenings, whoever was in at a smaller share is in at each larger one."""
    arcs = ring.divide({"on": 0, "off": SLOTS})
    inside: set[int] = set()
    for share in sorted(shares):
        arcs = ring.reweigh(arcs, {"on": share, "off": SLOTS - share})
        now_inside = {slot for slot in range(0, SLOTS, 97) if owner_of(arcs, slot) == "on"}
        assert inside <= now_inside
        inside = now_inside


@given(share=st.integers(1, SLOTS - 1))
def test_with_two_variants_there_are_two_arcs_for_ever(share: int) -> None:
    """The share of a rollout may go up and down as often as it likes: one boundary moves."""
    arcs = ring.reweigh(ring.divide({"on": 20_000, "off": 80_000}), {"on": share, "off": SLOTS - share})

    assert len(arcs) == 2


@pytest.mark.parametrize("variants", [2, 3, 5, 10])
def test_a_thousand_edits_stay_exact_and_far_below_the_cap(variants: int) -> None:
    """A thousand random edits move the minimum each, keep the weights exact and leave few arcs."""
    chance = random.Random(variants)
    names = [f"v{number}" for number in range(variants)]
    arcs = ring.divide(
        dict.fromkeys(names, SLOTS // variants) | {"v0": SLOTS - SLOTS // variants * (variants - 1)}
    )
    for _ in range(1000):
        cuts = sorted(chance.randint(0, SLOTS) for _ in names[1:])
        wanted = dict(
            zip(
                names,
                (end - start for start, end in zip([0, *cuts], [*cuts, SLOTS], strict=True)),
                strict=True,
            )
        )
        new = ring.reweigh(arcs, wanted)
        assert ring.moved(arcs, new) == given_up(ring.weights_of(arcs), wanted)
        assert ring.weights_of(new) == {name: weight for name, weight in wanted.items() if weight}
        arcs = new
        assert len(arcs) <= 4 * variants


def test_a_thousand_edits_with_variants_that_come_and_go() -> None:
    """Variants added and removed at random leave weights exact, movement minimal, and the arcs under the cap."""
    chance = random.Random(7)
    names = [f"v{number}" for number in range(20)]
    arcs = ring.divide({"v0": SLOTS})
    for _ in range(1000):
        here = chance.sample(names, chance.randint(1, len(names)))
        cuts = sorted(chance.randint(0, 100) * 1000 for _ in here[1:])
        sizes = [end - start for start, end in itertools.pairwise([0, *cuts, SLOTS])]
        wanted = dict(zip(here, sizes, strict=True))
        new = ring.reweigh(arcs, wanted)
        assert ring.moved(arcs, new) == given_up(ring.weights_of(arcs), wanted)
        assert ring.weights_of(new) == {name: weight for name, weight in sorted(wanted.items()) if weight}
        arcs = new
        assert len(arcs) <= ring.MAX_ARCS // 10


@given(arcs=rings())
def test_compacting_keeps_the_weights_in_one_arc_each(arcs: ring.Arcs) -> None:
    """Compact arcs have the same weights, one arc per variant, and compacting them again changes nothing."""
    compact = ring.compact(arcs)

    assert ring.weights_of(compact) == ring.weights_of(arcs)
    assert len(compact) == len(ring.weights_of(arcs))
    assert ring.compact(compact) == compact


@given(old=rings(), new=rings())
@settings(max_examples=30)
def test_moved_counts_slots(old: ring.Arcs, new: ring.Arcs) -> None:
    """What is said to move is what, slot by slot, has another owner."""
    different = 0
    borders = sorted(ends_of(old) | ends_of(new) | {0})
    for start, end in itertools.pairwise(borders):
        different += (end - start) * (owner_of(old, start) != owner_of(new, start))

    assert ring.moved(old, new) == different == ring.moved(new, old)


def crowded(arcs: int) -> ring.Arcs:
    """A ring of so many arcs, of two variants in turn; the last is a long one of a third."""
    return (*((end, "ab"[end % 2]) for end in range(1, arcs)), (SLOTS, "c"))


def test_an_edit_that_would_cut_too_often_is_refused_by_name() -> None:
    """At the cap an edit that adds a cut is refused with the way out; the ring is as it was."""
    full = crowded(ring.MAX_ARCS)
    owned = ring.weights_of(full)

    with pytest.raises(ring.TooManyArcs, match=r"1001 arcs, more than 1000: compact the split first"):
        ring.reweigh(full, {**owned, "c": owned["c"] - 5, "d": 5})
    assert ring.reweigh(ring.compact(full), {**owned, "c": owned["c"] - 5, "d": 5})


def test_a_ring_beyond_the_cap_can_still_be_taken_back() -> None:
    """Too many arcs never stand in the way of an edit that adds none, such as giving everyone one variant."""
    crowd = crowded(ring.MAX_ARCS + 200)
    owned = ring.weights_of(crowd)

    assert ring.reweigh(crowd, {"c": SLOTS}) == ((SLOTS, "c"),)
    assert len(ring.reweigh(crowd, {**owned, "a": owned["a"] - 1, "b": owned["b"] + 1})) <= len(crowd)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"a": 99_999}, {"a": 100_001}, {"a": 100_001, "b": -1}, {"a": 100_000.0}, {"a": 99_999, "b": True}],
)
def test_weights_that_are_no_ring_are_refused(wrong: dict[str, int]) -> None:
    """Weights must be slots that add up to the whole ring: nothing is normalised."""
    with pytest.raises(ring.RingError):
        ring.divide(wrong)
    with pytest.raises(ring.RingError):
        ring.reweigh(((SLOTS, "a"),), wrong)


@pytest.mark.parametrize(
    "wrong", [(), ((99_999, "a"),), ((5, "a"), (5, "b"), (SLOTS, "a")), ((0, "a"), (SLOTS, "b"))]
)
def test_arcs_that_are_no_ring_are_refused(wrong: ring.Arcs) -> None:
    """Arcs must cover the whole ring, each with at least a slot."""
    for use in (ring.weights_of, ring.compact, lambda arcs: ring.moved(((SLOTS, "a"),), arcs)):
        with pytest.raises(ring.RingError):
            use(wrong)
