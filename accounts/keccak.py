"""Keccak-256 as Ethereum uses it: the padding differs from SHA3-256, which hashlib has.

Slow and short: it checks the spelling of one address at a time. Source: keccak.team, "Keccak
specifications summary".
"""

from typing import Final

_MASK: Final = (1 << 64) - 1
_RATE: Final = 136
_ROUNDS: Final = 24


def keccak_256(message: bytes) -> bytes:
    """Return the 32 bytes of the hash.

    >>> keccak_256(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    padding = _RATE - len(message) % _RATE
    padded = bytearray(message + bytes(padding))
    padded[len(message)] |= 0x01
    padded[-1] |= 0x80
    state = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            at = start + 8 * lane
            state[lane % 5][lane // 5] ^= int.from_bytes(padded[at : at + 8], "little")
        _permute(state)
    return b"".join(state[lane][0].to_bytes(8, "little") for lane in range(4))


def _permute(a: list[list[int]]) -> None:
    """Keccak-f[1600]: theta, rho and pi, chi, iota, 24 times."""
    register = 1
    for _ in range(_ROUNDS):
        parity = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        for x in range(5):
            mixed = parity[x - 1] ^ _rotate(parity[(x + 1) % 5], 1)
            for y in range(5):
                a[x][y] ^= mixed
        x, y, moving = 1, 0, a[1][0]
        for step in range(_ROUNDS):
            x, y = y, (2 * x + 3 * y) % 5
            moving, a[x][y] = a[x][y], _rotate(moving, (step + 1) * (step + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _MASK)
        for power in range(7):
            # The round's constant comes from a shift register of eight bits.
            a[0][0] ^= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register >> 7 else 0)


def _rotate(word: int, by: int) -> int:
    by %= 64
    return (word << by | word >> (64 - by)) & _MASK
