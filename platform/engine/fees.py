"""Trading fees."""

from engine.units import PPM


def fee_of(amount_atoms: int, fee_ppm: int) -> int:
    """Return a fee, rounded up: the account owes it."""
    return -(-amount_atoms * fee_ppm // PPM)
