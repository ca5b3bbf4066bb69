"""Writers at the same moment, on PostgreSQL, where they really are at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.services.application import StartApp

from .shop import COLOURS, Shop, targeting_of

ROUNDS = 5


@pytest.fixture
async def shop(postgres_url: str, start_app: StartApp) -> Shop:
    """The project, on PostgreSQL."""
    running = await start_app(database_url=postgres_url)
    return await Shop(running.client, running.admin_headers).open()


def statuses(responses: list[httpx.Response]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(response.status_code for response in responses)


@pytest.mark.parametrize("path", ["flags/checkout", targeting_of("checkout")])
async def test_each_version_has_exactly_one_winner(shop: Shop, path: str) -> None:
    """Of fifty writers who saw the same version one wins, and nobody's write is lost or mixed with another's."""
    await shop.flag()
    before = await shop.revisions()
    for version in (1, 2):
        member = "description" if path == "flags/checkout" else "targets"
        # Different from the round before: a write that changes nothing wins beside the one that does.
        patches: list[Any] = [f"writer {number} of {version}" for number in range(50)]
        if member == "targets":
            patches = [{"on": [f"writer-{number}-of-{version}"]} for number in range(50)]
        responses = await asyncio.gather(
            *(shop.write(path, {member: patch}, version=version) for patch in patches)
        )
        assert statuses(list(responses)) == {200: 1, 412: 49}
        winner = next(number for number, response in enumerate(responses) if response.status_code == 200)
        now = await shop.get(path)
        assert (now["version"], now[member]) == (version + 1, patches[winner])
        assert {response.headers["etag"] for response in responses} == {f'"v{version + 1}"'}
    assert (await shop.revisions())[1] == before[1] + 2
    entries = (await shop.get("/api/v1/changes?object_key=checkout&project=shop"))["items"]
    assert [entry["after"]["version"] for entry in entries] == [3, 2, 1]


async def test_the_first_writers_of_a_targeting_make_one_row(shop: Shop) -> None:
    """Where an environment is younger than the flag, one of the first writers wins and the others are told so."""
    for number in range(ROUNDS):
        await shop.flag(key=f"flag-{number}")
    await shop.made("environments", {"key": "staging", "name": "Staging"})
    for number in range(ROUNDS):
        path = targeting_of(f"flag-{number}", "staging")
        patches = ({"enabled": True, "targets": {"on": [f"writer-{writer}"]}} for writer in range(8))
        responses = await asyncio.gather(*(shop.write(path, patch, version=1) for patch in patches))
        assert statuses(list(responses)) == {200: 1, 412: 7}
        assert (await shop.get(path))["version"] == 2


async def test_a_variant_is_not_removed_while_it_is_put_to_use(shop: Shop) -> None:
    """Whoever comes second, the removal or the new use, is refused; a rule never serves what is not there."""
    for number in range(ROUNDS):
        key = f"colour-{number}"
        await shop.made("flags", COLOURS | {"key": key})
        await shop.wrote(targeting_of(key), {"off_variant": "blue"})
        await shop.wrote(targeting_of(key, "development"), {"off_variant": "blue"})
        removal, use = await asyncio.gather(
            shop.write(f"flags/{key}", {"variants": {"red": None}}, version=1),
            shop.write(targeting_of(key), {"default": {"variant": "red"}}, version=2),
        )
        assert (removal.status_code, use.status_code) in ((200, 422), (409, 200))


async def test_two_flags_do_not_come_to_wait_for_each_other(shop: Shop) -> None:
    """Of two edits that together would close a circle of prerequisites, one is refused."""
    for number in range(ROUNDS):
        one, other = f"one-{number}", f"other-{number}"
        await shop.flag(key=one)
        await shop.flag(key=other)
        responses = await asyncio.gather(
            shop.write(targeting_of(one), {"prerequisites": {other: ["on"]}}, version=1),
            shop.write(targeting_of(other), {"prerequisites": {one: ["on"]}}, version=1),
        )
        assert statuses(list(responses)) == {200: 1, 422: 1}


async def test_a_segment_is_not_archived_while_it_is_put_to_use(shop: Shop) -> None:
    """Whoever comes second, the archiving or the new rule, is refused."""
    await shop.flag()
    for number in range(ROUNDS):
        segment = f"segment-{number}"
        await shop.segment(segment)
        version = (await shop.get(targeting_of("checkout")))["version"]
        rule = {"if": {"segment": segment}, "serve": {"variant": "on"}}
        archiving, use = await asyncio.gather(
            shop.write(f"segments/{segment}/archive", version=1),
            shop.write(targeting_of("checkout"), {"rules": {f"r{number}": rule}}, version=version),
        )
        assert (archiving.status_code, use.status_code) in ((200, 422), (409, 200))


async def test_a_key_is_given_once(shop: Shop) -> None:
    """Of two who create a flag under one key, one does and the other is told that it is taken."""
    for number in range(ROUNDS):
        document = {"key": f"flag-{number}", "kind": "boolean"}
        responses = await asyncio.gather(*(shop.send("POST", "flags", json=document) for _ in range(4)))
        assert statuses(list(responses)) == {201: 1, 409: 3}
