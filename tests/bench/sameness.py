"""Whether a client gives the right answers, before anybody asks how fast it does. Not the same users: each hashes in
its own way, but the same shares of them, and the same where nothing is split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.bench.adapter import Adapter
from tests.bench.flags import CONTEXT, PLAIN, RULES, SEGMENTS, SPLIT, VARIANTS, Context, Flag, FlagSet, Shares

USERS: Final = 1_000
# Five standard deviations of the share of a thousand users: a right client fails once in millions of runs.
_TOLERANCE: Final = 5
# Each fulfils an earlier rule, or none of the five, and is turned away.
_TURNED_AWAY: Final[tuple[Context, ...]] = (
    {"plan": "enterprise"},
    {"country": "FR"},
    {"version": "3.0.1"},
    {"version": "10.0.0"},
    {"age": 61},
    {"email": "user-7@example.org"},
)


def faults(adapter: Adapter, flag: Flag, users: int = USERS) -> list[str]:
    """What is wrong with a client's answers for one of the workloads. CannotDo where the client has no such thing."""
    return list(_faults(adapter, flag, users))


def _faults(adapter: Adapter, flag: Flag, users: int) -> Iterator[str]:
    asked = adapter.call(flag, CONTEXT)()
    if asked not in {flag.value(variant) for variant in flag.variants}:
        yield f"answers {asked!r}"
    if flag == PLAIN and asked is not True:
        yield "a plain flag is not on"
    if flag == RULES:
        if asked is not True:
            yield "the last rule does not match"
        for change in _TURNED_AWAY:
            if adapter.call(flag, {**CONTEXT, **change})() is not False:
                yield f"{change} is not turned away"
    if flag in (SPLIT, VARIANTS):
        yield from _shares(adapter, flag, [f"user-{number}" for number in range(users)], flag.shares)
    for size, segment in SEGMENTS.items():
        if flag == segment:
            members = [f"user-{number}" for number in range(min(size, users))]
            yield from _shares(adapter, flag, members, flag.rules[0].shares)
            yield from _shares(adapter, flag, [f"stranger-{number}" for number in range(users)], flag.shares)


def _shares(adapter: Adapter, flag: Flag, users: list[str], expected: Shares) -> Iterator[str]:
    answers = Counter(adapter.call(flag, {**CONTEXT, "targetingKey": user})() for user in users)
    for variant, percent in expected.items():
        share = percent / 100
        allowed = _TOLERANCE * (share * (1 - share) / len(users)) ** 0.5
        found = answers.pop(flag.value(variant), 0) / len(users)
        if abs(found - share) > allowed:
            yield f"{variant} is served to {found:.1%} and not to about {share:.0%} of {len(users):,} users"
    if answers:
        yield f"answers {set(answers)}"


def catalogue_faults(adapter: Adapter, flags: FlagSet) -> list[str]:
    """What is wrong with a client's answers for all flags at once."""
    return list(_catalogue_faults(adapter, flags))


def _catalogue_faults(adapter: Adapter, flags: FlagSet) -> Iterator[str]:
    values = adapter.values(adapter.everything(flags, CONTEXT)())
    if set(values) != {flag.key for flag in flags.flags}:
        yield f"answers for {len(values):,} of {len(flags.flags):,} flags"
        return
    split = [flag for flag in flags.flags if len(flag.shares) > 1]
    certain = [flag for flag in flags.flags if len(flag.shares) == 1]
    wrong = [flag.key for flag in certain if values[flag.key] is not _certain_value(flag)]
    if wrong:
        yield f"{len(wrong):,} flags have the wrong value, {wrong[0]} among them"
    expected = sum(flag.shares["on"] for flag in split) / 100 / len(split)
    found = sum(values[flag.key] is True for flag in split) / len(split)
    if abs(found - expected) > _TOLERANCE * (expected * (1 - expected) / len(split)) ** 0.5:
        yield f"{found:.1%} of the split flags are on and not about {expected:.0%}"


def _certain_value(flag: Flag) -> bool:
    if flag.rules:
        return CONTEXT["plan"] in flag.rules[0].condition.values
    return "on" in flag.shares
