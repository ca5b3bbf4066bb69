"""From a unit to its place on the ring: the hash, and what counts as a unit.

Pure arithmetic: this module must never touch a flag, a context, a clock or a random number.

A split divides a ring of `SLOTS` slots. A unit (a user, a device, an organisation ...) stands on

    slot = (murmur3_x86_32(utf8(salt + "." + unit), seed 0, unsigned) * SLOTS) >> 32

which is exact integer arithmetic, so that every language lands on the same slot.
"""

from __future__ import annotations

from typing import Final

import mmh3

SLOTS: Final = 100_000
HASH_BITS: Final = 32
_EXACT: Final = 2**53


def hash_of(salt: str, unit: str) -> int:
    """The unsigned 32-bit hash of a unit under a salt. Raises UnicodeEncodeError for text with lone
    surrogates.

    The text is encoded here and never handed to mmh3 as `str`: mmh3 5.3 crashes the process on a lone
    surrogate.
    """
    return mmh3.hash(f"{salt}.{unit}".encode(), 0, False)


def slot_of(salt: str, unit: str) -> int:
    """The slot, 0 to SLOTS - 1, on which a unit stands. Raises UnicodeEncodeError as `hash_of` does."""
    return (hash_of(salt, unit) * SLOTS) >> HASH_BITS


def first_hash_from(slot: int) -> int:
    """The smallest hash that stands on `slot` or beyond; comparing with it saves a multiplication."""
    return -((-slot << HASH_BITS) // SLOTS)


def unit_text(value: object) -> str | None:
    """The text under which a value is a unit of a split; None when it is no unit.

    Strings count as they are, integers in decimal, an integral float as that integer, as long as floats are
    exact. Booleans, fractions, NaN, floats beyond 2**53, the empty string, text that is not valid Unicode
    (lone surrogates) and everything else are no unit.
    """
    if isinstance(value, str):
        return str.__str__(value) if value and is_unicode(value) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        # Beyond, a float is what is left of some integer: a JSON reader made it, and another one would not.
        return _decimal(int(value)) if value.is_integer() and abs(value) <= _EXACT else None
    return _decimal(value) if isinstance(value, int) else None


def is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8, which one with a lone surrogate cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decimal(number: int) -> str | None:
    """The decimal text; None for a number so long (thousands of digits) that Python refuses to write it."""
    try:
        return int.__repr__(number)
    except ValueError:
        return None
