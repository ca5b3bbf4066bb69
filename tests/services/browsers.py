"""A headless Chromium that the machine has, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATH_VARIABLE: Final = "FLAGD_TEST_CHROMIUM"
# Nothing but the pages under test: no updates, no sync, no look-ups of anybody's hosts.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def find_chromium() -> str | None:
    """The browser's program, or None; FLAGD_TEST_CHROMIUM names one that is not on the PATH."""
    candidates = (os.environ.get(PATH_VARIABLE), *NAMES)
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


@asynccontextmanager
async def browser(executable: str) -> AsyncIterator[Browser]:
    """A browser with nothing remembered from before."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            yield chromium
        finally:
            await chromium.close()
