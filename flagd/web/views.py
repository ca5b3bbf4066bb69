"""What the flags page shows, as values: one row for each flag, in words and in shares.

Pure: from the model to what a template prints. Reads nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flagd.flags.model import Fixed, Flag, Serve, Targeting
from flagd.web import words

TONES: Final = 8
"""Colours for variants; the ninth variant has the first colour again."""

LEGEND_FROM: Final = 3
"""Two shares are said in the words above the bar; more need a legend."""


@dataclass(frozen=True, slots=True)
class Share:
    """One segment of the bar: a variant, its percentage, where it starts, and its colour."""

    variant: str
    percent: float
    start: float
    tone: str

    @property
    def words(self) -> str:
        """The percentage as it is read."""
        return words.percent(self.percent)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The percentage that can be set: of which variant, and what stands in the field."""

    variant: str
    typed: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody saved first: who and when, what they changed (None where the log no longer tells), how it is now."""

    title: str
    change: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that was not saved because of that, in words, and the form that saves it after all.

    `verb`, `field` and `value` are the form; `button` is what it says.
    """

    overtaken: Overtaken
    yours: str
    verb: str
    field: str
    value: str
    button: str


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One flag in one environment."""

    key: str
    name: str
    description: str
    kind: str
    enabled: bool
    version: int
    words: str
    then: str
    shares: tuple[Share, ...]
    rollout: Rollout | None
    path: str
    problem: str | None = None
    conflict: Conflict | None = None

    @property
    def has_legend(self) -> bool:
        """Whether the bar's colours need to be named below it."""
        return len(self.shares) >= LEGEND_FROM

    @property
    def share_words(self) -> str:
        """The bar, for those who do not see it."""
        return words.listing([f"{share.variant} {share.words}" for share in self.shares])


def row_of(flag: Flag, targeting: Targeting, path: str) -> FlagRow:
    """The row of a flag; `path` is the address of its targeting's forms."""
    first, then = _in_words(flag, targeting)
    return FlagRow(
        key=flag.key,
        name=flag.name or flag.key,
        description=flag.description,
        kind=flag.kind,
        enabled=targeting.enabled,
        version=targeting.version,
        words=first,
        then=then,
        shares=shares_of(flag, targeting.default),
        rollout=_rollout_of(flag, targeting.default),
        path=path,
    )


def weights_of(flag: Flag, serve: Serve) -> dict[str, int | float]:
    """The percentage of each variant that has one, in the flag's order."""
    if isinstance(serve, Fixed):
        return {serve.variant: 100}
    held = serve.weights()
    return {variant: held[variant] for variant in flag.variant_keys if held.get(variant)}


def shares_of(flag: Flag, serve: Serve) -> tuple[Share, ...]:
    """The segments of the bar, from left to right."""
    shares: list[Share] = []
    start = 0.0
    for variant, percentage in weights_of(flag, serve).items():
        shares.append(Share(variant, percentage, round(start, 3), _tone(flag, variant)))
        start += percentage
    return tuple(shares)


def state_in_words(flag: Flag, targeting: Targeting) -> str:
    """How the flag answers, in one line."""
    state = "switched on:" if targeting.enabled else "switched off:"
    return " ".join(filter(None, (state, *_in_words(flag, targeting))))


def rollout_variant(flag: Flag, serve: Serve) -> str | None:
    """The variant whose percentage can be set by one number, None where one number does not say enough.

    That is the true one of a boolean flag, else the first of two.
    """
    if len(flag.variants) < 2:
        return None
    if flag.kind == "boolean":
        return next((variant.key for variant in flag.variants if variant.value), flag.variant_keys[0])
    served = list(weights_of(flag, serve))
    if len(flag.variants) > 2 and len(served) != 2:
        return None
    return flag.variant_keys[0] if len(flag.variants) == 2 else served[0]


def share_of(serve: Serve, variant: str) -> int | float:
    """The percentage a serve gives to a variant."""
    if isinstance(serve, Fixed):
        return 100 if serve.variant == variant else 0
    return serve.weights().get(variant, 0)


def _rollout_of(flag: Flag, serve: Serve) -> Rollout | None:
    variant = rollout_variant(flag, serve)
    return None if variant is None else Rollout(variant, words.number(share_of(serve, variant)))


def _tone(flag: Flag, variant: str) -> str:
    if flag.kind == "boolean":
        return "on" if _values(flag)[variant] else "off"
    return str(flag.variant_keys.index(variant) % TONES)


def _values(flag: Flag) -> Mapping[str, object]:
    return {variant.key: variant.value for variant in flag.variants}


def _in_words(flag: Flag, targeting: Targeting) -> tuple[str, str]:
    default = _serve_in_words(flag, targeting.default)
    exceptions = words.listing(
        [
            words.count(amount, noun)
            for amount, noun in (
                (len(targeting.prerequisites), "prerequisite"),
                (sum(map(len, targeting.targets.values())), "target"),
                (len(targeting.rules), "rule"),
            )
            if amount
        ]
    )
    served = f"{exceptions}, then {default}" if exceptions else default
    if not targeting.enabled:
        off = "the caller's default" if targeting.off_variant is None else targeting.off_variant
        return f"{off} for everyone", f"· once on: {served}"
    return (f"{exceptions},", f"then {default}") if exceptions else (default, "")


def _serve_in_words(flag: Flag, serve: Serve) -> str:
    shares = weights_of(flag, serve)
    if len(shares) < LEGEND_FROM:
        return words.weights(shares)
    if len(set(shares.values())) == 1:
        return f"{words.percent(next(iter(shares.values())))} for each of {len(shares)} variants"
    return f"split between {len(shares)} variants"
