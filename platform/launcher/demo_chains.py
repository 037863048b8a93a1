"""Over which chains the demo's assets come in and go out, and its pool of made-up addresses.

Nobody holds a key to these addresses, and what they spell says so: real money must never go there.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from accounts import custody
from accounts.models import DepositAddress, ExchangeWallet, TokenTerms
from gateway.decimals import parse_decimal
from launcher.demo_listing import ASSETS

POOL_SIZE: Final = 40
DECIMALS: Final = {asset.symbol: asset.decimals for asset in ASSETS}
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SOLANA_WORDS: Final = "DemoAddressSendNothingDemoAddressSendNoth"


class Chain(NamedTuple):
    """One row of terms; amounts are decimal text in whole units."""

    asset: str
    blockchain: str
    decimals: int
    least: str
    fee: str
    # Of a token: as made up as the addresses.
    contract: str = ""
    # There is no pool for Bitcoin: its deposits are shown as paused.
    deposits: bool = True


def ethereum_address(number: int) -> str:
    """Return an address of zeros which begins with "de30" (demo) and ends with the number.

    >>> ethereum_address(7)
    '0xde30000000000000000000000000000000000007'
    """
    return f"0xde30{number:036x}"


def solana_address(number: int) -> str:
    """Return an address which says in words that it is none to send to.

    >>> solana_address(7)
    'DemoAddressSendNothingDemoAddressSendNoth118'
    """
    tail = "".join(_BASE58[number // 58**place % 58] for place in (2, 1, 0))
    return _SOLANA_WORDS + tail


CHAINS: Final = (
    Chain("USDC", "Ethereum", 6, "10", "3", contract=ethereum_address(0xC0DE_0001)),
    Chain("USDC", "Solana", 6, "1", "0.5", contract=solana_address(58**3 - 1)),
    Chain("USDT", "Ethereum", 6, "10", "3", contract=ethereum_address(0xC0DE_0002)),
    Chain("ETH", "Ethereum", 18, "0.01", "0.001"),
    Chain("SOL", "Solana", 9, "0.1", "0.01"),
    Chain("BTC", "Bitcoin", 8, "0.001", "0.0001", deposits=False),
)


def open_chains() -> None:
    """Set the terms and fill the pool, unless that was done before; staff may change both."""
    if not TokenTerms.objects.exists():
        for chain in CHAINS:
            custody.set_token_terms(_terms(chain))
    if not DepositAddress.objects.exists():
        numbers = range(1, POOL_SIZE + 1)
        lines = [f"Ethereum,{ethereum_address(number)}" for number in numbers]
        lines += [f"Solana,{solana_address(number)}" for number in numbers]
        custody.import_addresses("\n".join(lines))
    if not ExchangeWallet.objects.exists():
        custody.add_wallet("Ethereum", ethereum_address(0))
        custody.add_wallet("Solana", solana_address(0))


def _terms(chain: Chain) -> TokenTerms:
    decimals = DECIMALS[chain.asset]
    least = Decimal(parse_decimal(chain.least, decimals))
    return TokenTerms(
        asset=chain.asset,
        blockchain=chain.blockchain,
        contract_address=chain.contract,
        native_decimals=chain.decimals,
        deposit_enabled=chain.deposits,
        minimum_deposit=least,
        withdraw_enabled=True,
        minimum_withdrawal=least,
        maximum_withdrawal=least * 10**6,
        withdrawal_fee=Decimal(parse_decimal(chain.fee, decimals)),
    )
