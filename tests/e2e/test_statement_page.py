"""The way to the statement, in a browser on a live exchange."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage, SignIn

ALICE = "alice@demo.example"


@pytest.mark.live
@pytest.mark.browser
def test_a_live_account_finds_its_statement_in_the_navigation(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    for phone in (False, True):
        page = open_page(phone=phone)
        sign_in(page, ALICE)
        page.goto("/account/")
        if phone:
            page.locator(".user summary").click()
            page.locator(".user .menu").get_by_role("link", name="Statements").click()
        else:
            page.locator(".links").get_by_role("link", name="Statements").click()
        # In its first hour an exchange has no closed hour; later it has figures.
        shown = page.locator("[data-asset]").or_(page.get_by_text("The first hour"))
        expect(shown.first).to_be_visible()
        expect(page).to_have_title(re.compile("Statement"))
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
