"""Finding the largest amount that is accepted, where every larger one is refused."""

from collections.abc import Callable


def largest_of(accepts: Callable[[int], bool], most: int) -> int:
    """Return the largest accepted amount, of which more than `most` is refused; 0 if none is."""
    if most <= 0 or accepts(most):
        return max(most, 0)
    return bisect(accepts, 0, most)


def bisect(accepts: Callable[[int], bool], low: int, high: int) -> int:
    """Return a number that is accepted while the next is not, between one of each."""
    while high - low > 1:
        middle = (low + high) // 2
        if accepts(middle):
            low = middle
        else:
            high = middle
    return low
