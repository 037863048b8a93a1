"""Which text can be an address of which chain."""

import pytest

from accounts.addresses import BLOCKCHAINS, address_key, is_address, transaction_key

EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
# Published examples: EIP-55, BIP 173 and 350, the first block, well-known contracts and accounts.
GOOD = [
    ("Ethereum", EVM),
    ("Ethereum", EVM.lower()),
    ("Base", "0x" + EVM[2:].upper()),
    ("Bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("Bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("Bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("Bitcoin", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
    ("Bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("Solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    ("Tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ("XRP", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
    ("Dogecoin", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
    ("Litecoin", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"),
    ("Near", "alice.near"),
    ("Sui", "0x" + 64 * "a"),
    ("Cardano", "addr1" + 50 * "q"),
]
BAD = [
    ("Ethereum", EVM[:-1] + "D"),
    ("Ethereum", EVM[:-1]),
    ("Ethereum", EVM + " "),
    ("Ethereum", EVM[2:]),
    ("Bitcoin", EVM),
    ("Bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    ("Bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
    # Version 0 with the checksum of later ones, mixed case, another network.
    ("Bitcoin", "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    ("Bitcoin", "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("Bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ("Bitcoin", "bc1"),
    ("Solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyT"),
    ("Solana", "0PjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    ("Tron", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("XRP", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi"),
    ("Near", "Alice.near"),
    ("Sui", EVM),
    ("Cardano", "addr1 q"),
    ("EqualsMoney", EVM),
]


@pytest.mark.parametrize(("blockchain", "address"), GOOD)
def test_a_published_address_is_one(blockchain: str, address: str) -> None:
    assert is_address(blockchain, address)


@pytest.mark.parametrize(("blockchain", "address"), BAD)
def test_what_cannot_be_an_address_is_none(blockchain: str, address: str) -> None:
    assert not is_address(blockchain, address)


@pytest.mark.parametrize("blockchain", BLOCKCHAINS)
@pytest.mark.parametrize("text", ["", "a b", "ä" * 40, "x" * 5000, "\0" * 40])
def test_no_chain_takes_noise(blockchain: str, text: str) -> None:
    assert not is_address(blockchain, text)


def test_only_spellings_that_mean_the_same_share_a_key() -> None:
    bech32 = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    assert address_key(EVM) == address_key(EVM.lower())
    assert address_key(bech32) == address_key(bech32.upper())
    solana = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
    assert address_key(solana) != address_key(solana.swapcase())


@pytest.mark.parametrize(
    ("blockchain", "text", "key"),
    [
        ("Ethereum", 32 * "aB", "0x" + 32 * "ab"),
        ("Ethereum", "0X" + 32 * "AB", "0x" + 32 * "ab"),
        ("Bitcoin", "0x" + 32 * "AB", 32 * "ab"),
        ("Bitcoin", 31 * "ab", None),
        ("Ethereum", "", None),
        ("Solana", 8 * "5wHu1qwD", 8 * "5wHu1qwD"),
        ("Solana", "5wHu 1qwD", None),
    ],
)
def test_a_transaction_has_one_spelling(blockchain: str, text: str, key: str | None) -> None:
    assert transaction_key(blockchain, text) == key
