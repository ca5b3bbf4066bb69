"""Layers and archived environments: what is put away is in nobody's way, and comes back as it was or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.flags.shop import targeting_of

from .conftest import Shop, owners_of

HERE = owners_of()
PUT_AWAY = owners_of(environment="development")
DEVELOPMENT = "environments/development"


@pytest.fixture
async def away(shop: Shop) -> Shop:
    """The flag price has a tenth of the layer pages in development, which is archived."""
    await shop.layer()
    await shop.layer("other")
    await shop.wrote(PUT_AWAY, {"flags": {"price": 10}, "holdout": 5})
    await shop.wrote(f"{DEVELOPMENT}/archive")
    return shop


async def comes_back(shop: Shop) -> Any:
    """What development's layers have, once it is restored."""
    assert (await shop.wrote(f"{DEVELOPMENT}/restore"))["archived"] is False
    return (await shop.get(PUT_AWAY))["flags"]


async def test_it_comes_back_as_it_was(away: Shop) -> None:
    """Where nothing else was done meanwhile, the flag is in its layer again, with the same arcs and version."""
    before = await away.get(PUT_AWAY)
    assert await comes_back(away) == {"price": 10}
    assert {**before, "revision": None} == {**await away.get(PUT_AWAY), "revision": None}


async def test_the_same_layer_elsewhere_is_no_contradiction(away: Shop) -> None:
    """A flag may have gone into the layer it is in there, in other environments, too."""
    await away.wrote(HERE, {"flags": {"price": 50}})
    assert await comes_back(away) == {"price": 10}


async def test_a_flag_may_go_into_another_layer_meanwhile(away: Shop) -> None:
    """It is held by nothing that cannot be changed; coming back is refused until it is in one layer again."""
    await away.wrote(owners_of("other"), {"flags": {"price": 20, "banner": 1}})
    told = await away.refused(f"{DEVELOPMENT}/restore", status=409)
    assert told["detail"] == (
        "'development' cannot come back: 'price' is in the layer 'pages' there and is now in the layer 'other'"
        " in 'production', and a flag is in one layer only: take it out first"
    )
    await away.wrote(owners_of("other"), {"flags": {"price": None}})
    assert await comes_back(away) == {"price": 10}
    assert (
        "'pages' in 'development'"
        in ((await away.refused(owners_of("other"), {"flags": {"price": 1}}))["#/flags/price"])
    )


async def test_a_layer_may_be_archived_meanwhile(away: Shop) -> None:
    """Coming back is refused, naming the layer and its flags there, until the layer is restored."""
    await away.wrote("layers/pages/archive")
    assert (await away.get(targeting_of("price", "development")))["layer"] == {"key": "pages", "percent": 10}
    told = await away.refused(f"{DEVELOPMENT}/restore", status=409)
    assert told["detail"] == (
        "'development' cannot come back: the layer 'pages', which has 'price' there, is archived: restore it first"
    )
    await away.wrote("layers/pages/restore")
    assert await comes_back(away) == {"price": 10}
    assert "'price' in 'development'" in (await away.refused("layers/pages/archive", status=409))["detail"]


async def test_a_layer_without_flags_holds_nothing_back(away: Shop) -> None:
    """An archived layer that has nothing but a holdout there limits nobody, and the environment comes back."""
    await away.wrote("layers/other/archive")
    assert await comes_back(away) == {"price": 10}


async def test_a_flag_may_be_archived_meanwhile(away: Shop) -> None:
    """It is served to nobody, so the environment comes back with it; it can be taken out, or come back limited."""
    await away.wrote("flags/price/archive")
    assert await comes_back(away) == {"price": 10}
    await away.wrote("flags/price/restore")
    assert (await away.get(targeting_of("price", "development")))["layer"] == {"key": "pages", "percent": 10}
    assert "'development'" in (await away.refused("flags/price/archive", status=409))["detail"]
    await away.wrote(PUT_AWAY, {"flags": {"price": None}})
    await away.wrote("flags/price/archive")


async def test_an_archived_flag_can_be_taken_out(away: Shop) -> None:
    """What it held of the layer is free again without bringing the flag back."""
    await away.wrote("flags/price/archive")
    await comes_back(away)
    assert (await away.wrote(PUT_AWAY, {"flags": {"price": None}}))["free"] == 95


async def test_whom_the_layer_places_stays_for_those_who_are_still_answered(away: Shop) -> None:
    """Another unit or salt would reach applications of the archived environment: refused, saying which it is."""
    for patch in ({"salt": "new"}, {"unit": "device"}):
        told = await away.refused("layers/pages", patch, 409)
        assert "'price' in the archived 'development'" in told["detail"]
