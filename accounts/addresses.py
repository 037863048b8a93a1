"""Addresses of each chain: which text can be one, and when two texts are the same one.

Cheap checks only: alphabet, length, and the checksum where there is one. That an address exists, or
belongs to anybody, no check can tell. Pure.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from accounts.keccak import keccak_256

# The contract's Blockchain values, less those which name a bank.
BLOCKCHAINS: Final = (
    *("0G", "Aptos", "Arbitrum", "Avalanche", "Base", "Berachain", "Bitcoin", "BitcoinCash"),
    *("Bsc", "Cardano", "Dogecoin", "Eclipse", "Ethereum", "Fogo", "HyperEVM", "Hyperliquid"),
    *("Linea", "Litecoin", "Monad", "Near", "Optimism", "Plasma", "Polygon", "Sei", "Sui"),
    *("Solana", "Stable", "Story", "Tron", "XRP", "Zcash"),
)
ADDRESS_MAX: Final = 200

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE58: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_HEX_40: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX_64: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PRINTABLE: Final = re.compile(r"[!-~]{3,128}")
_NEAR: Final = re.compile(r"[0-9a-f]{64}|(?=.{2,64}$)[a-z0-9]+(?:[-_.][a-z0-9]+)*")


def is_address(blockchain: str, address: str) -> bool:
    """Return whether the text can be an address of the chain."""
    return blockchain in BLOCKCHAINS and _CHECKS.get(blockchain, _is_printable)(address)


def address_key(address: str) -> str:
    """Return what two spellings of one address have in common.

    Hexadecimal and bech32 addresses may be written in either case; base58 tells cases apart.

    >>> address_key("0xAB" + 38 * "0") == address_key("0xab" + 38 * "0")
    True
    """
    folded = address.lower()
    is_hex = _HEX_40.fullmatch(address) or _HEX_64.fullmatch(address)
    return folded if is_hex or _bech32_checksum(folded) is not None else address


def transaction_key(blockchain: str, text: str) -> str | None:
    """Return a transaction's hash in its one spelling, or None for what can be none.

    >>> transaction_key("Bitcoin", 32 * "AB") == 32 * "ab"
    True
    """
    digits = text.lower().removeprefix("0x")
    if _HASH.fullmatch(digits):
        return f"0x{digits}" if _CHECKS.get(blockchain) in (_is_evm, _is_hex_64) else digits
    is_hex_only = blockchain in _EVM_CHAINS or blockchain in _HEX_HASHES
    return text if _PRINTABLE.fullmatch(text) and not is_hex_only else None


def _is_evm(address: str) -> bool:
    """Hex of 20 bytes; mixed case is EIP-55's checksum, one case has none."""
    if not _HEX_40.fullmatch(address):
        return False
    digits = address[2:]
    if digits in (digits.lower(), digits.upper()):
        return True
    nibbles = keccak_256(digits.lower().encode()).hex()
    pairs = zip(digits.lower(), nibbles, strict=False)
    return digits == "".join(d.upper() if int(n, 16) >= 8 else d for d, n in pairs)


def _is_solana(address: str) -> bool:
    raw = _base58(address, _BASE58)
    return raw is not None and len(raw) == 32


def _is_base58_check(versions: tuple[bytes, ...], alphabet: str = _BASE58) -> Callable[[str], bool]:
    def check(address: str) -> bool:
        raw = _base58(address, alphabet)
        if raw is None or len(raw) < 5:
            return False
        payload, checksum = raw[:-4], raw[-4:]
        twice = hashlib.sha256(hashlib.sha256(payload).digest()).digest()
        lengths = {len(version) + 20 for version in versions}
        return twice[:4] == checksum and len(payload) in lengths and payload.startswith(versions)

    return check


def _is_segwit(prefix: str) -> Callable[[str], bool]:
    """BIP 173 for version 0, BIP 350 for later ones."""

    def check(address: str) -> bool:
        folded = address.lower()
        if address not in (folded, address.upper()) or not folded.startswith(f"{prefix}1"):
            return False
        checksum = _bech32_checksum(folded)
        if checksum is None:
            return False
        version = _BECH32.find(folded[len(prefix) + 1])
        length = (len(folded) - len(prefix) - 8) * 5 // 8
        if version == 0:
            return checksum == 1 and length in (20, 32)
        return checksum == 0x2BC830A3 and 0 < version <= 16 and 2 <= length <= 40

    return check


def _either(*checks: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda address: any(check(address) for check in checks)


def _is_hex_64(address: str) -> bool:
    return _HEX_64.fullmatch(address) is not None


def _is_near(address: str) -> bool:
    return _NEAR.fullmatch(address) is not None


def _is_printable(address: str) -> bool:
    """For chains whose addresses are not looked into: something without spaces."""
    return _PRINTABLE.fullmatch(address) is not None


def _base58(text: str, alphabet: str) -> bytes | None:
    if not 1 <= len(text) <= 128 or any(letter not in alphabet for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + alphabet.index(letter)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _bech32_checksum(folded: str) -> int | None:
    """Return what the polynomial leaves of a bech32 text; None if it is none."""
    prefix, one, data = folded.rpartition("1")
    if not one or not prefix or not 6 < len(data) <= 90 or any(d not in _BECH32 for d in data):
        return None
    values = [ord(letter) >> 5 for letter in prefix] + [0]
    values += [ord(letter) & 31 for letter in prefix] + [_BECH32.index(d) for d in data]
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_BECH32_GENERATOR):
            checksum ^= factor if top >> bit & 1 else 0
    return checksum if checksum in (1, 0x2BC830A3) else None


_EVM_CHAINS: Final = (
    *("0G", "Arbitrum", "Avalanche", "Base", "Berachain", "Bsc", "Ethereum", "HyperEVM"),
    *("Hyperliquid", "Linea", "Monad", "Optimism", "Plasma", "Polygon", "Stable", "Story"),
)
_HEX_HASHES: Final = ("Bitcoin", "BitcoinCash", "Dogecoin", "Litecoin", "Tron", "XRP", "Zcash")
_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    **dict.fromkeys(_EVM_CHAINS, _is_evm),
    **dict.fromkeys(("Solana", "Eclipse", "Fogo"), _is_solana),
    **dict.fromkeys(("Aptos", "Sui"), _is_hex_64),
    "Bitcoin": _either(_is_base58_check((b"\x00", b"\x05")), _is_segwit("bc")),
    "Dogecoin": _is_base58_check((b"\x1e", b"\x16")),
    "Litecoin": _either(_is_base58_check((b"\x30", b"\x32", b"\x05")), _is_segwit("ltc")),
    "Near": _is_near,
    "Tron": _is_base58_check((b"\x41",)),
    "XRP": _is_base58_check((b"\x00",), _RIPPLE58),
}
