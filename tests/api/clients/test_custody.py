"""Unmodified clients ask for addresses, withdraw and read what came of it, on a live exchange."""

import ccxt
import pytest
from backpack_exchange_sdk._base.errors import BackpackAPIError
from bpx.account import Account
from bpx.base.base_account import BaseAccount

from tests.api.clients.accounts import through_ccxt, through_sdk
from tests.live import LiveExchange

pytestmark = pytest.mark.live
ALICE, BOB = 0, 1


def test_all_clients_are_given_the_same_address(
    exchange: LiveExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = exchange["users"][BOB]
    monkeypatch.setattr(BaseAccount, "BPX_API_URL", exchange["rest"] + "/")
    bpx = Account(facts["apiKey"], facts["secret"])
    addresses = {
        through_sdk(exchange, BOB).get_deposit_address("Ethereum")["address"],
        bpx.get_deposit_address("Ethereum")["address"],
        through_ccxt(exchange, BOB).fetch_deposit_address("USDC", {"network": "ERC20"})["address"],
    }
    assert len(addresses) == 1
    assert addresses.pop().startswith("0xde30")
    with pytest.raises(BackpackAPIError, match="cannot be issued yet"):
        through_sdk(exchange, BOB).get_deposit_address("Bitcoin")


def test_ccxt_withdraws_by_its_unified_methods(exchange: LiveExchange) -> None:
    alice, bob = through_ccxt(exchange, ALICE), through_ccxt(exchange, BOB)
    networks = alice.fetch_currencies()["USDC"]["networks"]
    assert {name: row["fee"] for name, row in networks.items()} == {"ERC20": 3, "SOL": 0.5}
    address = bob.fetch_deposit_address("USDC", {"network": "ERC20"})["address"]
    sent = alice.withdraw("USDC", 15, address, None, {"network": "ERC20"})
    row = alice.fetch_withdrawals("USDC")[-1]
    assert (row["id"], row["amount"], row["status"]) == (sent["id"], 15, "ok")
    assert row["info"]["isInternal"] is True
    got = bob.fetch_deposits("USDC")[-1]
    assert (got["amount"], got["status"], got["info"]["source"]) == (15, "ok", "internal")
    outside = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"
    pending = alice.withdraw("USDC", 20, outside, None, {"network": "ERC20"})
    assert (pending["status"], pending["fee"]["cost"]) == ("pending", 3)
    for amount, to in ((1, outside), (20, outside[:-1])):
        with pytest.raises(ccxt.BadRequest):
            alice.withdraw("USDC", amount, to, None, {"network": "ERC20"})


def test_the_sdk_reads_and_asks_for_the_withdrawal_delay(exchange: LiveExchange) -> None:
    alice = through_sdk(exchange, ALICE)
    assert not alice.get_withdrawal_delay()
    with pytest.raises(BackpackAPIError, match="Set up an authenticator app first"):
        alice.create_withdrawal_delay(withdrawalDelayHours=24, twoFactorToken="123456")
    with pytest.raises(BackpackAPIError, match="no withdrawal delay yet"):
        alice.update_withdrawal_delay(withdrawalDelayHours=24, twoFactorToken="123456")
