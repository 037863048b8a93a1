"""Sub-accounts as their owner sees them: opened, chosen, filled, frozen and closed in a browser."""

import os
import re
import secrets
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage, SignIn

pytestmark = [pytest.mark.live, pytest.mark.browser]

CAROL = "carol@demo.example"
PERP, SPOT = "SOL_USDC_PERP", "SOL_USDC"
FIT = "forms => forms.every(form => form.scrollWidth <= form.clientWidth)"
BOTH = pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])


@pytest.fixture
def page(open_page: OpenPage, sign_in: SignIn) -> Page:
    opened = open_page()
    sign_in(opened, CAROL)
    return opened


@BOTH
def test_an_account_is_two_clicks_away_and_its_name_stands_wherever_it_acts(
    open_page: OpenPage, sign_in: SignIn, phone: bool
) -> None:
    page = open_page(phone=phone)
    sign_in(page, CAROL)
    name = open_account(page, colour="Violet")
    keep(page, "accounts", phone)
    choose(page, name)
    switcher = page.locator("#account-switch > summary")
    expect(switcher).to_be_visible()
    expect(switcher).to_contain_text(name)
    expect(page.locator("#account-switch")).to_have_class(re.compile("colour-violet"))
    if phone:
        page.locator("[data-screen=trade]").click()
    expect(page.locator("#ticket [data-band]")).to_have_text(f"In {name}")
    expect(page.locator("#ticket [data-submit]")).to_have_text(f"Buy BTC in {name}")
    page.locator("#ticket .sides .sell").click()
    expect(page.locator("#ticket [data-submit]")).to_have_text(f"Sell BTC in {name}")
    keep(page, "ticket", phone)
    for path, words in (
        ("/lend", f"Lend in {name}"),
        ("/account/settings", f"Save in {name}"),
        ("/account/deposits", f"Show the address of {name}"),
    ):
        page.goto(path)
        expect(switcher).to_contain_text(name)
        expect(page.get_by_role("button", name=words)).to_be_visible()
        assert overflow(page) == 0, path
        assert page.locator("main form").evaluate_all(FIT), path
    close(page, name)


def test_the_switcher_serves_the_keyboard_and_pages_without_scripts(
    open_page: OpenPage, sign_in: SignIn, page: Page
) -> None:
    name = open_account(page)
    page.goto("/account/settings")
    page.locator("#account-switch > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#account-switch [aria-current]")).to_have_text("Main")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator("#account-switch .menu")).to_be_hidden()
    expect(page.locator("#account-switch > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    while name not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(f"Settings of {name}")
    plain = open_page(scripts=False)
    sign_in(plain, CAROL)
    plain.goto("/account/deposits")
    plain.locator("#account-switch > summary").click()
    plain.locator("#account-switch").get_by_role("link", name=name).click()
    expect(plain.locator("h1")).to_have_text(f"Deposits of {name}")
    close(page, name)


def test_the_header_holds_together_at_every_width(page: Page) -> None:
    page.goto("/account/settings")
    parts = "['.brand', '#account-switch', '.top .links', '.session']"
    edges = f"""{parts}.map(one => document.querySelector(one).getBoundingClientRect())
        .filter(box => box.width > 0).map(box => [box.left, box.right])"""
    for width in (320, 390, 760, 900, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) == 0, width
        boxes = page.evaluate(edges)
        for (_, right), (left, _) in pairwise(boxes):
            assert right <= left, width
        expect(page.locator("#account-switch .account-name").first).to_be_in_viewport(ratio=1)


@BOTH
def test_all_of_an_asset_moves_and_several_at_once(
    open_page: OpenPage, sign_in: SignIn, phone: bool
) -> None:
    page = open_page(phone=phone)
    sign_in(page, CAROL)
    first, second = open_account(page), open_account(page)
    page.goto("/account/transfers")
    route(page, "Main", first)
    rows = page.locator("#transfer [data-row]")
    page.locator("summary", has_text="More assets at once").click()
    for row, asset, amount in ((0, "USDC", "120.5"), (1, "SOL", "2")):
        rows.nth(row).locator("select").select_option(asset)
        rows.nth(row).locator("input").fill(amount)
    rows.nth(2).locator("select").select_option("SOL")
    rows.nth(2).locator("input").fill("1")
    transfer(page)
    expect(page.locator(".errorlist")).to_have_text("SOL stands above already.")
    rows.nth(2).locator("select").select_option("")
    rows.nth(2).locator("input").fill("")
    transfer(page)
    moved = f"Transferred 120.5 USDC, 2 SOL from Main to {first}."
    expect(page.locator(".messages")).to_have_text(moved)
    route(page, first, second)
    rows.nth(0).locator("select").select_option("USDC")
    expect(rows.nth(0).locator("[data-most-of]")).to_have_text("At most 120.5 USDC. All of it")
    rows.nth(0).get_by_role("button", name="All of it").click()
    expect(rows.nth(0).locator("input")).to_have_value("120.5")
    keep(page, "transfers", phone)
    transfer(page)
    expect(page.locator(".messages")).to_contain_text(f"120.5 USDC from {first} to {second}")
    assert overflow(page) == 0
    for name, asset in ((second, "USDC"), (first, "SOL")):
        send_back(page, name, asset)
        close(page, name)


def test_a_rule_of_the_clock_is_made_and_ended(page: Page) -> None:
    name = open_account(page)
    page.goto("/account/transfers")
    page.locator("summary", has_text="New rule").click()
    rule = page.locator("#new-rule")
    rule.locator("[name=source]").select_option(label=name)
    rule.locator("[name=destination]").select_option(label="Main")
    rule.locator("[name=asset]").select_option("USDC")
    rule.locator("[name=kind]").select_option("keep")
    rule.locator("[name=amount]").fill("much")
    rule.get_by_role("button", name="Add the rule").click()
    expect(page.locator("#rules .errorlist")).to_be_visible()
    rule.locator("[name=amount]").fill("100")
    rule.get_by_role("button", name="Add the rule").click()
    row = page.locator("#rules tr", has_text=name)
    expect(row).to_contain_text("100 USDC")
    row.get_by_role("button", name="End").click()
    expect(page.locator("#rules tr", has_text=name)).to_have_count(0)
    close(page, name)


@BOTH
def test_a_frozen_account_says_so_and_goes_on(
    open_page: OpenPage, sign_in: SignIn, phone: bool
) -> None:
    page = open_page(phone=phone)
    sign_in(page, CAROL)
    name = open_account(page)
    act(page, name, "Freeze")
    expect(page.locator(".messages")).to_contain_text(f"{name} is frozen")
    choose(page, name, SPOT)
    banner = page.locator("[data-frozen]")
    expect(banner).to_contain_text("is frozen")
    expect(page.locator("#account-switch > summary")).to_contain_text("Frozen")
    if phone:
        page.locator("[data-screen=trade]").click()
    refusal = page.locator("#ticket [data-refusal]")
    expect(refusal).to_contain_text("This account is frozen")
    expect(page.locator("#ticket [data-submit]")).to_be_disabled()
    keep(page, "frozen", phone)
    assert overflow(page) == 0
    # It holds no position that could be reduced.
    page.goto(f"/trade/{PERP}")
    if phone:
        page.locator("[data-screen=trade]").click()
    expect(refusal).to_contain_text("This account is frozen")
    expect(page.locator("#ticket [data-submit]")).to_be_disabled()
    banner.get_by_role("link", name="Unfreeze it on Accounts").click()
    act(page, name, "Unfreeze")
    expect(page.locator(".messages")).to_contain_text(f"{name} goes on")
    choose(page, name, SPOT)
    expect(banner).to_have_count(0)
    expect(page.locator("#ticket [data-submit]")).to_be_enabled()
    close(page, name)


def test_only_an_empty_account_closes_and_it_opens_again(page: Page) -> None:
    name = open_account(page)
    page.goto("/account/transfers")
    route(page, "Main", name)
    page.select_option("[name=asset]", "USDC")
    page.fill("[name=amount]", "7")
    transfer(page)
    act(page, name, "Close")
    expect(page.locator(".messages .error")).to_be_visible()
    expect(row_of(page, name)).to_have_attribute("data-state", "Open")
    send_back(page, name, "USDC")
    close(page, name)
    expect(row_of(page, name)).to_have_attribute("data-state", "Closed")
    page.goto("/account/settings")
    page.locator("#account-switch > summary").click()
    expect(page.locator("#account-switch").get_by_role("link", name=name)).to_have_count(0)
    page.goto("/account/")
    row_of(page, name).get_by_role("button", name="Open again").click()
    expect(row_of(page, name)).to_have_attribute("data-state", "Open")
    close(page, name)


def test_an_account_is_renamed_and_coloured_and_moves_up(page: Page) -> None:
    first, second = open_account(page), open_account(page)
    page.goto("/account/")
    row = row_of(page, second)
    row.locator("summary", has_text="Edit").click()
    renamed = f"vault {secrets.token_hex(3)}"
    row.locator("[name=name]").fill(renamed)
    row.locator(".colours label", has_text="Teal").click()
    row.get_by_role("button", name="Save").click()
    row = row_of(page, renamed)
    expect(row.locator("th .account-mark")).to_have_class(re.compile("colour-teal"))
    row.get_by_role("button", name=f"Move {renamed} up").click()
    names = page.locator("#accounts th .account-name").all_inner_texts()
    assert names.index(renamed) == names.index(first) - 1
    for name in (first, renamed):
        close(page, name)


def open_account(page: Page, *, colour: str = "Amber") -> str:
    """Open a sub-account in two clicks from the switcher and a name; return the name."""
    name = f"desk {secrets.token_hex(3)} which has a long name"
    page.goto("/account/settings")
    page.locator("#account-switch > summary").click()
    page.get_by_role("link", name="+ New sub-account").click()
    expect(page.locator("#new-name")).to_be_focused()
    page.keyboard.type(name)
    page.locator("#new .colours label", has_text=colour).click()
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".messages")).to_contain_text(f"{name} is open")
    return name


def choose(page: Page, name: str, market: str = "BTC_USDC") -> None:
    """Choose an account on the page of a market."""
    page.goto(f"/trade/{market}")
    page.locator("#account-switch > summary").click()
    page.locator("#account-switch").get_by_role("link", name=name).click()
    expect(page.locator("#account-switch > summary")).to_contain_text(name)


def row_of(page: Page, name: str) -> Locator:
    """Return an account's row of the page of accounts."""
    return page.locator("#accounts tbody tr", has_text=name)


def act(page: Page, name: str, what: str) -> None:
    """Press a button of an account, and the one in the question that it asks."""
    page.goto("/account/")
    row = row_of(page, name)
    row.locator("summary", has_text=what).click()
    row.get_by_role("button", name=f"{what} {name}").click()


def close(page: Page, name: str) -> None:
    """Close an account: the demo's limit of sub-accounts is for all tests together."""
    act(page, name, "Close")
    expect(page.locator(".messages")).to_contain_text(f"{name} is closed")


def route(page: Page, source: str, destination: str) -> None:
    """Say between which accounts the transfer goes."""
    page.select_option("#transfer [name=source]", label=source)
    page.select_option("#transfer [name=destination]", label=destination)


def transfer(page: Page) -> None:
    """Send the transfer."""
    page.get_by_role("button", name="Transfer", exact=True).click()


def send_back(page: Page, name: str, asset: str) -> None:
    """Move all that an account has of an asset to the main account."""
    page.goto("/account/transfers")
    route(page, name, "Main")
    row = page.locator("#transfer [data-row]").first
    row.locator("select").select_option(asset)
    row.get_by_role("button", name="All of it").click()
    assert Decimal(row.locator("input").input_value()) > 0
    transfer(page)
    expect(page.locator(".messages")).to_contain_text(f"{asset} from {name} to Main")


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def keep(page: Page, name: str, phone: bool) -> None:
    """Keep a picture where SCREENSHOTS says; for people who look at the pages."""
    if folder := os.environ.get("SCREENSHOTS"):
        path = Path(folder) / f"{name}-{'phone' if phone else 'desk'}.png"
        page.screenshot(path=path, full_page=True)
