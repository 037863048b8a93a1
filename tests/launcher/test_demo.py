"""The demo: what it makes, that making it again changes nothing, what it leaves alone."""

import base64
import json
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from nacl.signing import SigningKey

from accounts.access import Access, access_of
from accounts.custody import deposit_address
from accounts.models import Account, ApiKey, Balance, DepositAddress, TokenTerms, User
from bots.roster import read_roster
from engine.commands import ListAsset
from engine.units import PRICE_SCALE
from gateway.client import submit
from launcher import demo
from launcher.demo_chains import CHAINS, POOL_SIZE
from launcher.demo_listing import ASSETS, MARKETS
from sequencer.models import JournalEntry
from trading.models import Market

DOCUMENT = Path(__file__).parents[2] / "docs" / "risk.md"


@pytest.fixture
def seeded(live_engine: Any, tmp_path: Path) -> Path:
    demo.seed(tmp_path, port=8123)
    return tmp_path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def account(name: str) -> Account:
    return Account.objects.get(user__email=f"{name}@demo.example", number=0)


def access_to(name: str) -> Access:
    row = account(name)
    return access_of(row, row.user)


@pytest.mark.django_db
def test_the_demo_lists_its_markets_and_gives_each_customer_money_and_a_key(seeded: Path) -> None:
    assert set(Market.objects.values_list("symbol", flat=True)) == {m.symbol for m in MARKETS}
    users = {user["email"]: user for user in read(seeded / "demo-accounts.json")["users"]}
    for name in ("alice", "bob", "carol", "erin"):
        facts = users[f"{name}@demo.example"]
        secret = SigningKey(base64.b64decode(facts["secret"]))
        assert base64.b64encode(bytes(secret.verify_key)).decode() == facts["apiKey"]
        assert ApiKey.objects.get(public_key=facts["apiKey"]).account == account(name)
        assert authenticate(email=facts["email"], password=facts["password"]) is not None
    held = Balance.objects.get(account_id=account("alice").pk, asset="USDC")
    assert held.available == 250_000 * 10**6


@pytest.mark.django_db
def test_the_demo_opens_chains_and_its_addresses_say_what_they_are(seeded: Path) -> None:
    rows = {(row.asset, row.blockchain): row for row in TokenTerms.objects.all()}
    assert set(rows) == {(chain.asset, chain.blockchain) for chain in CHAINS}
    assert rows["USDC", "Ethereum"].contract_address.startswith("0xde30")
    pool = DepositAddress.objects.filter(account=None)
    assert pool.count() == 2 * POOL_SIZE
    assert all(row.address.startswith(("0xde30", "DemoAddressSendNothing")) for row in pool)
    given = deposit_address(access_to("alice"), "Solana")
    # Made again, it changes nothing that staff or customers have changed since.
    TokenTerms.objects.filter(asset="BTC").delete()
    demo.seed(seeded, port=8123)
    assert deposit_address(access_to("alice"), "Solana") == given
    assert not TokenTerms.objects.filter(asset="BTC").exists()


@pytest.mark.django_db
def test_carol_lends_dave_borrows_and_erin_may_trade_spot_only(seeded: Path) -> None:
    lent = Balance.objects.get(account_id=account("carol").pk, asset="USDC")
    assert not lent.available
    assert lent.lend_scaled == 1_500_000 * 10**6
    assert Balance.objects.get(account_id=account("dave").pk, asset="USDC").debt_scaled > 0
    erin = access_to("erin").allowed
    assert "trade_spot" in erin
    assert not {"trade_perp", "lend", "borrow"} & erin
    assert {"trade_spot", "trade_perp", "lend", "borrow"} <= access_to("alice").allowed


@pytest.mark.django_db
def test_the_staff_may_use_the_console_and_is_no_customer(seeded: Path) -> None:
    staff = read(seeded / "demo-accounts.json")["staff"]
    user = authenticate(email=staff["email"], password=staff["password"])
    assert isinstance(user, User)
    assert user.is_superuser
    assert user.is_staff
    assert not Account.objects.filter(user=user).exists()


@pytest.mark.django_db
def test_seeding_again_changes_nothing(seeded: Path) -> None:
    files = {path.name: path.read_text() for path in seeded.iterdir()}
    entries, users = JournalEntry.objects.count(), User.objects.count()
    demo.seed(seeded, port=8123)
    assert JournalEntry.objects.count() == entries
    assert User.objects.count() == users
    assert {path.name: path.read_text() for path in seeded.iterdir()} == files


@pytest.mark.django_db
def test_secrets_are_for_their_owner_only(seeded: Path) -> None:
    names = {path.name for path in seeded.iterdir()}
    assert names == {"bots.json", "demo-accounts.json", "demo-secrets.json"}
    for path in seeded.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


@pytest.mark.django_db
def test_a_lost_data_folder_gives_new_passwords_and_keys_to_the_same_users(
    seeded: Path, tmp_path: Path
) -> None:
    entries = JournalEntry.objects.count()
    other = tmp_path / "other"
    other.mkdir()
    demo.seed(other, port=8123)
    assert JournalEntry.objects.count() == entries
    for facts in read(other / "demo-accounts.json")["users"]:
        assert authenticate(email=facts["email"], password=facts["password"]) is not None
        assert ApiKey.objects.filter(public_key=facts["apiKey"], revoked_at=None).exists()


@pytest.mark.django_db
def test_a_database_of_another_exchange_is_left_alone(live_engine: Any, tmp_path: Path) -> None:
    submit(ListAsset(asset=ASSETS[0]))
    with pytest.raises(demo.NotADemo, match="is not the demo"):
        demo.seed(tmp_path, port=8123)
    assert not User.objects.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_the_bots_can_read_their_roster(seeded: Path) -> None:
    roster = read_roster(seeded / "bots.json")
    assert roster.rest == "http://127.0.0.1:8123"
    assert {plan.symbol for plan in roster.markets} == {market.symbol for market in MARKETS}
    assert roster.maker.secret != roster.taker.secret


def test_the_document_shows_the_parameters_which_the_demo_lists() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("| ")
    ]
    table = {row[0]: row[1:] for row in rows}
    for asset in ASSETS:
        decimals, weight, k, initial, maintenance, factor, kink, s1, s2 = table[asset.symbol]
        assert int(decimals) == asset.decimals
        assert ppb(weight) == asset.haircut.weight_ppb
        assert ppb(k) == asset.haircut.factor_ppb
        assert (ppb(initial), ppb(factor)) == (
            asset.borrow_imf.base_ppb,
            asset.borrow_imf.factor_ppb,
        )
        assert ppb(maintenance) == asset.borrow_mmf.base_ppb
        assert ppb(kink) == asset.curve.optimal_ppb
        assert (ppb(s1), ppb(s2)) == (asset.curve.slope1_ppb, asset.curve.slope2_ppb)
    for market in MARKETS:
        tick, step, imf, imf_factor, mmf, mmf_factor, limit, maker, taker = table[market.symbol]
        base = next(asset for asset in ASSETS if asset.symbol == market.base)
        assert Decimal(tick) * PRICE_SCALE == market.tick_e8
        assert Decimal(step) * 10**base.decimals == market.lot_atoms
        assert (ppb(maker), ppb(taker)) == (
            market.maker_fee_ppm * 1000,
            market.taker_fee_ppm * 1000,
        )
        if market.imf is None or market.mmf is None:
            assert (imf, mmf, limit) == ("", "", "")
            continue
        assert (ppb(imf), ppb(imf_factor)) == (market.imf.base_ppb, market.imf.factor_ppb)
        assert (ppb(mmf), ppb(mmf_factor)) == (market.mmf.base_ppb, market.mmf.factor_ppb)
        lots = market.open_interest_limit_lots or 0
        assert Decimal(limit.replace(",", "")) == Decimal(step) * lots


def ppb(text: str) -> int:
    """Read "2 %" or "0.02" in parts of 1e9."""
    if text.endswith("%"):
        return int(Decimal(text[:-1].strip()) * 10**7)
    return int(Decimal(text) * 10**9)
