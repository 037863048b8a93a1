"""The portfolio in a browser: three days of two accounts, on a desk and on a phone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

from accounts.models import User
from compliance import defaults
from compliance.models import BookingEntity, Licence, Rule
from tests.e2e.conftest import CHROMIUM_ARGUMENTS, DESK, PHONE
from tests.trading import three_days
from tests.trading.months import Clock
from tests.trading.three_days import BOTS

DATES = "from=2026-07-01&to=2026-07-04"


@pytest.fixture
def owner(
    transactional_db: None, live_engine: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[User]:
    """Return the owner of both accounts, after three days."""
    # The test's server finds files by their own names, not by those that collectstatic gives them.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    if not Rule.objects.exists():  # an earlier test without a transaction has emptied the tables
        defaults.install(entity_model=BookingEntity, licence_model=Licence, rule_model=Rule)
    three_days.live(Clock(monkeypatch))
    yield three_days.own()


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_portfolio_shows_its_charts_and_adds_up(
    owner: User, live_server: Any, chromium: Path, size: ViewportSize, tmp_path: Path
) -> None:
    client = Client()
    client.force_login(owner)
    session = client.cookies["sessionid"].value
    problems: list[str] = []
    # The browser's event loop must be gone before the database is emptied.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=list(CHROMIUM_ARGUMENTS)
        )
        context = browser.new_context(base_url=live_server.url, viewport=size, color_scheme="dark")
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        _look(page, tmp_path)
        browser.close()
    assert problems == []


def _look(page: Page, pictures: Path) -> None:
    page.goto(f"/account/portfolio?{DATES}")
    expect(page.locator("[data-figure=equity]")).to_have_text("9,742.88")
    page.screenshot(path=str(pictures / "portfolio.png"), full_page=True)
    _look_at_the_charts(page)
    for name in ("accounts", "assets", "days"):
        _adds_up(page, name)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    for table in page.locator(".scroll").all():
        assert table.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    with page.expect_download() as download:
        page.locator("section", has=page.locator("#by-day")).get_by_role("link").click()
    assert download.value.suggested_filename == "portfolio-days-2026-07-01-2026-07-04.csv"
    page.locator(".filter summary").click()
    page.get_by_label(re.compile(f"Bots {BOTS}")).check()
    page.screenshot(path=str(pictures / "filter.png"))
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".filter summary")).to_have_text("Accounts: 1 of 3")
    expect(page.locator("[data-figure=equity]")).to_have_text("4,203.93")
    page.get_by_role("link", name="30 days").click()
    expect(page).to_have_url(re.compile(f"account={BOTS}&days=30"))
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")


def _look_at_the_charts(page: Page) -> None:
    """Equity has a line over its height; days rise and fall from the line of nothing."""
    line = page.locator("[data-chart=equity] .line")
    points = [tuple(map(float, each.split(","))) for each in _is(line, "points").split()]
    # An hour each of three days, from the first that has closed, and now.
    assert len(points) == 74
    assert points == sorted(points)
    heights = [y for _, y in points]
    # The rise of the second day, and the withdrawal of the third, which is no loss.
    assert max(heights) - min(heights) > 100
    chart = page.locator("[data-chart=profit]")
    zero = float(_is(chart.locator(".zero"), "y1"))
    first, best, worst, last = chart.locator("rect").all()
    assert best.get_attribute("class") == "bar-up"
    for bar in (first, worst, last):
        assert bar.get_attribute("class") == "bar-down"
        assert float(_is(bar, "y")) == zero
    tall = [float(_is(bar, "height")) for bar in (best, worst, first, last)]
    assert tall == sorted(tall, reverse=True)
    assert tall[0] == pytest.approx(2 * tall[1], rel=0.02)
    for chart_of in ("equity", "profit"):
        box = page.locator(f"[data-chart={chart_of}]").bounding_box()
        assert box is not None
        assert box["width"] > 300
    best.hover()
    expect(page.locator("[data-told=profit]")).to_have_text("2026-07-02: 299.85")


def _is(element: Locator, name: str) -> str:
    found = element.get_attribute(name)
    assert found is not None, name
    return found


def _adds_up(page: Page, name: str) -> None:
    rows = page.locator(f"[data-table={name}] tbody tr").all()
    for row in rows:
        cells = {
            cell.get_attribute("data-is"): int(re.sub(r"[.,]", "", cell.inner_text()))
            for cell in row.locator("td").all()
        }
        came = cells["inflow"] + cells.get("moved", 0) + cells["result"]
        assert cells["opening"] + came == cells["closing"], row.inner_text()
    assert len(rows) >= 3
