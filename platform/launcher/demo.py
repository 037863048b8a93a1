"""The demo: what it lists, who lives in it and what they own. Safe to run at every start.

Everything is asked of the exchange the way anyone asks it: people through accounts.services and
compliance.services, money through gateway.submit. What is done already is not done again: the
journal says which of the demo's command ids it holds.
"""

import base64
import json
import logging
import secrets
from pathlib import Path

import msgspec
from allauth.account.models import EmailAddress
from nacl.signing import SigningKey

from accounts import services as accounts
from accounts.models import Account, ApiKey, User
from compliance import selectors
from compliance import services as compliance
from engine.commands import (
    Borrow,
    Command,
    CreditDeposit,
    FundInsurance,
    ListAsset,
    ListMarket,
    UpdateAccount,
    UpdatePrices,
)
from engine.events import CommandRejected
from engine.units import PRICE_SCALE, AccountId
from gateway.client import submit
from gateway.decimals import parse_decimal
from launcher.demo_chains import open_chains
from launcher.demo_desks import open_desks
from launcher.demo_listing import ASSETS, MARKETS
from launcher.demo_people import BOTS, HOUSE, MARKET_PLANS, PEOPLE, STAFF_EMAIL, Person
from launcher.environment import HOST, write_private
from prices.walk import PATHS, USDC
from sequencer.models import JournalEntry
from trading.models import Asset

log = logging.getLogger(__name__)

DECIMALS = {asset.symbol: asset.decimals for asset in ASSETS}
FIRST_COMMAND_ID = "demo:list-asset:USDC"
INSURANCE_ATOMS = 100_000 * 10**6


class NotADemo(Exception):
    """The database holds an exchange which the demo has not made; nothing was changed."""


class Secrets(msgspec.Struct, kw_only=True):
    """Passwords by e-mail and base64 key seeds by e-mail, drawn once for a data folder."""

    passwords: dict[str, str] = {}
    seeds: dict[str, str] = {}


def seed(data: Path, *, port: int) -> None:
    """Make the demo, or complete it. Writes demo-accounts.json and bots.json into `data`.

    Raises NotADemo, and GatewayError if the engine is away.
    """
    if Asset.objects.exists() and not _journaled(FIRST_COMMAND_ID):
        raise NotADemo(
            "This database holds an exchange which is not the demo: it stays as it is. "
            "Unset DEMO, or point DATABASE_URL at an empty database."
        )
    drawn = read_secrets(data)
    # A database whose data folder was lost keeps its users; they get new passwords and keys.
    is_new = not _has_key(PEOPLE[0], drawn)
    list_everything()
    open_chains()
    owners = {person.email: _settle(person, drawn) for person in (*PEOPLE, *BOTS, HOUSE)}
    open_desks(owners[HOUSE.email])
    _settle_staff(drawn, is_new=is_new)
    _write(data / "demo-accounts.json", demo_accounts(owners, drawn))
    _write(data / "bots.json", bots_roster(drawn, port=port))
    log.info("The demo stands: %s markets, %s customers.", len(MARKETS), len(PEOPLE))


def read_secrets(data: Path) -> Secrets:
    """Return the folder's secrets for every demo user, drawn and kept at first use."""
    path = data / "demo-secrets.json"
    drawn = msgspec.json.decode(path.read_bytes(), type=Secrets) if path.exists() else Secrets()
    before = msgspec.json.encode(drawn)
    for email in (*(person.email for person in (*PEOPLE, *BOTS, HOUSE)), STAFF_EMAIL):
        drawn.passwords.setdefault(email, secrets.token_urlsafe(12))
        drawn.seeds.setdefault(email, base64.b64encode(secrets.token_bytes(32)).decode())
    if msgspec.json.encode(drawn) != before:
        # Before anything else: a key whose secret is lost could never be shown again.
        _write(path, msgspec.to_builtins(drawn))
    return drawn


def list_everything() -> None:
    """List assets and markets, and give each asset its first price."""
    for asset in ASSETS:
        _once(f"demo:list-asset:{asset.symbol}", ListAsset(asset=asset))
    for market in MARKETS:
        _once(f"demo:list-market:{market.symbol}", ListMarket(market=market))
    first = {symbol: path.home_e8 for symbol, path in PATHS.items()}
    # Out of it the house pays for dust, and for losses which nobody else bears.
    _once("demo:fund-insurance", FundInsurance(asset=USDC, amount_atoms=INSURANCE_ATOMS))
    _once("demo:first-prices", UpdatePrices(prices_e8={USDC: PRICE_SCALE, **first}))


def demo_accounts(owners: dict[str, Account], drawn: Secrets) -> dict[str, object]:
    """Return who may sign in and trade, as demo.json tells it; 0 is a main account."""
    return {
        "users": [
            {
                "email": person.email,
                "password": drawn.passwords[person.email],
                "apiKey": public_key(drawn.seeds[person.email]),
                "secret": drawn.seeds[person.email],
                "subaccountId": owners[person.email].number,
            }
            for person in PEOPLE
        ],
        "staff": {"email": STAFF_EMAIL, "password": drawn.passwords[STAFF_EMAIL]},
    }


def bots_roster(drawn: Secrets, *, port: int) -> dict[str, object]:
    """Return what `run_bots` reads."""
    maker, taker = ({"secret": drawn.seeds[bot.email], "home": bot.deposits} for bot in BOTS)
    return {
        "rest": f"http://{HOST}:{port}",
        "maker": maker,
        "taker": taker,
        "markets": list(MARKET_PLANS),
    }


def public_key(seed_base64: str) -> str:
    """Return the API key which belongs to a secret, both base64."""
    return base64.b64encode(bytes(SigningKey(base64.b64decode(seed_base64)).verify_key)).decode()


def _settle(person: Person, drawn: Secrets) -> Account:
    """Make a customer with an approved tier, a key and money; return the main account."""
    user = User.objects.filter(email=person.email).first()
    is_known = user is not None
    if user is None:
        password = drawn.passwords[person.email]
        user = accounts.register_user(person.email, password, person.country)
    customer = selectors.customer_of(user)
    assert customer is not None, f"{person.email} has signed up as a customer"
    if customer.tier < person.tier:
        compliance.approve_kyc(
            customer,
            None,
            "Made up for the demo; no papers were seen",
            tier=person.tier,
            nationality=person.country,
        )
    accounts.ensure_accounts_open()
    account = Account.objects.get(user=user, number=0)
    if not _has_key(person, drawn):
        if is_known:
            _set_password(user, drawn)
        accounts.import_api_key(account, "demo", public_key(drawn.seeds[person.email]))
    _fund(person, AccountId(account.pk))
    return account


def _has_key(person: Person, drawn: Secrets) -> bool:
    return ApiKey.objects.filter(public_key=public_key(drawn.seeds[person.email])).exists()


def _fund(person: Person, account: AccountId) -> None:
    name = person.email.split("@", maxsplit=1)[0]
    if person.auto_lend:
        _once(f"demo:auto-lend:{name}", UpdateAccount(account=account, auto_lend=True))
    for asset, amount in person.deposits.items():
        atoms = parse_decimal(amount, DECIMALS[asset])
        deposit = CreditDeposit(account=account, asset=asset, amount_atoms=atoms)
        _once(f"demo:deposit:{name}:{asset}", deposit)
    for asset, amount in person.borrows.items():
        atoms = parse_decimal(amount, DECIMALS[asset])
        _once(
            f"demo:borrow:{name}:{asset}",
            Borrow(account=account, asset=asset, amount_atoms=atoms),
        )


def _settle_staff(drawn: Secrets, *, is_new: bool) -> None:
    user = User.objects.filter(email=STAFF_EMAIL).first()
    if user is None:
        user = User.objects.create_superuser(STAFF_EMAIL, drawn.passwords[STAFF_EMAIL])
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    elif is_new:
        _set_password(user, drawn)


def _set_password(user: User, drawn: Secrets) -> None:
    """Give a user the password of this data folder."""
    user.set_password(drawn.passwords[user.email])
    user.save(update_fields=["password"])


def _once(command_id: str, command: Command) -> None:
    """Submit a command unless the journal holds its id: the engine forgets old ids."""
    if _journaled(command_id):
        return
    answer = submit(command, command_id=command_id).answer
    if isinstance(answer, CommandRejected):
        log.error("%s was refused: %s %s", command_id, answer.code, answer.message)


def _journaled(command_id: str) -> bool:
    return JournalEntry.objects.filter(command_id=command_id).exists()


def _write(path: Path, content: object) -> None:
    write_private(path, json.dumps(content, indent=2) + "\n")
