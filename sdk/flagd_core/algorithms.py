"""Where a unit stands on a ring: the native hash, and those of other vendors, so that imported splits keep everybody.

Pure arithmetic: this module must never touch a flag, a context, a clock or a random number. docs/algorithms.md says
for each name what its salt is made of and where its arcs end.

An algorithm is frozen: units are where it put them. What a vendor does differently later is another name.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5, sha1, sha256
from typing import Final, NamedTuple
from zlib import crc32

import mmh3

from flagd_core.bucketing import SLOTS, slot_of

NATIVE: Final = "murmur3"
MAX_RING: Final = 2**31 - 1
"""The largest ring where the weights decide how large it is."""
_PERCENT_MILLE: Final = 100_000
"""A ring for vendors who compare fractions: thousandths of a percent."""
_SEED: Final = re.compile("-?[0-9]{1,10}")


def _as_they_are(ends: Sequence[int]) -> list[float]:
    return list(ends)


class Algorithm(NamedTuple):
    """How it is decided which arc a unit is on."""

    ring: int | None
    """Where the last arc ends; None: wherever it does, at most at MAX_RING, for the hash depends on it."""
    position: Callable[[str, str, int], float]
    """Where a unit stands, from its salt, its text and the end of the last arc."""
    bounds: Callable[[Sequence[int]], list[float]] = _as_they_are
    """What positions are compared with, from the ends of the arcs; the last is beyond every position."""
    closed: bool = False
    """Whether a unit that stands exactly on a bound is before it."""
    seeded: bool = False
    """Whether the salt is a number, the seed of the hash; `is_seed` says which texts are one."""

    def finder(self, salt: str, ends: Sequence[int]) -> Callable[[str], int]:
        """The function from the text of a unit to the index of its arc. The text must be valid Unicode."""
        position, bounds, ring = self.position, self.bounds(ends), ends[-1]
        find = bisect_left if self.closed else bisect_right
        return lambda unit: find(bounds, position(salt, unit, ring))


def is_seed(salt: str) -> bool:
    """Whether a salt can be the seed of a hash: a number of 32 bits, with or without a sign, in decimal."""
    return _SEED.fullmatch(salt) is not None and -(2**31) <= int(salt) < 2**32


# Positions. Vendors that count from 1 and include the end are here counted from 0 and exclude it: the same units.


def _native(salt: str, unit: str, _ring: int) -> int:
    return slot_of(salt, unit)


def _unleash_rollout(salt: str, unit: str, ring: int) -> int:
    return mmh3.hash(f"{salt}:{unit}".encode(), 0, False) % ring


def _unleash_variants(salt: str, unit: str, ring: int) -> int:
    # Another seed than the rollout's, so that the two draws are independent.
    return mmh3.hash(f"{salt}:{unit}".encode(), 86_028_157, False) % ring


def _openfeature_v2(salt: str, unit: str, ring: int) -> int:
    return (mmh3.hash(f"{salt}{unit}".encode(), 0, False) * ring) >> 32


def _openfeature_v3(salt: str, unit: str, ring: int) -> int:
    return (mmh3.hash(b"\x82" + _cbor(salt) + _cbor(unit), 0, False) * ring) >> 32


def _openfeature_v3_text(salt: str, unit: str, ring: int) -> int:
    return (mmh3.hash(_cbor(salt + unit), 0, False) * ring) >> 32


def _growthbook_v1(salt: str, unit: str, ring: int) -> int:
    return _fnv1a(_utf16(unit + salt)) % ring


def _growthbook_v2(salt: str, unit: str, ring: int) -> int:
    return _fnv1a(str(_fnv1a(_utf16(salt + unit))).encode()) % ring


def _go_feature_flag(salt: str, unit: str, ring: int) -> int:
    return _fnv1a(f"{salt}{unit}".encode()) % ring


def _flagsmith(salt: str, unit: str, ring: int) -> int:
    text = f"{salt}{unit}"
    hashed = text
    # The vendor has one position more, which is 100 %, and draws again from there.
    while (position := int(_md5(hashed), 16) % (ring + 1)) == ring:
        hashed += f",{text}"
    return position


def _configcat(salt: str, unit: str, ring: int) -> int:
    return int(_sha1(f"{salt}{unit}")[:7], 16) % ring


def _flipt_variants(salt: str, unit: str, ring: int) -> int:
    return crc32(f"{salt}{unit}".encode()) % ring


def _flipt_threshold(salt: str, unit: str, ring: int) -> int:
    # The other way round than for variants.
    return crc32(f"{unit}{salt}".encode()) % ring


def _statsig(salt: str, unit: str, ring: int) -> int:
    return int.from_bytes(sha256(f"{salt}.{unit}".encode()).digest()[:8], "big") % ring


def _split(salt: str, unit: str, ring: int) -> int:
    return mmh3.hash(unit.encode(), int(salt) & 0xFFFFFFFF, False) % ring


def _eppo(salt: str, unit: str, ring: int) -> int:
    return int(_md5(f"{salt}-{unit}")[:8], 16) % ring


def _dotted(salt: str, unit: str, _ring: int) -> float:
    return _fraction(f"{salt}.{unit}")


def _posthog_variants(salt: str, unit: str, _ring: int) -> float:
    return _fraction(f"{salt}.{unit}variant")


def _posthog_holdout(salt: str, unit: str, _ring: int) -> float:
    return _fraction(f"{salt}-{unit}")


# Bounds, for those who compare fractions: added up as the vendor does, because sums of fractions are rounded.


def _launchdarkly_bounds(ends: Sequence[int]) -> list[float]:
    return _added_up(ends, lambda width: width / 100_000.0)


def _posthog_bounds(ends: Sequence[int]) -> list[float]:
    return _added_up(ends, lambda width: width / 1_000 / 100)


def _added_up(ends: Sequence[int], share: Callable[[int], float]) -> list[float]:
    bounds: list[float] = []
    before, total = 0, 0.0
    for end in ends:
        total += share(end - before)
        bounds.append(total)
        before = end
    # The last arc has what is left, and the unit whose fraction is 1.
    bounds[-1] = float("inf")
    return bounds


# Hashes.


def _fraction(text: str) -> float:
    """60 bits of SHA-1 as a fraction, in the floating point that LaunchDarkly and PostHog compare in."""
    return int(_sha1(text)[:15], 16) / float(0xFFFFFFFFFFFFFFF)


def _fnv1a(values: Sequence[int]) -> int:
    """FNV-1a of 32 bits, over bytes or wider numbers."""
    digest = 0x811C9DC5
    for value in values:
        digest = ((digest ^ value) * 0x01000193) & 0xFFFFFFFF
    return digest


def _utf16(text: str) -> Sequence[int]:
    """The UTF-16 code units of a text: what JavaScript takes for its characters."""
    if text.isascii():
        return text.encode()
    return memoryview(text.encode("utf-16")[2:]).cast("H")


def _cbor(text: str) -> bytes:
    """A text string in canonical CBOR (RFC 8949)."""
    data = text.encode()
    size = len(data)
    if size < 24:
        return bytes((0x60 + size,)) + data
    for code, width in ((0x78, 1), (0x79, 2)):
        if size < 1 << 8 * width:
            return bytes((code,)) + size.to_bytes(width, "big") + data
    return b"\x7a" + size.to_bytes(4, "big") + data


def _sha1(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    NATIVE: Algorithm(SLOTS, _native),
    "configcat.v1": Algorithm(100, _configcat),
    "eppo.v1": Algorithm(None, _eppo),
    "flagsmith.v1": Algorithm(9_998, _flagsmith),
    "flipt.threshold.v1": Algorithm(100, _flipt_threshold),
    "flipt.variants.v1": Algorithm(1_000, _flipt_variants),
    "gofeatureflag.v1": Algorithm(None, _go_feature_flag),
    "growthbook.v1": Algorithm(1_000, _growthbook_v1),
    "growthbook.v2": Algorithm(10_000, _growthbook_v2),
    "launchdarkly.v1": Algorithm(_PERCENT_MILLE, _dotted, _launchdarkly_bounds),
    "openfeature-flagd.text.v3": Algorithm(None, _openfeature_v3_text),
    "openfeature-flagd.v2": Algorithm(None, _openfeature_v2),
    "openfeature-flagd.v3": Algorithm(None, _openfeature_v3),
    "posthog.holdout.v1": Algorithm(_PERCENT_MILLE, _posthog_holdout, _posthog_bounds, closed=True),
    "posthog.rollout.v1": Algorithm(_PERCENT_MILLE, _dotted, _posthog_bounds, closed=True),
    "posthog.variants.v1": Algorithm(_PERCENT_MILLE, _posthog_variants, _posthog_bounds),
    "split.v2": Algorithm(100, _split, seeded=True),
    "statsig.buckets.v1": Algorithm(1_000, _statsig),
    "statsig.v1": Algorithm(10_000, _statsig),
    "unleash.rollout.v1": Algorithm(100, _unleash_rollout),
    "unleash.variants.v1": Algorithm(None, _unleash_variants),
}
"""Every algorithm this engine knows, by the name that a split has in `algorithm`."""
