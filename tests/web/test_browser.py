"""The pages in a real browser, with and without JavaScript: nothing depends on scripts, everything fits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

    from tests.conftest import StartServer
    from tests.services.processes import FlagdServer

pytestmark = [pytest.mark.chromium]

FLAGS = "/projects/demo/environments/production/flags"
# Chromium says these two in its console about answers that are as they should be.
EXPECTED_COMPLAINTS = ("status of 401", "status of 412")


@pytest.fixture
def shop(start_server: StartServer, sqlite_url: str) -> FlagdServer:
    """A server of its own with the demo project."""
    return start_server(DATABASE_URL=sqlite_url)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_a_person_signs_in_switches_and_rolls_out(
    shop: FlagdServer, chromium: Browser, scripts: bool
) -> None:
    """Signing in, a switch and a percentage work with the keyboard or mouse alone, JavaScript on or off."""
    context = await chromium.new_context(base_url=shop.url, java_script_enabled=scripts)
    page, complaints = await listening_page(context)
    await sign_in(page, shop)
    await page.get_by_role("link", name="Production").click()
    switch = page.get_by_role("switch", name="payments in production")
    assert await switch.get_attribute("aria-checked") == "true"

    await switch.click()
    await page.get_by_role("status").get_by_text("payments: on → off in production").wait_for()
    assert await switch.get_attribute("aria-checked") == "false"
    assert (await targeting(shop, "payments"))["enabled"] is False

    field = page.get_by_label("Percentage of free-shipping that gets on")
    assert await field.input_value() == "20"
    await field.fill("35.5")
    await field.press("Enter")
    await page.get_by_role("status").get_by_text("free-shipping: 20 % → 35.5 %").wait_for()
    assert (await targeting(shop, "free-shipping"))["default"]["split"]["weights"]["on"] == 35.5

    await page.get_by_role("link", name="Dismiss this message").click()
    assert await page.get_by_role("status").count() == 0
    await page.get_by_role("button", name="Sign out").click()
    assert page.url == f"{shop.url}/login"
    assert complaints == []


async def test_two_windows_of_one_browser(shop: FlagdServer, chromium: Browser) -> None:
    """The second window is told what the first one saved, with the focus on what does no harm."""
    context = await chromium.new_context(base_url=shop.url)
    first, _ = await listening_page(context)
    await sign_in(first, shop)
    await first.goto(FLAGS)
    second, complaints = await listening_page(context)
    await second.goto(FLAGS)
    for page, percent in ((first, "40"), (second, "60")):
        await page.get_by_label("Percentage of free-shipping that gets on").fill(percent)
        await page.get_by_role("button", name="Save the percentage of free-shipping").click()

    alert = second.get_by_role("alert")
    assert "You yourself changed free-shipping" in await alert.inner_text()
    assert await second.evaluate("document.activeElement.textContent") == "Keep what is there now"
    await alert.get_by_role("button", name="Save 60 % anyway").click()
    await second.get_by_role("status").get_by_text("40 % → 60 %").wait_for()
    assert complaints == []


@pytest.mark.parametrize("width", [360, 768, 1360])
async def test_no_page_is_wider_than_the_screen(shop: FlagdServer, chromium: Browser, width: int) -> None:
    """From a small phone to a desktop nothing has to be scrolled sideways, and every control is large enough to hit."""
    context = await chromium.new_context(base_url=shop.url, viewport={"width": width, "height": 800})
    page, complaints = await listening_page(context)
    for path in ("/login", FLAGS, f"{FLAGS}?q=nothing", "/nowhere"):
        if path == FLAGS:
            await sign_in(page, shop)
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        for control in await page.locator("button, input:not([type=hidden]), a.button, .tabs a").all():
            box = await control.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 24, await control.evaluate(
                "element => element.outerHTML"
            )
    assert [text for text in complaints if "404" not in text] == []


async def test_the_keyboard_reaches_everything_in_order(shop: FlagdServer, chromium: Browser) -> None:
    """The skip link comes first and leads to the content; what has the focus is always seen to have it."""
    context = await chromium.new_context(base_url=shop.url)
    page, _ = await listening_page(context)
    await sign_in(page, shop)
    await page.goto(FLAGS)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"
    for _ in range(8):
        await page.keyboard.press("Tab")
        style = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style != "none"


async def listening_page(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page and what its console says against it: a refused style, a script error, a missing file."""
    page = await context.new_page()
    complaints: list[str] = []

    def note(message: Any) -> None:
        if not any(expected in message.text for expected in EXPECTED_COMPLAINTS):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def sign_in(page: Page, shop: FlagdServer) -> None:
    credentials = shop.credentials()
    await page.goto("/login")
    await page.get_by_label("Email").fill(credentials["admin_email"])
    await page.get_by_label("Password").fill(credentials["admin_password"])
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Flags", exact=True).wait_for()


async def targeting(shop: FlagdServer, flag: str) -> Any:
    path = f"{shop.url}/api/v1/projects/demo/flags/{flag}/environments/production"
    headers = {"Authorization": f"Bearer {shop.credentials()['admin_key']}"}
    return (await asyncio.to_thread(httpx.get, path, headers=headers)).raise_for_status().json()
