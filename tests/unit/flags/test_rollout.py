"""Setting one percentage: who gets the rest, and that it goes the way of every patch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.flags.model import Flag, Targeting
from flagd.flags.patch import Patched, apply
from flagd.flags.patch.rollout import Rollout, rollout_patch

from .builders import around, flag, problems_of, targeting

BOOLEAN = flag()
COLOURS = flag("blue", "green", "red")


def rolled(of: Flag, old: Targeting, variant: str, percent: float) -> Patched:
    """The targeting after one percentage was set."""
    return apply(old, rollout_patch(old, of.variant_keys, Rollout(variant, percent)), around(of))


def shares(patched: Patched) -> Any:
    """The percentages of the default."""
    return patched.targeting.default.document()["split"]["weights"]


def test_the_rest_goes_to_what_was_served() -> None:
    """From one variant, the percentage is taken from that variant."""
    assert shares(rolled(BOOLEAN, targeting(BOOLEAN, {"default": {"variant": "off"}}), "on", 20)) == {
        "off": 80,
        "on": 20,
    }


def test_the_rest_goes_to_the_off_variant_where_nothing_else_was_served() -> None:
    """Narrowing what everybody has gives the others what they would have with the flag off."""
    assert shares(rolled(BOOLEAN, targeting(BOOLEAN), "on", 99.5)) == {"off": 0.5, "on": 99.5}


def test_the_others_keep_their_proportions() -> None:
    """Two others that stand 2 to 1 go on standing 2 to 1, to the slot."""
    old = targeting(COLOURS, {"default": {"split": {"weights": {"blue": 10, "green": 60, "red": 30}}}})
    assert shares(rolled(COLOURS, old, "blue", 50)) == {"blue": 50, "green": 33.333, "red": 16.667}


@given(first=st.integers(0, 100_000), second=st.integers(0, 100_000))
def test_widening_keeps_everyone_who_was_in(first: int, second: int) -> None:
    """What moves is the difference of the two percentages and nothing else."""
    old = rolled(BOOLEAN, targeting(BOOLEAN, {"default": {"variant": "off"}}), "on", first / 1000).targeting
    patched = rolled(BOOLEAN, old, "on", second / 1000)
    assert patched.moved == {"/default": abs(second - first) / 1000}


def test_the_same_percentage_again_changes_nothing() -> None:
    """What is so already is no change, also where one variant is served to everybody."""
    assert rolled(BOOLEAN, targeting(BOOLEAN), "on", 100).targeting == targeting(BOOLEAN)


@pytest.mark.parametrize(
    ("variant", "percent", "pointer"),
    [
        ("on", 101, "/default/split/weights/on"),
        ("on", -1, "/default/split/weights/on"),
        ("on", float("nan"), "/default/split/weights/on"),
        ("on", 0.0001, "/default/split/weights/on"),
        ("maybe", 10, "/default/split/weights/maybe"),
    ],
)
def test_percentages_that_cannot_be(variant: str, percent: float, pointer: str) -> None:
    """A percentage beyond the whole, finer than a slot or of no variant is refused."""
    assert pointer in problems_of(lambda: rolled(BOOLEAN, targeting(BOOLEAN), variant, percent))
