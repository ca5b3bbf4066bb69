"""The flags and users that every client is asked about, in nobody's format. Each adapter writes them in its own.

Pure data: this module must never know a client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

Context = Mapping[str, str | int]
# How many percent are served which variant. A boolean flag has the variants on and off, a string flag its values.
Shares = Mapping[str, int]

USER: Final = "user-7"
CONTEXT: Final[Context] = {
    "targetingKey": USER,
    "plan": "pro",
    "country": "NL",
    "version": "2.4.0",
    "age": 34,
    "email": "user-7@example.com",
}
COUNTRIES: Final = ("AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "PL", "SE")
SEGMENT_SIZES: Final = (10, 1_000, 10_000)


class Condition(NamedTuple):
    """What a rule asks. The operators: equals, in, semver_gt, gt, ends_with; segment takes its key from `values`."""

    attribute: str
    operator: str
    values: tuple[str | int, ...]


class Rule(NamedTuple):
    """Who fulfils the condition is served by these shares."""

    condition: Condition
    shares: Shares


class Flag(NamedTuple):
    """The first rule that matches serves; if none does, `shares`."""

    key: str
    shares: Shares
    rules: tuple[Rule, ...] = ()

    @property
    def is_boolean(self) -> bool:
        return "on" in self.variants

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of all that can be served; both of a boolean flag, `on` first."""
        names = set(self.shares).union(*(rule.shares for rule in self.rules))
        return ("on", "off") if names <= {"on", "off"} else tuple(sorted(names))

    def value(self, variant: str) -> bool | str:
        """What an application sees of a variant."""
        return variant == "on" if self.is_boolean else variant


class FlagSet(NamedTuple):
    """All that a client is loaded with."""

    flags: tuple[Flag, ...]
    segments: Mapping[str, Sequence[str]]


ON: Final[Shares] = {"on": 100}
OFF: Final[Shares] = {"off": 100}
HALF: Final[Shares] = {"on": 50, "off": 50}


def _members(size: int) -> list[str]:
    """The user asked about stands in the middle: who looks at one key after the other finds it after half of them."""
    others = [f"user-{number}" for number in range(size) if f"user-{number}" != USER]
    return [*others[: size // 2], USER, *others[size // 2 :]]


def _in_segment(size: int) -> Flag:
    key = f"members-{size}"
    return Flag(f"segment-{size}", OFF, (Rule(Condition("targetingKey", "segment", (key,)), HALF),))


PLAIN: Final = Flag("plain", ON)
SPLIT: Final = Flag("split", {"on": 20, "off": 80})
RULES: Final = Flag(
    "rules",
    OFF,
    (
        Rule(Condition("plan", "equals", ("enterprise",)), OFF),
        Rule(Condition("country", "in", COUNTRIES), OFF),
        Rule(Condition("version", "semver_gt", ("3.0.0",)), OFF),
        Rule(Condition("age", "gt", (60,)), OFF),
        Rule(Condition("email", "ends_with", ("@example.com",)), ON),
    ),
)
VARIANTS: Final = Flag("variants", {"a": 25, "b": 25, "c": 25, "d": 25})
SEGMENTS: Final = {size: _in_segment(size) for size in SEGMENT_SIZES}
WORKLOADS: Final = FlagSet(
    (PLAIN, SPLIT, RULES, VARIANTS, *SEGMENTS.values()),
    {f"members-{size}": _members(size) for size in SEGMENT_SIZES},
)


def catalogue(count: int) -> FlagSet:
    """So many flags as an application may have: a third plain, a third split, a third with a rule."""
    return FlagSet(tuple(_nth(number) for number in range(count)), {})


def changed(flags: FlagSet) -> tuple[FlagSet, str]:
    """The same flags after somebody widened a split, and which one that was."""
    index = next(i for i, flag in enumerate(flags.flags) if len(flag.shares) > 1)
    flag = flags.flags[index]
    widened = flag._replace(shares={"on": 99, "off": 1})
    return flags._replace(flags=(*flags.flags[:index], widened, *flags.flags[index + 1 :])), flag.key


def _nth(number: int) -> Flag:
    key = f"flag-{number}"
    if number % 3 == 0:
        return Flag(key, ON)
    if number % 3 == 1:
        percent = 1 + number % 98
        return Flag(key, {"on": percent, "off": 100 - percent})
    plan = "pro" if number % 2 else "free"
    return Flag(key, OFF, (Rule(Condition("plan", "in", (plan, "team")), ON),))
