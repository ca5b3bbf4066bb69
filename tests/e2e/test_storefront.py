"""The shop of the examples against a real server: other visitors see other pages, and a change reaches the page."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.services.children import Child, free_port
from tests.services.processes import ROOT

if TYPE_CHECKING:
    from tests.conftest import StartServer
    from tests.services.processes import FlagdServer

ARRIVAL_SECONDS = 15.0
VISITORS = [f"visitor-{number}" for number in range(60)]

StartShop = Callable[..., httpx.Client]


@pytest.fixture
def start_shop(tmp_path: Path) -> Iterator[StartShop]:
    """Starts the shop with these variables; returns a client of it that keeps no cookies of others."""
    children: list[Child] = []
    clients: list[httpx.Client] = []

    def start(**settings: str) -> httpx.Client:
        port = free_port()
        child = Child(
            [sys.executable, "-m", "examples.storefront", "--port", str(port)],
            log=tmp_path / f"shop-{port}.log",
            environment=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
        )
        children.append(child)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True)
        clients.append(client)
        child.wait_until(lambda: answers(client))
        return client

    yield start
    for client in clients:
        client.close()
    for child in children:
        child.stop()


@pytest.fixture
def server(start_server: StartServer) -> FlagdServer:
    """A server on its embedded database: what the shop sees does not depend on what it is kept in."""
    return start_server()


@pytest.fixture
def shop(server: FlagdServer, start_shop: StartShop) -> httpx.Client:
    """The shop on the flags of that server, which it finds by the credentials file."""
    return start_shop(FLAGD_URL=server.url, FLAGD_DATA_DIR=str(server.data))


def test_visitors_see_different_pages(shop: httpx.Client) -> None:
    """The beta strip goes by e-mail and plan, the colour of the buttons and free shipping by chance that stays."""
    pages = {name: page(shop, name) for name in ("alice", "carol", "dave")}
    assert {name for name, text in pages.items() if "strip-beta" in text} == {"carol", "dave"}

    crowd = {name: page(shop, name) for name in VISITORS}
    colors = {
        found[1] for text in crowd.values() if (found := re.search(r'<body class="buttons-(\w+)">', text))
    }
    lucky = {name for name, text in crowd.items() if "strip-shipping" in text}
    assert colors == {"blue", "green", "orange", "purple"}
    assert 0 < len(lucky) < len(crowd)
    assert {name for name in crowd if "strip-shipping" in page(shop, name)} == lucky


def test_a_change_of_a_flag_changes_the_page(server: FlagdServer, shop: httpx.Client) -> None:
    """Widened to everybody, the new checkout is on the next pages; the footer shows the revision that did it."""
    assert "Checkout in three steps" in page(shop, "alice")
    assert "step 1 of 3" in shop.get("/checkout", params={"user": "alice"}).text

    revision = change(server, "new-checkout", {"default": {"split": {"weights": {"on": 100, "off": 0}}}})

    wait_until(lambda: f"revision {revision}" in page(shop, "alice"))
    assert "Checkout on one page" in page(shop, "alice")
    assert "on one page" in shop.get("/checkout", params={"user": "alice"}).text


def test_the_kill_switch_stops_payments(server: FlagdServer, shop: httpx.Client) -> None:
    """With `payments` off nobody can order, not even from a page opened before, and the basket stays."""
    shop.post("/basket", data={"user": "alice", "item": "mug"})
    change(server, "payments", {"enabled": False})

    wait_until(lambda: "Payments are paused" in page(shop, "alice"))
    refused = shop.post("/order", data={"user": "alice"})
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "Payments are paused" in refused.text

    change(server, "payments", {"enabled": True})
    wait_until(lambda: "Payments are paused" not in page(shop, "alice"))
    assert "Stoneware mug" in page(shop, "alice")
    assert "Thank you, alice" in shop.post("/order", data={"user": "alice"}).text
    assert "Nothing in it yet" in page(shop, "alice")


def test_the_shop_opens_without_flagd_and_shows_names_as_text(start_shop: StartShop) -> None:
    """Where nothing answers, the shop runs on its defaults; a name that looks like markup stays a name."""
    shop = start_shop(FLAGD_URL=f"http://127.0.0.1:{free_port()}", FLAGD_SDK_KEY="flagd_server_unknown")

    text = page(shop, "<script>alert(1)</script>")

    assert "flagd has not answered yet" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert shop.get("/", headers={"Cookie": "basket=mug-2.bogus-1.lamp-99.tote-x"}).text.count("<li>") == 1


def test_the_shop_says_that_it_has_no_key(tmp_path: Path) -> None:
    """Without a key and a credentials file the shop ends with 1 and says what to do."""
    child = Child(
        [sys.executable, "-m", "examples.storefront"],
        log=tmp_path / "shop.log",
        environment=os.environ | {"PYTHONPATH": str(ROOT), "FLAGD_DATA_DIR": str(tmp_path)},
    )

    assert child.wait() == 1
    assert "set FLAGD_SDK_KEY" in child.output()


def page(shop: httpx.Client, visitor: str) -> str:
    return shop.get("/", params={"user": visitor}).raise_for_status().text


def answers(shop: httpx.Client) -> bool:
    try:
        return shop.get("/").is_success
    except httpx.TransportError:
        return False


def change(server: FlagdServer, flag: str, patch: dict[str, Any]) -> int:
    """Patches the flag in production, as the REST API's users do; returns the environment's new revision."""
    path = f"{server.url}/api/v1/projects/demo/flags/{flag}/environments/production"
    headers = {"Authorization": f"Bearer {server.credentials()['admin_key']}"}
    etag = httpx.get(path, headers=headers).raise_for_status().headers["ETag"]
    answer = httpx.patch(path, json=patch, headers=headers | {"If-Match": etag})
    revision: int = answer.raise_for_status().json()["revision"]
    return revision


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the change did not reach the page"
        time.sleep(0.05)
