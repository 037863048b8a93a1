"""The random walk of the demo."""

from itertools import pairwise

from engine.units import PRICE_SCALE
from prices.walk import PATHS, step

HOME = {symbol: path.home_e8 for symbol, path in PATHS.items()}


def walk(
    seconds: int, *, seed: str = "test", start: dict[str, int] | None = None
) -> list[dict[str, int]]:
    prices, seen = start or HOME, []
    for second in range(1_795_000_000, 1_795_000_000 + seconds):
        prices = step(PATHS, seed=seed, second=second, last_e8=prices)
        seen.append(prices)
    return seen


def test_the_same_seed_walks_the_same_way_and_another_seed_another_way() -> None:
    assert walk(50) == walk(50)
    assert walk(50)[-1] != walk(50, seed="other")[-1]


def test_a_restart_goes_on_from_the_last_price_as_if_it_had_not_happened() -> None:
    whole = walk(20)
    second = 1_795_000_010
    resumed = step(PATHS, seed="test", second=second, last_e8=whole[9])
    assert resumed == whole[10]


def test_an_asset_without_a_price_starts_at_home() -> None:
    first = step(PATHS, seed="test", second=1, last_e8={})
    for symbol, price in first.items():
        assert abs(price - HOME[symbol]) * 100 < HOME[symbol]


def test_prices_are_whole_numbers_which_move_but_stay_near_home_for_hours() -> None:
    seen = walk(4 * 3600)
    for symbol in ("BTC", "ETH", "SOL"):
        prices = [prices[symbol] for prices in seen]
        assert all(type(price) is int and price > 0 for price in prices)
        assert len(set(prices)) > len(prices) // 2
        assert max(abs(price - HOME[symbol]) for price in prices) * 10 < HOME[symbol]
        steps = [abs(b - a) / a for a, b in pairwise(prices)]
        assert max(steps) < 0.002
    tethers = [prices["USDT"] for prices in seen]
    assert max(tethers) - min(tethers) < PRICE_SCALE // 500


def test_a_price_far_from_home_is_pulled_back() -> None:
    far = {symbol: price * 2 for symbol, price in HOME.items()}
    end = walk(6 * 3600, start=far)[-1]
    assert all(end[symbol] < far[symbol] * 9 // 10 for symbol in HOME)
