"""Who owns a layer after any edits: nobody twice, the holdout nobody, and as few units moved as can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.errors import Invalid
from flagd.flags.layers.model import FREE, HOLDOUT, Allocation, Home, Layer, LayerState, blank_allocation
from flagd.flags.layers.patch import MAX_MEMBERS, Surroundings, new_layer, reallocate
from flagd.projects.model import key_problems
from flagd.snapshots.compile import NO_LIMIT, Limit, limits_of
from flagd_core import ring
from flagd_core.bucketing import SLOTS, slot_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FLAGS = ("banner", "checkout", "price", "search")
LAYER = new_layer({"key": "shop", "salt": "5a17"}, ("id-of-shop", "id-of-project"), "random", NOW)
AROUND = Surroundings("shop", "production", 7, flags=FLAGS)

Patch = dict[str, Any]
percents = st.one_of(
    st.integers(0, 60), st.integers(0, 60_000).map(lambda slots: slots / 1000), st.just(0.001)
)
patches = st.fixed_dictionaries(
    {},
    optional={
        "flags": st.dictionaries(st.sampled_from(FLAGS), st.one_of(st.none(), percents), max_size=4),
        "holdout": st.one_of(st.none(), percents),
    },
)


def blank(layer: Layer = LAYER) -> Allocation:
    """Nobody owns anything."""
    return blank_allocation(layer, "id-of-production", "id-of-allocation")


def after(*edits: Patch, start: Allocation | None = None, around: Surroundings = AROUND) -> Allocation:
    """The allocation after these patches."""
    current = start or blank()
    for edit in edits:
        current = reallocate(current, edit, around).allocation
    return current


def attempt(old: Allocation, patch: Patch) -> Allocation:
    """The allocation after the patch, or as it was where the patch asks for more than there is."""
    try:
        return after(patch, start=old)
    except Invalid:
        return old


def slots_by_owner(allocation: Allocation) -> dict[str, set[int]]:
    """Every slot of each owner."""
    owners = {owner for _, owner in allocation.arcs}
    return {
        owner: {slot for start, end in allocation.stretches(owner) for slot in range(start, end)}
        for owner in owners
    }


def problems_of(call: Callable[[], object]) -> dict[str, str]:
    """What is refused, by pointer; the call must be."""
    with pytest.raises(Invalid) as refused:
        call()
    return {problem.pointer: problem.detail for problem in refused.value.problems}


def sent_to(allocation: Allocation) -> dict[str, Limit]:
    """What applications are told of the layer, by flag."""
    return limits_of([LayerState(LAYER, allocation)])


def admits(limit: Limit, unit: str) -> bool:
    """Whether an application lets the unit in: the layer's own hash, looked up in the slots it was sent."""
    assert limit.layer is not None
    slot = slot_of(limit.layer["salt"], unit)
    return any(start <= slot < end for start, end in limit.layer["slots"])


@given(edits=st.lists(patches, max_size=6))
def test_no_slot_has_two_owners_and_none_is_lost(edits: list[Patch]) -> None:
    """After any edits the flags, the holdout and what is free divide the whole ring, as the shares say."""
    current = blank()
    for edit in edits:
        current = attempt(current, edit)
        owned = slots_by_owner(current)
        assert sum(map(len, owned.values())) == SLOTS == len(set().union(*owned.values()))
        assert set(owned) <= {*current.members, HOLDOUT, FREE}
        assert {key: len(owned.get(key, ())) for key in current.members} == current.slots()
        assert len(owned.get(HOLDOUT, ())) == current.holdout


@given(edits=st.lists(patches, min_size=1, max_size=6), units=st.lists(st.text(min_size=1), max_size=20))
def test_no_unit_is_admitted_to_two_flags_and_the_held_out_to_none(
    edits: list[Patch], units: list[str]
) -> None:
    """As applications see it: of the flags of a layer one admits a unit at the most, none one that is held out."""
    current = blank()
    for edit in edits:
        current = attempt(current, edit)
    limits = sent_to(current)
    held_out = slots_by_owner(current).get(HOLDOUT, set())
    for unit in filter(str.isprintable, units):
        admitted = [key for key in current.members if admits(limits[key], unit)]
        assert len(admitted) <= 1
        assert not (admitted and slot_of(LAYER.salt, unit) in held_out)


@given(edits=st.lists(patches, max_size=4), last=patches)
def test_an_edit_moves_exactly_the_minimum(edits: list[Patch], last: Patch) -> None:
    """What moves is what the owners that gain take, and it is told in percent."""
    old = blank()
    for edit in edits:
        old = attempt(old, edit)
    try:
        done = reallocate(old, last, AROUND)
    except Invalid:
        return
    before, now = ring.weights_of(old.arcs), ring.weights_of(done.allocation.arcs)
    gained = sum(max(0, slots - before.get(owner, 0)) for owner, slots in now.items())
    assert done.moved * SLOTS / 100 == pytest.approx(gained)


@given(edits=st.lists(patches, max_size=4), last=patches)
def test_whose_share_stays_keeps_the_very_same_units(edits: list[Patch], last: Patch) -> None:
    """An edit takes and gives nothing to a flag, or a holdout, whose share it leaves alone; widening only adds."""
    old = blank()
    for edit in edits:
        old = attempt(old, edit)
    new = attempt(old, last)
    before, now = slots_by_owner(old), slots_by_owner(new)
    for owner in {*before, *now} - {FREE}:
        one, other = before.get(owner, set()), now.get(owner, set())
        assert one <= other or other <= one


@given(edits=st.lists(patches, max_size=6))
def test_edits_count_exactly_what_applications_would_notice(edits: list[Patch]) -> None:
    """A flag's count rises when what is sent of it changes, also by leaving the layer; else it stays."""
    current = blank()
    for edit in edits:
        before, current = current, attempt(current, edit)
        old, new = sent_to(before), sent_to(current)
        assert old.keys() <= new.keys()
        for key, limit in new.items():
            known = old.get(key, NO_LIMIT)
            assert limit.edits == known.edits + (limit.layer != known.layer)


def test_the_counts_of_all_layers_add_up() -> None:
    """A flag that left one layer for another has a higher count than before: its version never goes back."""
    other = replace(LAYER, id="id-of-other", key="other")
    left = after({"flags": {"price": 10}}, {"flags": {"price": 20}}, {"flags": {"price": None}})
    joined = after({"flags": {"price": 5}}, start=blank(other))
    limits = limits_of([LayerState(LAYER, left), LayerState(other, joined)])
    assert limits["price"].edits == 4
    assert limits["price"].layer is not None
    assert limits["price"].layer["key"] == "other"
    assert limits_of([LayerState(LAYER, left)])["price"] == Limit(3, None)


def test_what_applications_are_sent() -> None:
    """Each flag is sent the layer's name and hash, and its own stretches, joined where they touch."""
    allocation = after(
        {"flags": {"banner": 20, "price": 30}, "holdout": 5},
        {"flags": {"banner": None}},
        {"flags": {"search": 40, "checkout": 0}},
    )
    limits = sent_to(allocation)
    assert limits["banner"].layer is None
    checkout, search = limits["checkout"].layer, limits["search"].layer
    assert checkout == {
        "key": "shop",
        "salt": "5a17",
        "unit": "targetingKey",
        "algorithm": "murmur3",
        "slots": [],
    }
    assert search is not None
    stretches = search["slots"]
    assert sum(end - start for start, end in stretches) == 40_000
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(stretches))


def test_a_flag_without_slots_stays_a_member() -> None:
    """Narrowing a flag to nothing shuts everybody out; only taking it out of the layer lets everybody in."""
    narrowed = after({"flags": {"price": 10}}, {"flags": {"price": 0}})
    assert (narrowed.members, narrowed.slots()) == (("price",), {"price": 0})
    assert after({"flags": {"price": None}}, start=narrowed).members == ()


def test_an_edit_without_effect_is_none() -> None:
    """Saying again what holds already, the whole document included, gives an equal allocation."""
    current = after({"flags": {"price": 33.333, "banner": 0}, "holdout": 5})
    document = current.document("shop", "production") | {"revision": 7}
    said: list[Patch] = [
        {},
        {"flags": {}},
        {"flags": {"price": 33.333}},
        {"flags": {"search": None}},
        document,
    ]
    for patch in said:
        assert reallocate(current, patch, AROUND).allocation == current
    assert reallocate(current, document, AROUND).moved == 0


def test_the_order_of_members_changes_nothing() -> None:
    """Whoever writes the flags in another order gets the same arcs."""
    shares = {"banner": 10, "checkout": 20, "price": 30}
    one, other = after({"flags": shares}), after({"flags": dict(reversed(shares.items()))})
    assert one == other


def test_nulls_empty() -> None:
    """null for all flags takes them all out, null for the holdout gives it up."""
    current = after({"flags": {"price": 30, "banner": 10}, "holdout": 5})
    emptied = after({"flags": None, "holdout": None}, start=current)
    assert (emptied.members, emptied.arcs) == ((), ((SLOTS, FREE),))


def test_owners_that_are_no_flags_have_names_that_no_flag_can_have() -> None:
    """The holdout and what is free can never be mistaken for a flag."""
    assert key_problems(HOLDOUT, "")
    assert key_problems(FREE, "")


BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ({"flags": [1]}, "/flags", "must be an object"),
    "unknown member": ({"shares": {}}, "/shares", "unknown member; known here: flags, holdout"),
    "unknown flag": ({"flags": {"ghost": 1}}, "/flags/ghost", "no flag 'ghost' in this project, or it is"),
    "no key at all": ({"flags": {"a/b~c": 1}}, "/flags/a~1b~0c", "no flag 'a/b~c'"),
    "in another layer": (
        {"flags": {"taken": 1}},
        "/flags/taken",
        "'taken' is in the layer 'other' in 'development'; a flag is in one layer only",
    ),
    "text": ({"flags": {"price": "20"}}, "/flags/price", "must be a number of percent, not a string"),
    "truth": ({"flags": {"price": True}}, "/flags/price", "must be a number of percent, not a boolean"),
    "object": ({"flags": {"price": {}}}, "/flags/price", "must be a number of percent, not an object"),
    "negative": ({"flags": {"price": -1}}, "/flags/price", "must be between 0 and 100"),
    "too much": ({"flags": {"price": 100.001}}, "/flags/price", "must be between 0 and 100"),
    "not finite": ({"holdout": float("inf")}, "/holdout", "must be between 0 and 100"),
    "too fine": ({"flags": {"price": 0.0005}}, "/flags/price", "at most 3 decimals"),
    "fine holdout": ({"holdout": 1.2345}, "/holdout", "at most 3 decimals"),
    "over the top": (
        {"flags": {"price": 60, "search": 20.001}},
        "/flags",
        "flags and holdout must sum to at most 100 percent, not 100.001",
    ),
    "holdout over the top": ({"holdout": 90.001}, "/holdout", "not 100.001"),
    "read-only": ({"free": 50}, "/free", "cannot be changed here"),
    "arcs": ({"arcs": [[100_000, "price"]]}, "/arcs", "cannot be changed here"),
    "version": ({"version": 7}, "/version", "cannot be changed here"),
    "revision": ({"revision": 8}, "/revision", "cannot be changed here"),
    "compact: false": ({"compact": False}, "/compact", "must be true or left out, not a boolean"),
    "compact with more": ({"compact": True, "holdout": 1}, "/compact", "comes alone"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_at_its_place(name: str) -> None:
    """Each mistake is told where it stands in the patch, in words that help."""
    patch, pointer, words = BAD[name]
    old = after({"flags": {"banner": 10}, "holdout": 10})
    around = replace(AROUND, flags=(*FLAGS, "taken"), homes={"taken": Home("other", "development")})
    told = problems_of(lambda: reallocate(old, patch, around))
    assert words in told[pointer]


def test_every_problem_is_told_at_once() -> None:
    """Whoever made three mistakes learns of three."""
    patch = {"flags": {"ghost": 1, "price": "much"}, "holdout": -1}
    told = problems_of(lambda: reallocate(blank(), patch, AROUND))
    assert set(told) == {"/flags/ghost", "/flags/price", "/holdout"}


def test_a_layer_has_a_limited_number_of_flags() -> None:
    """More flags than a layer can have are refused for their number, those that are there included."""
    names = [f"flag-{number}" for number in range(MAX_MEMBERS + 1)]
    around = replace(AROUND, flags=names)
    full = after({"flags": dict.fromkeys(names[:-1], 1)}, around=around)
    assert len(full.members) == MAX_MEMBERS
    told = problems_of(lambda: reallocate(full, {"flags": {names[-1]: 0}}, around))
    assert told == {"/flags": f"must be at most {MAX_MEMBERS} flags, not {MAX_MEMBERS + 1}"}


def test_compact_may_be_null() -> None:
    """A null is as good as leaving it out, as in every merge patch; what comes with it counts."""
    assert after({"compact": None, "holdout": 5}) == after({"holdout": 5})


def test_compacting_joins_and_tells_what_it_moves() -> None:
    """One arc is left for each owner, every share is as before, and what moved is said."""
    owners = ("banner", "price", "banner", FREE, "price", HOLDOUT, "banner", FREE)
    arcs = tuple((12_500 * number, owner) for number, owner in enumerate(owners, start=1))
    scattered = replace(blank(), members=("banner", "price"), arcs=arcs)
    done = reallocate(scattered, {"compact": True}, AROUND)
    left = [owner for _, owner in done.allocation.arcs]
    assert sorted(left) == sorted({"banner", "price", FREE, HOLDOUT})
    assert done.allocation.slots() == scattered.slots()
    assert done.moved == ring.moved(scattered.arcs, done.allocation.arcs) / 1000 > 0


def test_a_layer_that_would_be_cut_too_often_says_how_to_join_it() -> None:
    """At the limit of arcs an edit that would cut further is refused with the way out, and the way out works."""
    size = SLOTS // ring.MAX_ARCS
    arcs = tuple((size * (number + 1), (FREE, "banner")[number % 2]) for number in range(ring.MAX_ARCS))
    full = replace(blank(), members=("banner",), arcs=arcs)
    patch = {"flags": {"search": 0.05}}
    told = problems_of(lambda: reallocate(full, patch, AROUND))
    assert '{"compact": true}' in told["/flags"]
    assert after({"compact": True}, patch, start=full).slots()["search"] == 50
