"""Frames and messages survive the wire, whole or in pieces."""

import itertools

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.catalog import PoolState
from engine.commands import CancelOrder
from engine.events import BalanceChanged, CommandRejected, PoolChanged, PoolHourClosed
from engine.kinds import BucketLends
from engine.rejects import Reject
from engine.units import AccountId, OrderId
from engine.vocabulary import Side
from gateway import codec
from tests.sequencer.market import order

COMMANDS = (
    order(5001, Side.BID, -3, 7),
    CancelOrder(account=AccountId(5001), market="BTC_USDC", order_id=OrderId(9)),
)


@given(cuts=st.lists(st.integers(0, 300), max_size=12))
def test_frames_cut_anywhere_come_out_whole(cuts: list[int]) -> None:
    stream = b"".join(
        codec.request_frame(number, f"id-{number}", command)
        for number, command in enumerate(COMMANDS)
    )
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = codec.FrameReader(codec.MAX_REQUEST_BYTES)
    questions = [
        codec.decode_request(body)
        for start, end in itertools.pairwise(edges)
        for body in reader.take(stream[start:end])
    ]
    commands = []
    for number, question in enumerate(questions):
        assert isinstance(question, codec.Request)
        assert (question.correlation, question.command_id) == (number, f"id-{number}")
        commands.append(codec.decode_command(question.command))
    assert tuple(commands) == COMMANDS


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    reader = codec.FrameReader(10)
    with pytest.raises(codec.FrameError, match="11 bytes"):
        list(reader.take((11).to_bytes(4, "big")))


@given(data=st.binary(max_size=60))
@example(data=b"\x91\xa1\x80")
def test_noise_is_a_frame_error_and_nothing_else(data: bytes) -> None:
    readers = (
        codec.decode_request,
        codec.decode_question,
        codec.decode_command,
        codec.decode_answer,
    )
    for decode in readers:
        try:
            decode(data)
        except codec.FrameError:
            continue


@given(atoms=st.integers(0, 10**30))
def test_sums_beyond_64_bits_survive(atoms: int) -> None:
    balance = BalanceChanged(
        account=AccountId(5001),
        asset="USDC",
        available_atoms=atoms,
        locked_atoms=0,
        lend_scaled=0,
        debt_scaled=-atoms,
    )
    assert codec.decode_event(codec.encode(balance)) == balance
    batch = codec.FeedBatch((codec.FeedItem(1, 2, (balance,)),))
    assert codec.decode_feed(codec.encode(batch)) == batch


@given(index=st.integers(1, 10**38))
def test_a_pools_buckets_and_hours_survive(index: int) -> None:
    pool = PoolChanged(
        asset="USDC",
        state=PoolState.REPAY_ONLY,
        cash_atoms=1,
        lends=(BucketLends(0, 5, index, 10**9), BucketLends(3, index, 10**27, 0)),
        debt_scaled=index,
        debt_index_ray=index,
        reserve_ray=index * 10**27,
        accrued_at_ns=1,
    )
    hour = PoolHourClosed(
        asset="USDC", hour_ns=0, debt_index_ray=index, lend_indexes_ray=(10**27, index)
    )
    assert codec.decode_events(codec.encode([pool, hour])) == [pool, hour]


def test_a_refusals_large_numbers_are_told_as_text() -> None:
    refusal = CommandRejected(
        code=Reject.INSUFFICIENT_FUNDS, message="no", details={"needed": 10**25, "free": 3}
    )
    told = codec.decode_event(codec.encode(refusal))
    assert isinstance(told, CommandRejected)
    assert told.details == {"needed": str(10**25), "free": 3}


def test_a_command_with_a_number_beyond_64_bits_is_not_sent() -> None:
    with pytest.raises(OverflowError):
        codec.request_frame(1, "x", msgspec.structs.replace(COMMANDS[0], lots=2**64))
