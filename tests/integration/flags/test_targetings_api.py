"""How flags answer in one environment, through the API, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from flagd.flags.schemas import TargetingChanged

from .shop import COLOURS, Shop, targeting_of

PRODUCTION = targeting_of("checkout")
LEAF: dict[str, Any] = {"attribute": "plan", "op": "in", "values": ["beta"]}
RULE: dict[str, Any] = {"if": LEAF, "serve": {"variant": "on"}}


async def test_a_patch_reaches_its_environment_only(shop: Shop) -> None:
    """Turning a flag on in production raises production's revision by one and leaves development alone."""
    await shop.flag()
    development, production = await shop.revisions()
    changed = await shop.wrote(PRODUCTION, {"enabled": True})
    assert (changed["enabled"], changed["version"], changed["revision"]) == (True, 2, production + 1)
    assert await shop.revisions() == (development, production + 1)
    assert (await shop.get(targeting_of("checkout", "development")))["enabled"] is False
    assert (await shop.get("flags/checkout"))["version"] == 1
    entry = (await shop.get("/api/v1/changes?limit=1"))["items"][0]
    assert (entry["object_type"], entry["object_key"], entry["environments"]) == (
        "targeting",
        "checkout",
        {"production": production + 1},
    )
    assert (entry["before"]["enabled"], entry["after"]["enabled"]) == (False, True)


async def test_weights_move_the_minimum_and_keep_the_salt(shop: Shop) -> None:
    """A change of weights answers how many percent moved; the salt is random once and then stays."""
    await shop.made("flags", COLOURS)
    path = targeting_of("colour")
    first = await shop.wrote(path, {"default": {"split": {"weights": {"blue": 40, "green": 30, "red": 30}}}})
    assert first["moved"] == {"/default": 60}
    second = await shop.wrote(path, {"default": {"split": {"weights": {"blue": 41, "green": 29}}}})
    assert second["moved"] == {"/default": 1}
    split = second["default"]["split"]
    assert split["weights"] == {"blue": 41, "green": 29, "red": 30}
    assert split["salt"] == first["default"]["split"]["salt"]
    assert (await shop.get(path))["default"] == second["default"]
    TypeAdapter(TargetingChanged).validate_python(second)


async def test_conditions_come_back_the_same_on_every_database(shop: Shop) -> None:
    """Rules keep their order, conditions theirs by id, though the database keeps objects in an order of its own."""
    await shop.flag()
    parts = [{**LEAF, "values": [number, "å"]} for number in range(12)]
    rules = {f"r{number}": RULE for number in (10, 9, 1)} | {
        "a": {**RULE, "if": {"all": parts}, "description": "ü"}
    }
    changed = await shop.wrote(PRODUCTION, {"rules": rules})
    read = await shop.get(PRODUCTION)
    assert read["rule_order"] == ["r10", "r9", "r1", "a"] == list(read["rules"])
    assert list(read["rules"]["a"]["if"]["all"]) == [f"c{number}" for number in range(1, 13)]
    assert list(read["rules"]["a"]["if"]["all"]["c1"]) == ["attribute", "op", "values"]
    assert {**changed, "moved": None} == {**read, "moved": None}
    moved = await shop.wrote(
        PRODUCTION, {"rules": {"a": {"if": {"all": {"c3": None}}}}, "rule_order": ["a", "r1", "r9", "r10"]}
    )
    assert list(moved["rules"]["a"]["if"]["all"])[1:3] == ["c2", "c4"]
    assert moved["moved"] == {"/default": 0, "/rules/a": 0, "/rules/r1": 0, "/rules/r9": 0, "/rules/r10": 0}


async def test_a_patch_without_effect_is_no_write(shop: Shop) -> None:
    """What changes nothing, the whole document included, answers the same version and leaves the log alone."""
    await shop.flag()
    await shop.wrote(
        PRODUCTION,
        {
            "rules": {"r1": RULE},
            "targets": {"on": ["z", "a"]},
            "default": {"split": {"weights": {"on": 0.001, "off": 99.999}}},
        },
    )
    before = await shop.state()
    for patch in ({}, {"rules": {"r1": {"if": LEAF}}}, await shop.get(PRODUCTION)):
        response = await shop.write(PRODUCTION, patch)
        assert (response.status_code, response.headers["etag"]) == (200, '"v2"'), response.text
        assert response.json()["moved"] == {"/default": 0, "/rules/r1": 0}
    assert await shop.state() == before


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"enabled": "yes"}, "#/enabled", "must be true or false"),
        (
            {"default": {"split": {"weights": {"on": 20, "off": 90}}}},
            "#/default/split/weights",
            "add up to 110 %, not 100: name every variant",
        ),
        (
            {"rules": {"r1": {**RULE, "if": {**LEAF, "op": "equal"}}}},
            "#/rules/r1/if/op",
            "no operator 'equal'; known: equals,",
        ),
        (
            {"rules": {"r1": {**RULE, "if": {"any": [LEAF, {**LEAF, "values": [{}]}]}}}},
            "#/rules/r1/if/any/1/values/0",
            "an object",
        ),
        (
            {"rules": {"r1": {**RULE, "if": {"segment": "ghost"}}}},
            "#/rules/r1/if/segment",
            "no segment 'ghost'",
        ),
        (
            {"rules": {"r1": {**RULE, "serve": {"split": {"weights": {"on": 1}}}}}},
            "#/rules/r1/serve/split/weights",
            "add up to 1 %",
        ),
        ({"targets": {"on": ["a"], "off": ["a"]}}, "#/targets/off/0", "also a target of 'on'"),
        ({"prerequisites": {"ghost": ["on"]}}, "#/prerequisites/ghost", "no flag 'ghost'"),
        ({"prerequisites": {"checkout": ["on"]}}, "#/prerequisites/checkout", "its own prerequisite"),
        ({"version": 7}, "#/version", "cannot be changed here"),
        ([], "#", ""),
    ],
)
async def test_a_patch_that_cannot_be_leaves_no_trace(
    shop: Shop, patch: Any, pointer: str, words: str
) -> None:
    """A refused patch names the field at fault; no row and no entry of the log stays behind."""
    await shop.flag()
    assert words in (await shop.refused(PRODUCTION, patch))[pointer]


async def test_prerequisites_never_make_a_circle(shop: Shop) -> None:
    """The flag that would close a circle is refused with the path; in another environment it is none."""
    for key in ("a", "b", "c"):
        await shop.flag(key=key)
    await shop.wrote(targeting_of("a"), {"prerequisites": {"b": ["on"]}})
    await shop.wrote(targeting_of("b"), {"prerequisites": {"c": ["on"]}})
    told = await shop.refused(targeting_of("c"), {"prerequisites": {"a": ["on"]}})
    assert "c -> a -> b -> c" in told["#/prerequisites/a"]
    await shop.wrote(targeting_of("c", "development"), {"prerequisites": {"a": ["on"]}})
    await shop.wrote(targeting_of("a"), {"prerequisites": {"c": ["on", "off"]}})


async def test_prerequisites_lead_no_further_than_applications_follow(shop: Shop) -> None:
    """A chain that every application would answer ERROR for is refused with the way, in that environment only."""
    for number in range(19):
        await shop.flag(key=f"f{number}")
    for number in range(1, 17):
        await shop.wrote(targeting_of(f"f{number}"), {"prerequisites": {f"f{number + 1}": ["on"]}})
    for key, wanted in (("f0", "f1"), ("f17", "f18")):
        told = await shop.refused(targeting_of(key), {"prerequisites": {wanted: ["on"]}})
        assert "a chain of prerequisites is longer than 16: f" in told["#/prerequisites"]
        assert " -> ".join(sorted({key, wanted}, key=lambda name: int(name[1:]))) in told["#/prerequisites"]
    await shop.wrote(targeting_of("f0", "development"), {"prerequisites": {"f1": ["on"]}})
    await shop.wrote("flags/f0/archive")
    await shop.wrote("flags/f1/archive")
    await shop.wrote(targeting_of("f17"), {"prerequisites": {"f18": ["on"]}})
    told = await shop.refused("flags/f1/restore", status=409)
    assert "cannot come back to 'production'" in told["detail"]
    assert "f1 -> f2" in told["detail"]


async def test_too_many_names_are_refused_before_they_are_looked_up(shop: Shop) -> None:
    """A patch that names forty thousand prerequisites is refused for their number, on both databases."""
    await shop.flag()
    many = {f"f{number}": ["on"] for number in range(40_000)}
    told = await shop.refused(PRODUCTION, {"prerequisites": many})
    assert "must be at most 50, not 40000" in told["#/prerequisites"]
    await shop.wrote(PRODUCTION, {"prerequisites": dict.fromkeys(many)})


async def test_a_split_is_compacted_on_demand(shop: Shop) -> None:
    """Compacting answers with the share that moved, keeps weights and salt, and says so in the documented shape."""
    await shop.made("flags", COLOURS)
    path = targeting_of("colour")
    for blue in (40, 20, 60, 30):
        rest = (100 - blue) / 2
        await shop.wrote(
            path, {"default": {"split": {"weights": {"blue": blue, "green": rest, "red": rest}}}}
        )
    before = (await shop.get(path))["default"]["split"]
    assert len(before["arcs"]) > 3
    compacted = await shop.wrote(path, {"default": {"split": {"compact": True}}})
    after = compacted["default"]["split"]
    assert (len(after["arcs"]), after["weights"], after["salt"]) == (3, before["weights"], before["salt"])
    assert compacted["moved"]["/default"] > 0
    TypeAdapter(TargetingChanged).validate_python(compacted)


async def test_an_archived_flag_is_no_prerequisite(shop: Shop) -> None:
    """A flag that is put away cannot be waited for."""
    await shop.flag()
    await shop.flag(key="parent")
    await shop.wrote("flags/parent/archive")
    told = await shop.refused(PRODUCTION, {"prerequisites": {"parent": ["on"]}})
    assert "or it is archived" in told["#/prerequisites/parent"]


async def test_an_environment_made_later_begins_with_everything_off(shop: Shop) -> None:
    """A flag is off in an environment younger than itself, at version 1, and is written there like anywhere."""
    await shop.flag()
    await shop.made("environments", {"key": "staging", "name": "Staging"})
    path = targeting_of("checkout", "staging")
    read = await shop.send("GET", path)
    assert (read.json()["enabled"], read.headers["etag"]) == (False, '"v1"')
    assert (await shop.write(path, {"enabled": False})).headers["etag"] == '"v1"'
    assert (await shop.write(path, {"enabled": True}, version=2)).status_code == 412
    changed = await shop.wrote(path, {"enabled": True})
    assert (changed["version"], changed["off_variant"]) == (2, "off")
    assert (await shop.get(path))["enabled"] is True
    assert (await shop.write(path, {"enabled": False}, version=1)).status_code == 412


async def test_an_archived_environment_is_closed_to_changes(shop: Shop) -> None:
    """Nothing changes in an archived environment; what was there can still be read."""
    await shop.flag()
    environment = await shop.get("environments/production")
    headers = {"If-Match": f'"v{environment["version"]}"'}
    assert (await shop.send("POST", "environments/production/archive", headers=headers)).status_code == 200
    assert (
        "environment 'production' is archived"
        in (await shop.refused(PRODUCTION, {"enabled": True}, 409))["detail"]
    )
