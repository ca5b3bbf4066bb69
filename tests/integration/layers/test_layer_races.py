"""Writers of one layer at the same moment, on PostgreSQL, where they really are at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.services.application import StartApp

from .conftest import Shop, owners_of

ROUNDS = 5


@pytest.fixture
async def shop(postgres_url: str, start_app: StartApp) -> Shop:
    """The project with one flag, on PostgreSQL."""
    running = await start_app(database_url=postgres_url)
    opened = Shop(running.client, running.admin_headers)
    await opened.open()
    await opened.flag(key="price")
    return opened


def statuses(responses: list[httpx.Response]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(response.status_code for response in responses)


async def test_each_version_has_exactly_one_winner(shop: Shop) -> None:
    """Of twenty writers who saw the same shares one wins, the first ones included; what it wrote is what there is."""
    await shop.layer()
    before = await shop.revisions()
    for version in (1, 2, 3):
        shares = [version + number / 100 for number in range(20)]
        responses = await asyncio.gather(
            *(shop.write(owners_of(), {"flags": {"price": share}}, version=version) for share in shares)
        )
        assert statuses(list(responses)) == {200: 1, 412: 19}
        winner = next(response.json() for response in responses if response.status_code == 200)
        now = await shop.get(owners_of())
        assert (now["version"], now["flags"]) == (version + 1, winner["flags"])
        assert sum(now["flags"].values()) + now["free"] == pytest.approx(100)
    assert (await shop.revisions())[1] == before[1] + 3


async def test_two_layers_do_not_take_one_flag(shop: Shop) -> None:
    """Of two who put one flag into two layers, in different environments, one is refused."""
    for number in range(ROUNDS):
        flag, one, other = f"flag-{number}", f"one-{number}", f"other-{number}"
        await shop.flag(key=flag)
        await shop.layer(one)
        await shop.layer(other)
        responses = await asyncio.gather(
            shop.write(owners_of(one), {"flags": {flag: 10}}, version=1),
            shop.write(owners_of(other, "development"), {"flags": {flag: 10}}, version=1),
        )
        assert statuses(list(responses)) == {200: 1, 422: 1}


async def test_a_flag_is_not_archived_while_it_enters_a_layer(shop: Shop) -> None:
    """Whoever comes second, the archiving or the new share, is refused."""
    await shop.layer()
    for number in range(ROUNDS):
        flag = f"flag-{number}"
        await shop.flag(key=flag)
        version = (await shop.get(owners_of()))["version"]
        archiving, entering = await asyncio.gather(
            shop.write(f"flags/{flag}/archive", version=1),
            shop.write(owners_of(), {"flags": {flag: 1}}, version=version),
        )
        assert (archiving.status_code, entering.status_code) in ((200, 422), (409, 200))


async def test_a_layer_is_not_archived_or_salted_anew_while_it_gets_a_flag(shop: Shop) -> None:
    """Whoever comes second is refused: no flag is in a layer that is put away, and none is placed anew."""
    for number in range(ROUNDS):
        layer = f"layer-{number}"
        await shop.layer(layer)
        flag = f"flag-{number}"
        await shop.flag(key=flag)
        archiving, entering = await asyncio.gather(
            shop.write(f"layers/{layer}/archive", version=1),
            shop.write(owners_of(layer), {"flags": {flag: 1}}, version=1),
        )
        assert (archiving.status_code, entering.status_code) in ((200, 409), (409, 200))
