"""The hash and the slots, against an implementation of their own."""

from __future__ import annotations

from enum import Enum, IntEnum

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core.bucketing import SLOTS, first_hash_from, hash_of, is_unicode, slot_of, unit_text

MASK = 0xFFFFFFFF


def reference_murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32, from its published description."""

    def rotated(value: int, by: int) -> int:
        return ((value << by) | (value >> (32 - by))) & MASK

    def mixed(block: bytes) -> int:
        return rotated(int.from_bytes(block, "little") * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK

    state, whole = seed, len(data) // 4 * 4
    for start in range(0, whole, 4):
        state = (rotated(state ^ mixed(data[start : start + 4]), 13) * 5 + 0xE6546B64) & MASK
    if whole < len(data):
        state ^= mixed(data[whole:])
    state ^= len(data)
    state = (state ^ (state >> 16)) * 0x85EBCA6B & MASK
    state = (state ^ (state >> 13)) * 0xC2B2AE35 & MASK
    return state ^ (state >> 16)


KNOWN = [
    (b"", 0, 0),
    (b"", 1, 0x514E28B7),
    (b"", 0xFFFFFFFF, 0x81F16F39),
    (b"\0\0\0\0", 0, 0x2362F9DE),
    (b"aaaa", 0x9747B28C, 0x5A97808A),
    (b"abc", 0, 0xB3DD93FA),
    (b"test", 0, 0xBA6BD213),
    (b"hello", 0, 0x248BFA47),
    (b"Hello, world!", 0, 0xC0363E43),
    (b"The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
]


@pytest.mark.parametrize(("data", "seed", "expected"), KNOWN)
def test_murmur3_gives_the_published_answers(data: bytes, seed: int, expected: int) -> None:
    """The library, and the reference here, are MurmurHash3 x86 32 as published."""
    assert mmh3.hash(data, seed, False) == expected
    assert reference_murmur3(data, seed) == expected


@given(
    salt=st.text(st.characters(exclude_categories=["Cs"])),
    unit=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_slot_is_the_hash_scaled_in_integers(salt: str, unit: str) -> None:
    """Any salt and unit stand on the slot that exact integer arithmetic over the reference hash gives."""
    digest = reference_murmur3(f"{salt}.{unit}".encode())

    assert hash_of(salt, unit) == digest
    assert slot_of(salt, unit) == digest * SLOTS // 2**32
    assert 0 <= slot_of(salt, unit) < SLOTS


@given(slot=st.integers(0, SLOTS))
def test_comparing_hashes_is_comparing_slots(slot: int) -> None:
    """The first hash of a slot is on it and the one before is not, so hashes may be compared instead of slots."""
    first = first_hash_from(slot)

    assert first * SLOTS // 2**32 == slot
    assert first == 0 or (first - 1) * SLOTS // 2**32 == slot - 1


def test_the_ring_ends_beyond_the_last_hash() -> None:
    """Every 32-bit hash stands before the end of the ring, the largest one included."""
    assert first_hash_from(SLOTS) == 2**32


class Color(str, Enum):
    """An enumeration of text, whose format differs between Python versions."""

    RED = "red"


class Level(IntEnum):
    """An enumeration of integers."""

    HIGH = 3


class Tagged(str):
    """A text that shows itself as something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


@pytest.mark.parametrize(("value", "text"), [(Color.RED, "red"), (Level.HIGH, "3"), (Tagged("kept"), "kept")])
def test_a_subclass_is_the_value_it_holds(value: object, text: str) -> None:
    """Enumerations and other subclasses hash as their value in every Python version, however they print."""
    assert unit_text(value) == text
    assert type(unit_text(value)) is str


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        b"alice",
        object(),
        1j,
        pytest.param(10**5000, id="too long to write"),
    ],
)
def test_what_is_no_unit(value: object) -> None:
    """NaN, infinities, numbers too long to write, bytes and other objects are no unit, and raise nothing."""
    assert unit_text(value) is None


def test_lone_surrogates_are_no_text() -> None:
    """A lone surrogate raises where a caller asked for its hash, and never reaches the C library, which would crash."""
    assert not is_unicode("a\ud800")
    assert is_unicode("\U0001f600")
    with pytest.raises(UnicodeEncodeError):
        slot_of("salt", "a\ud800")
