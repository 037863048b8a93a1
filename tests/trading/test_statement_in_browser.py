"""The statement in a browser: a whole story's figures, on a desk, a phone and on paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from accounts.models import Account, User
from accounts.services import register_user
from compliance import defaults
from compliance.models import BookingEntity, Licence, Rule
from lending.interest_lines import write_closed_hours
from tests.e2e.conftest import CHROMIUM_ARGUMENTS, DESK, PHONE
from tests.trading import months as story
from tests.trading.months import ANN, BEN, Clock
from trading.closing import close_months


def _jobs() -> None:
    write_closed_hours()
    close_months()


@pytest.fixture
def owner(
    transactional_db: None, live_engine: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[User]:
    """Return a user who owns Ann's account and Ben's as a sub-account, after thirty hours."""
    # The test's server finds files by their own names, not by those that collectstatic gives them.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    if not Rule.objects.exists():  # an earlier test without a transaction has emptied the tables
        defaults.install(entity_model=BookingEntity, licence_model=Licence, rule_model=Rule)
    story.live(Clock(monkeypatch), _jobs)
    user = register_user("ann@example.org", "long-password-1", "CH")
    Account.objects.filter(user=user).delete()
    main = Account.objects.create(pk=ANN, user=user, name="Main", opened_at=story.START)
    Account.objects.create(
        pk=BEN, user=user, number=1, main=main, name="Long run", opened_at=story.START
    )
    yield user


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_statement_reads_well_and_its_figures_add_up(
    owner: User, live_server: Any, chromium: Path, size: ViewportSize, tmp_path: Path
) -> None:
    session = _session(owner)
    # The browser's event loop must be gone before the database is emptied.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=list(CHROMIUM_ARGUMENTS)
        )
        context = browser.new_context(
            base_url=live_server.url, viewport=size, color_scheme="dark", java_script_enabled=True
        )
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        _read_statement(context.new_page(), tmp_path)
        browser.close()


def _read_statement(page: Page, pictures: Path) -> None:
    page.goto("/account/statements")
    expect(page.get_by_role("heading", level=1)).to_have_text("Statement of Main: July 2026")
    page.select_option("[name=account]", label=f"Long run ({BEN})")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"**/account/statements/{BEN}/2026-07")
    expect(page.get_by_role("heading", name="Interest of positions")).to_be_visible()
    for card in page.locator("[data-asset]").all():
        figures = card.locator("tr td").all_inner_texts()
        atoms = [int(text.replace(".", "")) for text in figures if text]
        assert atoms[0] + sum(atoms[1:-1]) == atoms[-1], figures
    for element in ("document.documentElement", *_tables(page)):
        wide = page.evaluate(f"{element}.scrollWidth - {element}.clientWidth")
        assert wide == 0, f"{element} scrolls sideways"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == f"statement-{BEN}-2026-07.csv"
    page.screenshot(path=str(pictures / "statement.png"), full_page=True)
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator(".chooser")).to_be_hidden()
    page.screenshot(path=str(pictures / "print.png"), full_page=True)


def _tables(page: Page) -> list[str]:
    count = page.locator(".scroll").count()
    return [f"document.querySelectorAll('.scroll')[{number}]" for number in range(count)]


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value
