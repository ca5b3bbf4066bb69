"""Other vendors' hashes: what their own code answered, and what holds for every algorithm."""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from typing import Any

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import DecodeError, Reason, load
from flagd_core.algorithms import ALGORITHMS, MAX_RING, NATIVE, Algorithm, is_seed
from tests.architecture.house import ROOT
from tests.unit.core.documents import compiled, document, flag, split
from tests.vectors import reading

VECTORS = reading.cases("vendor_hashes")
NAMES = sorted(ALGORITHMS)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SEEDS = st.integers(-(2**31), 2**32 - 1).map(str)
USERS = 10_000


def served(arcs: Any, **options: str) -> dict[str, Any]:
    """A flag whose values are the names of its variants, and whose default is a split."""
    variants = {variant: variant for _, variant in arcs}
    return flag(kind="string", variants=variants, off_variant=None, default=split(*arcs, **options))


def ring_of(name: str) -> int:
    """A ring for the algorithm: its own, or one where it takes any."""
    return ALGORITHMS[name].ring or 977


@pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
def test_units_have_the_variants_they_have_at_the_vendor(case: dict[str, Any]) -> None:
    """Everybody keeps the variant that the vendor's own code gives them, beside the bounds and in any alphabet."""
    found = compiled(served(case["arcs"], salt=case["salt"], algorithm=case["algorithm"]))

    details = {unit: found.evaluate(unit) for unit in case["units"]}

    assert {unit: detail.variant for unit, detail in details.items()} == case["units"]
    assert {detail.reason for detail in details.values()} == {Reason.SPLIT}


def test_every_vendor_algorithm_was_compared_with_the_vendor() -> None:
    """There is no algorithm of another vendor that only we have computed, and each was asked for units not in ASCII."""
    asked = {case["algorithm"] for case in VECTORS}
    not_ascii = {case["algorithm"] for case in VECTORS if not "".join(case["units"]).isascii()}

    assert asked == not_ascii == ALGORITHMS.keys() - {NATIVE}


def test_the_vectors_are_of_the_locked_releases() -> None:
    """The answers written down are those of the releases that `make vendors` installs; if not: make vendors."""
    locks = (ROOT / "requirements" / f"{name}.txt" for name in ("vendors", "vendors-older"))
    locked = {
        pin
        for lock in locks
        for pin in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE)
    }
    used = {(case["package"].replace("_", "-").lower(), case["version"]) for case in VECTORS}

    assert used <= locked


def test_every_algorithm_is_documented() -> None:
    """docs/algorithms.md has a section that names each algorithm, and none that the engine does not know."""
    page = (ROOT / "docs" / "algorithms.md").read_text()

    assert set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) == set(ALGORITHMS)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_every_unit_is_on_one_arc(name: str, data: st.DataObject) -> None:
    """Any unit stands inside the ring under any salt, and on the arc that a look at each in turn finds."""
    algorithm = ALGORITHMS[name]
    salt, unit = data.draw(SEEDS if algorithm.seeded else TEXT), data.draw(TEXT)
    limit = algorithm.ring or MAX_RING
    cuts = data.draw(st.lists(st.integers(1, limit), unique=True, max_size=20))
    ends = sorted({*cuts, algorithm.ring} if algorithm.ring else cuts or [limit])

    found = algorithm.finder(salt, ends)(unit)

    position, bounds = algorithm.position(salt, unit, ends[-1]), algorithm.bounds(ends)
    before = operator.le if algorithm.closed else operator.lt
    assert found == next(index for index, bound in enumerate(bounds) if before(position, bound))
    assert 0 <= position < bounds[-1]


@pytest.mark.parametrize("name", NAMES)
def test_units_are_spread_evenly(name: str) -> None:
    """Of ten thousand users each of four arcs gets its share, within four standard errors."""
    ring = ring_of(name)
    ends = [ring // 10, ring // 3, ring // 2, ring]
    find = ALGORITHMS[name].finder("20261122", ends)

    got = Counter(find(f"{number}@example.com") for number in range(USERS))

    before = 0
    for index, end in enumerate(ends):
        share = (end - before) / ring
        assert abs(got[index] / USERS - share) < 4 * math.sqrt(share * (1 - share) / USERS), index
        before = end


@pytest.mark.parametrize(("closed", "arc"), [(False, 1), (True, 0)])
def test_who_stands_exactly_on_a_bound(closed: bool, arc: int) -> None:
    """A unit on the end of an arc is in the next one where the vendor compares with <, in this one with <=."""
    at_25 = Algorithm(100, lambda _salt, _unit, _ring: 25, closed=closed)

    assert at_25.finder("", [25, 100])("anybody") == arc


@pytest.mark.parametrize("name", ["launchdarkly.v1", "posthog.variants.v1"])
def test_fractions_are_added_up_as_the_vendor_adds(name: str) -> None:
    """A bound is the rounded sum of the shares before it, not the share of the sum; the last is beyond everybody."""
    bounds = ALGORITHMS[name].bounds([10_000, 20_000, 30_000, 100_000])

    assert bounds == [0.1, 0.2, 0.30000000000000004, float("inf")]


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (23, b"\x77"),
        (24, b"\x78\x18"),
        (255, b"\x78\xff"),
        (256, b"\x79\x01\x00"),
        (65_535, b"\x79\xff\xff"),
        (65_536, b"\x7a\x00\x01\x00\x00"),
    ],
)
def test_texts_of_every_length_are_cbor(size: int, head: bytes) -> None:
    """The text that is hashed begins with its length as RFC 8949 writes it."""
    position = ALGORITHMS["openfeature-flagd.text.v3"].position("", "x" * size, 2**31 - 1)

    assert position == mmh3.hash(head + b"x" * size, 0, False) * (2**31 - 1) >> 32


@pytest.mark.parametrize("salt", ["0", "-2147483648", "4294967295", "007"])
def test_a_seed_is_a_number_of_32_bits(salt: str) -> None:
    """Where the salt is a seed, it is a number, with or without a sign."""
    assert is_seed(salt)
    assert compiled(served([[100, "a"]], salt=salt, algorithm="split.v2")).evaluate("alice").variant == "a"


@pytest.mark.parametrize(
    "salt", ["", "a", "1.5", "-2147483649", "4294967296", "1" * 5_000, "١٢", " 1", "1\n"]
)
def test_what_is_no_seed_is_refused(salt: str) -> None:
    """A salt that cannot be a seed refuses the document, with the place, before anybody is evaluated."""
    with pytest.raises(DecodeError) as refusal:
        load(document({"f": served([[100, "a"]], salt=salt, algorithm="split.v2")}))

    assert refusal.value.path == "/flags/f/default/split/salt"


def test_an_imported_ring_must_be_whole() -> None:
    """Arcs that end before the vendor's ring does refuse the document, so that nobody falls off the ring."""
    with pytest.raises(DecodeError) as refusal:
        load(document({"f": served([[9_998, "a"]], algorithm="growthbook.v2")}))

    assert refusal.value.path == "/flags/f/default/split/arcs"
