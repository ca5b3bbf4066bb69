"""The project that the tests of this folder work in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.flags.shop import Shop as FlagShop


class Shop(FlagShop):
    """The project `shop`, whose state includes its layers."""

    async def layer(self, key: str = "pages", **document: Any) -> Any:
        """A new layer."""
        return await self.made("layers", {"key": key, **document})

    async def state(self) -> Any:
        """Everything the project holds, and how many changes there were."""
        layers = (await self.get("layers?archived=true"))["items"]
        return (
            await super().state(),
            layers,
            [
                await self.get(owners_of(layer["key"], environment))
                for layer in layers
                for environment in ("development", "production")
            ],
        )


def owners_of(layer: str = "pages", environment: str = "production") -> str:
    """The path of an allocation."""
    return f"layers/{layer}/environments/{environment}"


@pytest.fixture
async def shop(client: httpx.AsyncClient, admin_headers: dict[str, str]) -> Shop:
    """A project with two environments and three flags, once on each kind of database."""
    opened = Shop(client, admin_headers)
    await opened.open()
    for key in ("banner", "checkout", "price"):
        await opened.flag(key=key)
    return opened
