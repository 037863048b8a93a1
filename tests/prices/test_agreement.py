"""One price out of several sources."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.explained import Exclusion
from prices.agreement import agree, agree_on_perps
from prices.asset_index import capped
from prices.quotes import Quote
from prices.terms import MAJOR, OTHER
from tests.prices.made import E8, NOW, quote, quotes

EPSILON_PPM = 1_000
TRUTH = 86_700


@pytest.mark.parametrize(
    ("prices", "last", "expected"),
    [
        pytest.param((86700, 86710, 86720), None, 86710, id="three agree: the middle one"),
        pytest.param((86700, 86710, 86720, 86730), None, 86715, id="four: between the middle two"),
        pytest.param((86700, 86710, 86720, 80600), None, 86710, id="one 7 % off is thrown out"),
        pytest.param((86700, 86710, 86720, 86.7), None, 86710, id="one 1,000 times too low"),
        pytest.param((86700, 86710, 86720, 86.7e6), None, 86710, id="one 1,000 times too high"),
        pytest.param((86700, 86720), None, 86710, id="two within half a percent: the mean"),
        pytest.param((86700, 87300), None, None, id="two apart: hold"),
        pytest.param((86700,), 86600, 86700, id="one near the last index"),
        pytest.param((86700,), 80000, None, id="one far from the last index: hold"),
        pytest.param((86700,), None, None, id="one alone makes no first price"),
        pytest.param((), 86700, None, id="none: hold"),
        pytest.param((100, 110), 100, None, id="two that contradict each other"),
        pytest.param((100, 100, 110, 110), 100, None, id="two camps of one weight"),
        pytest.param((100, 102, 104), 100, None, id="no majority near to any"),
        pytest.param((100, 102, 104), 102, None, id="not even if one of them is the last index"),
    ],
)
def test_what_the_sources_agree_on(
    prices: tuple[float, ...], last: int | None, expected: int | None
) -> None:
    found = agree(quotes(*prices), MAJOR, now_ms=NOW, last_e8=last * E8 if last else None)
    assert found.price_e8 == (expected * E8 if expected else None)


def test_a_venue_far_off_drags_nothing() -> None:
    # Vector D1. A weighted mean of clipped prices is dragged to 99,901; the weighted median is not.
    sources = [
        Quote(
            venue=str(number),
            weight=weight,
            bid_e8=bid * E8,
            ask_e8=ask * E8,
            last_e8=last * E8,
            at_ms=NOW,
            heard_ms=NOW,
        )
        for number, (bid, ask, last, weight) in enumerate(
            (
                (99990, 100010, 100000, 3),
                (99980, 100000, 99995, 2),
                (100040, 100060, 100050, 2),
                (93000, 93020, 92000, 1),
                (100000, 100020, 107000, 1),
            )
        )
    ]
    found = agree(sources, MAJOR, now_ms=NOW, last_e8=None)
    assert found.price_e8 == 100_000 * E8
    assert [source.excluded for source in found.sources] == [
        *(None, None, None, Exclusion.OUTLIER, None)
    ]
    assert [source.weight for source in found.sources] == [3, 2, 2, 0, 1]


def test_many_light_sources_do_not_throw_out_the_heavy_one() -> None:
    heavy = [quote(100, "heavy", weight=4)]
    light = [quote(150, name) for name in ("x", "y", "z")]
    found = agree([*light, *heavy], MAJOR, now_ms=NOW, last_e8=100 * E8)
    assert found.price_e8 == 100 * E8
    assert not found.is_contradiction


def test_a_quarantined_source_does_not_count() -> None:
    found = agree(
        quotes(100, 100.1, 100.2, 100.3), MAJOR, now_ms=NOW, last_e8=None, quarantined={"a"}
    )
    assert found.price_e8 == 100.2 * E8
    assert found.sources[0].excluded is Exclusion.QUARANTINED
    assert found.sources[0].price_e8 == 100 * E8


@pytest.mark.parametrize(
    ("prices", "expected"),
    [((100, 100.1, 90), 100.05), ((100, 100.1, 100.2), 100.1), ((100,), None), ((100, 90), None)],
)
def test_perpetuals_of_others_count_where_enough_of_them_agree(
    prices: tuple[float, ...], expected: float | None
) -> None:
    found = agree_on_perps(quotes(*prices), MAJOR, now_ms=NOW)
    assert found == (None if expected is None else round(expected * E8))


# Whatever a liar may say: any three numbers, at any time.
LIES = st.builds(
    Quote,
    venue=st.just("liar"),
    weight=st.integers(1, 5),
    bid_e8=st.integers(-1, 2 * TRUTH * E8),
    ask_e8=st.integers(-1, 2 * TRUTH * E8),
    last_e8=st.integers(-1, 2 * TRUTH * E8),
    at_ms=st.integers(NOW - 20_000, NOW + 20_000),
    heard_ms=st.integers(NOW - 20_000, NOW),
)
# Nearer to the truth than any filter looks, so that they come through and pull.
SUBTLE_LIES = st.builds(
    quote,
    st.floats(TRUTH * 0.985, TRUTH * 1.015),
    st.just("liar"),
    weight=st.integers(1, 5),
)
HONEST = st.builds(
    quote,
    st.floats(TRUTH * (1 - EPSILON_PPM / 2e6), TRUTH * (1 + EPSILON_PPM / 2e6)),
    st.just("honest"),
    weight=st.integers(1, 5),
)


# Many light ones with one voice.
GANG = st.builds(
    lambda price, size: [quote(price, "gang") for _ in range(size)],
    st.floats(TRUTH * 0.5, TRUTH * 2),
    st.integers(2, 6),
)


@given(
    honest=st.lists(HONEST, min_size=1, max_size=4),
    liars=st.lists(LIES | SUBTLE_LIES, max_size=6) | GANG,
    last=st.integers(TRUTH * 99 // 100, TRUTH * 101 // 100),
    terms=st.sampled_from((MAJOR, OTHER)),
)
def test_with_a_majority_of_honest_weight_no_lie_moves_the_price(
    honest: list[Quote], liars: list[Quote], last: int, terms: object
) -> None:
    while liars and _weight(liars) >= _weight(honest):
        liars = liars[:-1]
    named = [
        Quote(**{name: getattr(one, name) for name in one.__struct_fields__} | {"venue": str(n)})
        for n, one in enumerate([*liars, *honest])
    ]
    told = [one.price_e8 or 0 for one in honest]
    found = agree(named, terms, now_ms=NOW, last_e8=last * E8)  # type: ignore[arg-type]
    assert not found.is_contradiction
    # Held, or one which honest sources say, or between two of them: never out of their range.
    if found.price_e8 is not None:
        assert min(told) <= found.price_e8 <= max(told)
        published = capped(found.price_e8, last * E8, terms.cap_ppm)  # type: ignore[attr-defined]
        assert min(*told, last * E8) <= published <= max(*told, last * E8)


def _weight(sources: Sequence[Quote]) -> int:
    return sum(one.weight for one in sources)
