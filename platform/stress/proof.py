"""Proof of a stress test: what it tells is all that has happened, to the atom and beyond.

    given = taken       what was forced off the book has two sides with the same lots and quote;
                        all else was seen by the public, or by who asked for a quote
    positions           each has moved by what is told of it; what the insurance fund bought of a
                        bankrupt account is what it is owed beyond the fees
    debts               what is told to be written off is what accounts need not repay
    insurance           what is told of fees and payments is what its ledger accounts have moved
    worth               what accounts have lost is what others have won, in rays
    invariants          the engine's own

Each check raises AssertionError with the numbers that disagree.
"""

from collections import Counter, defaultdict

from engine import invariants
from engine.state import State
from engine.units import AccountId
from stress.tally import Part, Tally, WrittenOff
from stress.worth import House, Rays, house_of, micros_of, worth_of

Positions = dict[tuple[AccountId, str], tuple[int, int]]


class Before:
    """What everybody and the house had when the run began."""

    def __init__(self, state: State) -> None:
        self.prices_e8 = {asset: price.now_e8 for asset, price in state.prices.items()}
        self.worth: dict[AccountId, Rays] = {
            number: worth_of(state, account) for number, account in state.accounts.items()
        }
        self.micros = {number: micros_of(state, worth) for number, worth in self.worth.items()}
        self.house: House = house_of(state)
        self.positions = positions_of(state)
        self.insured_dust = insured_dust_of(state)
        self.insurance = {asset: insurance_of(state, asset) for asset in state.assets}


def positions_of(state: State) -> Positions:
    """Return the lots and the quote of every position."""
    return {
        (number, market): (position.lots, position.quote)
        for number, account in state.accounts.items()
        for market, position in account.positions.items()
    }


def insured_dust_of(state: State) -> Counter[str]:
    """Return what positions owe the insurance fund, by market."""
    found: Counter[str] = Counter()
    for symbol, listed in state.markets.items():
        if listed.clearing is not None:
            found[symbol] = listed.clearing.insured_dust
    return found


def insurance_of(state: State, asset: str) -> int:
    """Return what the insurance fund has in cash, in atoms."""
    account = state.ledger.house.get(f"insurance:{asset}")
    return account.atoms if account is not None else 0


def prove(tally: Tally, state: State, before: Before) -> None:
    """Check everything."""
    check_sides(tally, state)
    check_positions(tally, state, before)
    check_insurance(tally, state, before)
    check_debts(tally, state)
    check_worth(state, before)
    invariants.check(state)


def check_sides(tally: Tally, state: State) -> None:
    """What the liquidated gave off the book, backstops and winners took; the rest was public."""
    bought: Counter[str] = Counter()
    sums: dict[str, dict[Part, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for (number, market), parts in tally.moves.items():
        for part, moved in parts.items():
            is_given = part in (Part.BOOK, Part.BACKSTOP, Part.ADL)
            assert not is_given or number in tally.cases, f"account {number} gave without a case"
            sums[market][part][0] += moved.lots
            sums[market][part][1] += moved.quote
            if part in (Part.BOOK, Part.TRADED):
                bought[market] += moved.bought
    for market, found in sums.items():
        for given, taken in ((Part.BACKSTOP, Part.TOOK_BACKSTOP), (Part.ADL, Part.TOOK_ADL)):
            both = [one + other for one, other in zip(found[given], found[taken], strict=True)]
            assert both == [0, 0], f"{market} {given}: {found[given]} given, {found[taken]} taken"
        on_book = found[Part.BOOK][0] + found[Part.TRADED][0]
        assert not on_book, f"{market}: {on_book} lots were traded with nobody"
        seen = tally.public[market] if state.markets[market].is_perp else 0
        assert bought[market] == seen, f"{market}: {bought[market]} lots bought, {seen} were seen"


def check_positions(tally: Tally, state: State, before: Before) -> None:
    """What is told of a position explains it, but for claims that the insurance fund bought."""
    after = positions_of(state)
    bought: Counter[str] = Counter()
    for key in {**before.positions, **after, **tally.moves}:
        number, market = key
        (lots, quote), (lots_before, quote_before) = (
            found.get(key, (0, 0)) for found in (after, before.positions)
        )
        parts = tally.moves.get(key, {})
        lots_told = sum(moved.lots for moved in parts.values())
        assert lots - lots_before == lots_told, (
            f"account {number} {market}: {lots_before} lots became {lots}, told are {lots_told}"
        )
        left = quote - quote_before - sum(moved.quote for moved in parts.values())
        is_case = number in tally.cases
        assert left == 0 or (is_case and left < 0), (
            f"account {number} {market}: {left} atoms of its quote are not explained"
        )
        bought[market] -= left
    dust = insured_dust_of(state)
    for market in dust:
        owed = dust[market] - before.insured_dust[market] + tally.handed_over[market]
        claims = owed - tally.fees_owed[market]
        assert claims == bought[market], (
            f"{market}: the insurance fund is owed {claims}, positions gave {bought[market]}"
        )


def check_insurance(tally: Tally, state: State, before: Before) -> None:
    """The events of fees and payments are what the ledger has moved."""
    flows = tally.flows
    for asset in state.assets:
        cash = flows["account", "insurance", asset, "liquidation_fee"]
        told = tally.fees_cash[asset]
        assert cash == told, f"{asset}: {told} of fees are told, {cash} were paid"
        out = sum(flows[kind, "account", asset, "bad_debt"] for kind in ("insurance", "fees"))
        out -= flows["account", "insurance", asset, "bad_debt"]
        told = tally.paid[asset]
        assert out == told, f"{asset}: {told} are told to be paid for the bankrupt, {out} were"
        insured = flows["insurance", "pool", asset, "bad_debt"]
        told = tally.written_off.get(asset, WrittenOff()).insured
        assert insured == told, f"{asset}: {told} of debts are told to be insured, {insured} were"
        moved = sum(
            atoms * ((credit == "insurance") - (debit == "insurance"))
            for (debit, credit, of, _), atoms in flows.items()
            if of == asset
        )
        now, was = insurance_of(state, asset), before.insurance[asset]
        assert now == was + moved, f"{asset}: the insurance fund went from {was} to {now}"


def check_debts(tally: Tally, state: State) -> None:
    """Each debt that was forgotten was borne by reserve, insurance and lenders, but for an atom."""
    for asset in state.assets:
        sums = tally.written_off.get(asset, WrittenOff())
        forgiven = tally.forgiven[asset]
        assert sums.debts == forgiven, f"{asset}: {forgiven} need not be repaid, not {sums.debts}"
        borne = sums.reserve + sums.insured + sums.lenders
        assert abs(borne - sums.debts) <= sums.count, f"{asset}: {borne} borne of {sums.debts}"


def check_worth(state: State, before: Before) -> None:
    """What accounts have lost, others and the house have won: exactly."""
    for asset in state.assets:
        now = sum(worth_of(state, one).get(asset, 0) for one in state.accounts.values())
        was = sum(worth.get(asset, 0) for worth in before.worth.values())
        house = sum(part[asset] for part in house_of(state))
        house_was = sum(part[asset] for part in before.house)
        assert now + house == was + house_was, f"{asset}: {now + house - was - house_was} rays"
