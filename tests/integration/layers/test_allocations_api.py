"""Who owns a layer in one environment, through the API, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from flagd.flags.layers.schemas import AllocationChanged, AllocationView
from flagd.flags.schemas import TargetingView
from tests.integration.flags.shop import targeting_of

from .conftest import Shop, owners_of

PRODUCTION = owners_of()


async def test_a_layer_begins_free(shop: Shop) -> None:
    """Where nobody has said anything, also in an environment made later, nobody owns anything, at version 1."""
    await shop.layer()
    await shop.made("environments", {"key": "late", "name": "Late"})
    for environment in ("production", "late"):
        response = await shop.send("GET", owners_of(environment=environment))
        found = response.json()
        assert response.headers["etag"] == '"v1"'
        assert (found["flags"], found["holdout"], found["free"]) == ({}, 0, 100)
        assert found["arcs"] == [[100_000, "(free)"]]
        TypeAdapter(AllocationView).validate_python(found)


async def test_shares_are_given_in_percent(shop: Shop) -> None:
    """Flags and holdout get what was asked for, the rest stays free, and the answer says what moved."""
    await shop.layer()
    development, production = await shop.revisions()
    changed = await shop.wrote(PRODUCTION, {"flags": {"checkout": 20, "price": 30.5}, "holdout": 5})
    assert changed["flags"] == {"checkout": 20, "price": 30.5}
    assert (changed["holdout"], changed["free"], changed["moved"]) == (5, 44.5, 55.5)
    assert (changed["layer"], changed["environment"]) == ("pages", "production")
    assert (changed["version"], changed["revision"]) == (2, production + 1)
    assert {**await shop.get(PRODUCTION), "moved": 55.5} == changed
    assert await shop.revisions() == (development, production + 1)
    assert (await shop.get(owners_of(environment="development")))["free"] == 100
    TypeAdapter(AllocationChanged).validate_python(changed)


async def test_widening_one_flag_takes_from_what_is_free(shop: Shop) -> None:
    """No other flag loses or swaps a single unit, whatever one flag gets."""
    await shop.layer()
    first = await shop.wrote(PRODUCTION, {"flags": {"checkout": 20, "price": 30}, "holdout": 10})
    second = await shop.wrote(PRODUCTION, {"flags": {"checkout": 60}})
    assert (second["moved"], second["free"]) == (40, 0)

    def stretches(answer: Any, owner: str) -> list[tuple[int, int]]:
        starts = [0, *(end for end, _ in answer["arcs"])]
        return [
            (start, end) for start, (end, name) in zip(starts, answer["arcs"], strict=False) if name == owner
        ]

    for owner in ("price", "(holdout)"):
        assert stretches(first, owner) == stretches(second, owner)


async def test_a_change_is_in_the_log(shop: Shop) -> None:
    """Before and after are kept with the revision that the change made of its one environment."""
    await shop.layer()
    changed = await shop.wrote(PRODUCTION, {"flags": {"price": 10}})
    entry = (await shop.get("/api/v1/changes?limit=1&object_type=layer_allocation"))["items"][0]
    assert (entry["object_key"], entry["action"]) == ("pages", "update")
    assert entry["environments"] == {"production": changed["revision"]}
    assert (entry["before"]["flags"], entry["after"]["flags"]) == ({}, {"price": 10})


async def test_a_patch_without_effect_is_no_write(shop: Shop) -> None:
    """What changes nothing, the whole document included, answers the same version and leaves the log alone."""
    await shop.layer()
    await shop.wrote(PRODUCTION, {"flags": {"price": 33.333, "banner": 0}, "holdout": 1})
    before = await shop.state()
    for patch in ({}, {"flags": {"price": 33.333}}, {"flags": {"ghost": None}}, await shop.get(PRODUCTION)):
        response = await shop.write(PRODUCTION, patch)
        assert (response.status_code, response.headers["etag"]) == (200, '"v2"'), response.text
        assert response.json()["moved"] == 0
    assert await shop.state() == before


async def test_a_targeting_shows_what_limits_it(shop: Shop) -> None:
    """Who reads or changes a flag in an environment sees its layer there, and may send that back unchanged only."""
    await shop.layer()
    await shop.wrote(PRODUCTION, {"flags": {"price": 12.5}})
    path = targeting_of("price")
    found = await shop.get(path)
    assert found["layer"] == {"key": "pages", "percent": 12.5}
    assert (await shop.wrote(path, {**found, "enabled": True}))["layer"] == found["layer"]
    told = await shop.refused(path, {"layer": {"key": "pages", "percent": 13}})
    assert "cannot be changed here" in told["#/layer"]
    assert (await shop.get(targeting_of("price", "development")))["layer"] is None
    assert (await shop.get(targeting_of("banner")))["layer"] is None
    TypeAdapter(TargetingView).validate_python(found)


async def test_a_flag_is_in_one_layer_only(shop: Shop) -> None:
    """A flag of another layer, in whatever environment and with whatever share, is refused naming that layer."""
    await shop.layer()
    await shop.layer("other")
    await shop.wrote(owners_of("other", "development"), {"flags": {"price": 0}})
    told = await shop.refused(PRODUCTION, {"flags": {"price": 10}})
    assert "'price' is in the layer 'other' in 'development'" in told["#/flags/price"]
    await shop.wrote(owners_of("other", "development"), {"flags": {"price": None}})
    await shop.wrote(PRODUCTION, {"flags": {"price": 10}})
    await shop.wrote(owners_of(environment="development"), {"flags": {"price": 20}})


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"flags": {"ghost": 1}}, "#/flags/ghost", "no flag 'ghost' in this project, or it is archived"),
        ({"flags": {"price": "1"}}, "#/flags/price", "a number of percent"),
        ({"flags": {"price": 0.0001}}, "#/flags/price", "at most 3 decimals"),
        ({"flags": {"price": 95.001}, "holdout": 5}, "#/flags", "at most 100 percent, not 100.001"),
        ({"holdout": 101}, "#/holdout", "between 0 and 100"),
        ({"free": 1}, "#/free", "cannot be changed here"),
        ({"compact": True, "flags": {}}, "#/compact", "comes alone"),
        ({"flags": {"x/~y": 1}}, "#/flags/x~1~0y", "no flag"),
        ([], "#", ""),
    ],
)
async def test_a_patch_that_cannot_be_leaves_no_trace(
    shop: Shop, patch: Any, pointer: str, words: str
) -> None:
    """A refused patch names the field at fault; no row and no entry of the log stays behind."""
    await shop.layer()
    assert words in (await shop.refused(PRODUCTION, patch))[pointer]


async def test_too_many_flags_are_refused_before_they_are_looked_up(shop: Shop) -> None:
    """A patch that names forty thousand flags is refused for their number, on both databases."""
    await shop.layer()
    many = {f"f{number}": 0 for number in range(40_000)}
    assert (
        "must be at most 100 flags, not 40000" in (await shop.refused(PRODUCTION, {"flags": many}))["#/flags"]
    )
    await shop.wrote(PRODUCTION, {"flags": dict.fromkeys(many)})


async def test_allocations_say_what_they_are_based_on(shop: Shop) -> None:
    """Without If-Match: 428; with a version that is not current, the first included: 412 and the one that is."""
    await shop.layer()
    assert (await shop.send("PATCH", PRODUCTION, json={"holdout": 1})).status_code == 428
    stale = await shop.write(PRODUCTION, {"holdout": 1}, version=2)
    assert (stale.status_code, stale.headers["etag"]) == (412, '"v1"')
    await shop.wrote(PRODUCTION, {"holdout": 1})
    stale = await shop.write(PRODUCTION, {"holdout": 2}, version=1)
    assert (stale.status_code, stale.headers["etag"]) == (412, '"v2"')


async def test_an_archived_environment_is_closed_to_changes(shop: Shop) -> None:
    """Nothing changes in an archived environment; what was there can still be read."""
    await shop.layer()
    await shop.wrote(PRODUCTION, {"flags": {"price": 10}})
    environment = await shop.get("environments/production")
    headers = {"If-Match": f'"v{environment["version"]}"'}
    assert (await shop.send("POST", "environments/production/archive", headers=headers)).status_code == 200
    told = await shop.refused(PRODUCTION, {"holdout": 1}, 409)
    assert "environment 'production' is archived" in told["detail"]
    assert (await shop.get(PRODUCTION))["flags"] == {"price": 10}
