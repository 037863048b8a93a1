"""A small exchange with a trader in debt over his head, for runs that go through the database."""

import pytest
from django.apps import apps

from accounts.models import Account
from compliance.defaults import install
from compliance.groups import install_groups
from compliance.models import BookingEntity, Licence, Rule
from engine.commands import FundInsurance
from engine.vocabulary import Side
from tests.api.house import Trader, accepted
from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "gambler", "house", "installed"]

PERP = "SOL_USDC_PERP"


@pytest.fixture
def installed(transactional_db: None) -> None:
    """Have what an installation begins with: a test before has taken it away with all rows."""
    if not Rule.objects.exists():
        install(entity_model=BookingEntity, licence_model=Licence, rule_model=Rule)
    install_groups(apps)


@pytest.fixture
def gambler(alice: Trader, bob: Trader) -> Account:
    """Return the account of carol: long 100 SOL from 100 with a thousand dollars; bob is short."""
    carol = Trader("carol")
    carol.deposit("USDC", 1_000)
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=10_000)
    carol.limit(PERP, Side.BID, ticks=10_000, lots=10_000)
    accepted(FundInsurance(asset="USDC", amount_atoms=50 * 10**6))
    return carol.account
