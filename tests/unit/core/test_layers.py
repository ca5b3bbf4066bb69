"""Layers: the layer's hash admits, the flag's own salt decides the variant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd_core import DecodeError, ErrorCode, Reason, load
from flagd_core.bucketing import SLOTS, slot_of
from tests.unit.core.documents import ON, answer, document, flag, leaf, rule

UNITS = [f"user-{number}" for number in range(2_000)]


def layer(*slots: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """The flag's part of a layer."""
    ranges = [list(each) for each in slots]
    whole = {
        "key": "checkout",
        "salt": "layer",
        "unit": "targetingKey",
        "algorithm": "murmur3",
        "slots": ranges,
    }
    return whole | changes


def test_units_in_the_flag_s_part_are_evaluated_and_others_get_the_off_variant() -> None:
    """A unit on one of the flag's slots is answered as without a layer; any other gets the off variant, and why."""
    limited = flag(default=ON, layer=layer((0, 20_000), (50_000, 60_000)))

    for unit in UNITS:
        slot = slot_of("layer", unit)
        detail = answer(limited, unit)
        if slot < 20_000 or 50_000 <= slot < 60_000:
            assert (detail.value, detail.reason, dict(detail.metadata)) == (
                True,
                Reason.DEFAULT,
                {"version": 1},
            )
        else:
            assert (detail.value, detail.reason) == (False, Reason.DEFAULT)
            assert detail.metadata == {"version": 1, "off": True, "layer": "checkout"}


@given(cut=st.integers(1, SLOTS - 1), other=st.text(min_size=1, max_size=5))
def test_two_flags_of_a_layer_share_no_unit(cut: int, other: str) -> None:
    """Whoever is admitted by one flag of a layer is admitted by no other, wherever the parts meet."""
    first, second = flag(default=ON, layer=layer((0, cut))), flag(default=ON, layer=layer((cut, SLOTS)))

    for unit in (*UNITS[:50], other):
        if unit.isascii():
            assert answer(first, unit).value is not answer(second, unit).value


def test_nobody_is_admitted_without_slots_and_everybody_with_all() -> None:
    """An empty part admits nobody, the whole ring everybody."""
    nobody, everybody = flag(default=ON, layer=layer()), flag(default=ON, layer=layer((0, SLOTS)))

    assert {answer(nobody, unit).value for unit in UNITS} == {False}
    assert {answer(everybody, unit).value for unit in UNITS} == {True}


def test_the_variant_is_drawn_independently_of_the_layer() -> None:
    """Among those whom a layer admits, the flag's own split gives each variant its share."""
    halves = {
        "split": {
            "salt": "own",
            "unit": "targetingKey",
            "algorithm": "murmur3",
            "arcs": [[50_000, "on"], [SLOTS, "off"]],
        }
    }
    limited = flag(default=halves, layer=layer((0, 20_000)))

    admitted = [answer(limited, unit) for unit in UNITS if slot_of("layer", unit) < 20_000]

    share = sum(detail.value is True for detail in admitted) / len(admitted)
    assert 0.4 < share < 0.6
    assert {detail.reason for detail in admitted} == {Reason.SPLIT}


def test_targets_come_before_the_layer_and_rules_after() -> None:
    """An individual target is served whatever the layer says; a rule only to those who are admitted."""
    outsider = next(unit for unit in UNITS if slot_of("layer", unit) >= 20_000)
    insider = next(unit for unit in UNITS if slot_of("layer", unit) < 20_000)
    rules = [rule(leaf("plan", "equals", "pro"), ON, "pro")]
    limited = flag(targets={"on": ["alice"]}, rules=rules, layer=layer((0, 20_000)))

    assert answer(limited, {"targetingKey": "alice"}).reason is Reason.TARGETING_MATCH
    assert answer(limited, {"targetingKey": outsider, "plan": "pro"}).value is False
    assert answer(limited, {"targetingKey": insider, "plan": "pro"}).value is True


def test_without_an_off_variant_it_is_the_caller_s_default() -> None:
    """Who is not admitted to a flag without an off variant gets no value, reason DISABLED."""
    limited = flag(default=ON, off_variant=None, layer=layer())

    detail = answer(limited, "alice")

    assert (detail.variant, detail.reason, detail.error_code) == (None, Reason.DISABLED, None)


def test_a_layer_may_hash_any_attribute() -> None:
    """The unit of a layer is any attribute, also by path; without it the answer is TARGETING_KEY_MISSING."""
    limited = flag(default=ON, layer=layer((0, SLOTS), unit="org.id"))

    assert answer(limited, {"targetingKey": "alice", "org": {"id": 7}}).value is True
    assert answer(limited, {"targetingKey": "alice"}).error_code is ErrorCode.TARGETING_KEY_MISSING


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (layer((0, 0)), "/slots/0"),
        (layer((10, 5)), "/slots/0"),
        (layer((0, 10), (10, 20)), "/slots/1"),
        (layer((0, 10), (5, 20)), "/slots/1"),
        (layer((0, SLOTS + 1)), "/slots/0"),
        (layer((-1, 5)), "/slots/0"),
        (layer() | {"slots": [[0]]}, "/slots/0"),
        (layer() | {"slots": [[0, True]]}, "/slots/0"),
        (layer() | {"slots": {}}, "/slots"),
        (layer(salt=1), "/salt"),
        (layer(unit=""), "/unit"),
        (layer(key=None), "/key"),
        ("checkout", ""),
    ],
)
def test_a_layer_that_is_none_is_refused(wrong: object, path: str) -> None:
    """A part of a layer that cannot be is refused with the place of what is wrong."""
    with pytest.raises(DecodeError) as refusal:
        load(document({"f": flag(layer=wrong)}))

    assert refusal.value.path == f"/flags/f/layer{path}"


@pytest.mark.parametrize(
    "changes", [{"algorithm": "murmur4"}, {"algorithm": "unleash.variants.v1"}, {"big": True}]
)
def test_an_unknown_layer_breaks_its_flag_alone(changes: dict[str, Any]) -> None:
    """A layer from a newer server makes its flag answer ERROR, not refuse the snapshot."""
    rules = load(document({"odd": flag(layer=layer((0, 5), **changes)), "fine": flag(default=ON)}))

    assert rules.evaluate("odd", "alice").error_code is ErrorCode.PARSE_ERROR
    assert rules.evaluate("fine").value is True
