"""A real browser on the live exchange; a page with an error in its console fails its test."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    sync_playwright,
)

from tests.live import LiveExchange

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# The browser's own note of an answer which the page expects and shows: a refusal.
REFUSED = re.compile(r"the server responded with a status of (400|401|403|422|451)\b")

OpenPage = Callable[..., Page]
SignIn = Callable[[Page, str], None]


# One browser per module: its event loop must not be left running beside tests of the database.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Yield Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(chromium), args=list(CHROMIUM_ARGUMENTS)
        )
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, exchange: LiveExchange) -> Iterator[OpenPage]:
    """Return a function which opens an empty session; every page must keep its console clean."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def opened(*, phone: bool = False, scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=exchange["web"],
            viewport=PHONE if phone else DESK,
            has_touch=phone,
            java_script_enabled=scripts,
            color_scheme="dark",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note(message, problems))
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def sign_in(exchange: LiveExchange) -> SignIn:
    """Return a function which signs a demo user in as a person would."""
    passwords = {user["email"]: user["password"] for user in exchange["users"]}

    def signed(page: Page, email: str) -> None:
        page.goto("/accounts/login/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", passwords[email])
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/")

    return signed


def _note(message: ConsoleMessage, problems: list[str]) -> None:
    if message.type in ("error", "warning") and not REFUSED.search(message.text):
        problems.append(f"{message.location.get('url')}: {message.text}")
