"""Compacting a split: asked for alone, it joins what edits have cut, and tells what that moves."""

from __future__ import annotations

from typing import Any

import pytest

from flagd.flags.model import Split
from flagd.flags.patch import apply
from flagd_core import ring

from .builders import around, flag, leaf, problems_of, targeting

COLOURS = flag("blue", "green", "red")
COMPACT: dict[str, Any] = {"split": {"compact": True}}


def weights(blue: float, green: float, red: float) -> dict[str, Any]:
    """A split of the three colours."""
    return {"split": {"weights": {"blue": blue, "green": green, "red": red}}}


CUT = [weights(40, 30, 30), weights(20, 20, 60), weights(50, 25, 25), weights(30, 40, 30)]


def test_compacting_joins_arcs_and_tells_what_moves() -> None:
    """Afterwards each variant has one arc; weights, salt and unit are as before, and the share that moved is told."""
    old = targeting(COLOURS, *({"default": serve} for serve in CUT))
    assert isinstance(old.default, Split)
    assert len(old.default.arcs) > 3
    patched = apply(old, {"default": COMPACT}, around(COLOURS, salt="another"))
    new = patched.targeting.default
    assert isinstance(new, Split)
    assert (len(new.arcs), new.salt, new.unit) == (3, old.default.salt, old.default.unit)
    assert new.weights() == old.default.weights()
    moved = ring.moved(old.default.arcs, new.arcs)
    assert moved > 0
    assert patched.moved == {"/default": moved / 1000}
    again = apply(patched.targeting, {"default": COMPACT}, around(COLOURS))
    assert again.targeting == patched.targeting
    assert again.moved == {"/default": 0}


def test_the_split_of_a_rule_is_compacted_likewise() -> None:
    """Only the rule that is named changes, whatever else is in its patch."""
    rules = [{"rules": {id_: {"if": leaf(), "serve": serve} for id_ in ("r1", "r2")}} for serve in CUT]
    old = targeting(COLOURS, *rules)
    patched = apply(old, {"rules": {"r1": {"description": "tidy", "serve": COMPACT}}}, around(COLOURS))
    first, second = patched.targeting.rules
    assert (len(first.serve.arcs), first.description) == (3, "tidy")
    assert second == old.rules[1]
    assert patched.moved["/rules/r1"] > 0
    assert patched.moved["/rules/r2"] == 0


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"compact": True, "weights": {"blue": 100}}, "comes alone"),
        ({"compact": True, "salt": "new"}, "comes alone"),
        ({"compact": False}, "must be true"),
        ({"compact": 1}, "must be true"),
    ],
)
def test_compacting_is_an_act_of_its_own(split: dict[str, Any], words: str) -> None:
    """Units that move because of a compaction and units that move because of weights are never told as one."""
    old = targeting(COLOURS, {"default": CUT[0]})
    refusal = problems_of(lambda: apply(old, {"default": {"split": split}}, around(COLOURS)))
    assert words in refusal["/default/split/compact"]


def test_only_a_split_is_compacted() -> None:
    """Where one variant is served to everybody, there is nothing to compact."""
    refusal = problems_of(lambda: apply(targeting(COLOURS), {"default": COMPACT}, around(COLOURS)))
    assert "no split" in refusal["/default/split/compact"]


def test_too_many_arcs_are_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit that would cut a split too often says how to compact it, and that way works."""
    letters = flag(*"abcde")
    *before, edit = (
        {"default": {"split": {"weights": dict(zip("abcde", shares, strict=True))}}}
        for shares in ((20, 20, 5, 10, 45), (5, 80, 5, 5, 5), (5, 30, 30, 5, 30), (40, 35, 5, 5, 15))
    )
    old = targeting(letters, *before)
    monkeypatch.setattr(ring, "MAX_ARCS", len(old.default.arcs))
    refusal = problems_of(lambda: apply(old, edit, around(letters)))
    assert '{"compact": true}' in refusal["/default/split/weights"]
    compacted = apply(old, {"default": COMPACT}, around(letters)).targeting
    changed = apply(compacted, edit, around(letters)).targeting
    assert changed.default.document()["split"]["weights"] == {"a": 40, "b": 35, "c": 5, "d": 5, "e": 15}
