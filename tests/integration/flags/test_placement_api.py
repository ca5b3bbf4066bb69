"""Who gets what stays as it is, whatever else about a flag is edited, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from .shop import COLOURS, Shop, targeting_of

PRODUCTION = targeting_of("colour")
SPLIT: dict[str, Any] = {
    "weights": {"blue": 50, "green": 30, "red": 20},
    "unit": "organization.id",
    "salt": "autumn",
}


@pytest.fixture
async def split(shop: Shop) -> dict[str, Any]:
    """The split of a flag of three colours that was edited before, so that its arcs tell of its past."""
    await shop.made("flags", COLOURS)
    await shop.wrote(PRODUCTION, {"default": {"split": SPLIT}})
    written = await shop.wrote(PRODUCTION, {"default": {"split": {"weights": {"blue": 40, "red": 30}}}})
    found: dict[str, Any] = written["default"]["split"]
    assert len(found["arcs"]) > 3
    return found


@pytest.mark.parametrize(
    "patch",
    [
        {"name": "Another name"},
        {"variant_order": ["red", "green", "blue"]},
        {"variants": {"azure": {"value": "azure"}}},
        {"variants": {"blue": {"value": "#00f"}}},
        {"variants": {"azure": {"value": "azure"}}, "variant_order": ["azure", "red", "green", "blue"]},
        {"schema": {"type": "string"}},
    ],
    ids=["name", "order", "new variant", "value", "new first variant", "schema"],
)
async def test_editing_a_flag_moves_nobody(shop: Shop, split: dict[str, Any], patch: dict[str, Any]) -> None:
    """Names, values, and the variants' order and number have no say in who gets which."""
    await shop.wrote("flags/colour", patch)
    assert (await shop.get(PRODUCTION))["default"]["split"] == split


async def test_new_weights_keep_what_they_do_not_name(shop: Shop, split: dict[str, Any]) -> None:
    """A patch of weights alone keeps unit, salt and algorithm, and moves the difference."""
    written = await shop.wrote(PRODUCTION, {"default": {"split": {"weights": {"blue": 41, "red": 29}}}})
    after = written["default"]["split"]
    assert [after[name] for name in ("unit", "salt", "algorithm")] == ["organization.id", "autumn", "murmur3"]
    assert (after["weights"], written["moved"]) == (
        {"blue": 41, "green": 30, "red": 29},
        {"/default": 1},
    )
    assert split["weights"] == {"blue": 40, "green": 30, "red": 30}


async def test_some_weights_only_are_answered_with_what_is_missing(shop: Shop, split: dict[str, Any]) -> None:
    """Whoever raises one share and forgets to lower another reads what they add up to, and what to do."""
    told = await shop.refused(PRODUCTION, {"default": {"split": {"weights": {"blue": 60}}}})
    assert told["#/default/split/weights"] == (
        "weights add up to 120 %, not 100: name every variant whose share changes"
    )
    assert (await shop.get(PRODUCTION))["default"]["split"] == split


async def test_a_variant_comes_down_to_nothing_and_back(shop: Shop, split: dict[str, Any]) -> None:
    """A share of 0 serves the variant to nobody, in whatever place it stands, and it may have a share again."""
    nobody = await shop.wrote(PRODUCTION, {"default": {"split": {"weights": {"blue": 0, "red": 70}}}})
    assert nobody["default"]["split"]["weights"] == {"green": 30, "red": 70}
    assert "blue" not in {variant for _, variant in nobody["default"]["split"]["arcs"]}
    again = await shop.wrote(PRODUCTION, {"default": {"split": {"weights": {"blue": 0.001, "red": 69.999}}}})
    assert again["default"]["split"]["weights"] == {"blue": 0.001, "green": 30, "red": 69.999}
    assert again["moved"] == {"/default": 0.001}


async def test_a_rule_and_the_default_of_the_same_shares_place_alike_by_salt_alone(shop: Shop) -> None:
    """The same shares, salt and unit are the same people, whether a rule or the default serves them."""
    await shop.made("flags", COLOURS)
    rule = {"if": {"attribute": "plan", "op": "in", "values": ["pro"]}, "serve": {"split": SPLIT}}
    written = await shop.wrote(PRODUCTION, {"default": {"split": SPLIT}, "rules": {"r1": rule}})
    assert written["rules"]["r1"]["serve"] == written["default"]


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "flags/numbers",
            {"variants": {"x": {"value": {"n": [1, 0]}}}},
            {"variants": {"x": {"value": {"n": [True, False]}}}},
        ),
        ("flags/numbers", {"schema": {"examples": [1]}}, {"schema": {"examples": [True]}}),
        ("segments/beta", {"if": {"attribute": "a", "op": "in", "values": [1]}}, {"if": {"values": [True]}}),
        (
            targeting_of("numbers"),
            {"rules": {"r": {"if": {"attribute": "a", "op": "in", "values": [0]}, "serve": {"variant": "x"}}}},
            {"rules": {"r": {"if": {"values": [False]}}}},
        ),
    ],
    ids=["value", "schema", "segment", "rule"],
)  # fmt: skip
async def test_one_is_not_true(shop: Shop, path: str, before: Any, after: Any) -> None:
    """Replacing 1 by true is a change, though Python takes the two for equal; and saying it again is none."""
    await shop.made("flags", {"key": "numbers", "kind": "object", "variants": {"x": {"value": {}}}})
    await shop.segment("beta")
    first = await shop.wrote(path, before)
    second = await shop.wrote(path, after)
    assert second["version"] == first["version"] + 1
    assert await shop.get(path) | {"moved": None} == second | {"moved": None}
    assert (await shop.wrote(path, after))["version"] == second["version"]
