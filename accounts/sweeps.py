"""Transfers between accounts of one owner which the clock makes: fixed amounts, and levels to keep.

The rule says when, the engine how much. The command id names the rule and the time it was due, so
that a run which comes twice, late or on two hosts moves nothing more. Each run needs the rights of
whoever made the rule, as they are then.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts import acts
from accounts.access import Access, access_of
from accounts.api.errors import EngineRefused, Refused, require, submit_accepted
from accounts.assets import decimals_of
from accounts.models import Account, SweepRule, User
from accounts.transfers import OTHER_OWNER, transfer_funds
from compliance.services import Refusal
from engine.commands import SweepFunds
from engine.events import FundsSwept
from engine.units import MAX_ATOMS, AccountId
from gateway.decimals import format_decimal
from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

RULE_LIMIT = 100
AT_ONCE = 1_000
STEPS: Final = {
    SweepRule.Every.MINUTE: timedelta(minutes=1),
    SweepRule.Every.HOUR: timedelta(hours=1),
    SweepRule.Every.DAY: timedelta(days=1),
    SweepRule.Every.WEEK: timedelta(weeks=1),
}


class SweepTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule shall do; `amount_atoms` is what is moved or, if it `keeps`, what stays."""

    asset: str
    amount_atoms: int
    every: str
    keeps: bool = False
    tops_up: bool = False
    # When it runs for the first time; None: at the next minute.
    starts_at: datetime | None = None


@transaction.atomic
def create_sweep(
    person: User, source: Account, destination: Account, terms: SweepTerms
) -> SweepRule:
    """Have the clock move money between two accounts. Raises Refusal, and Refused."""
    if source.pk == destination.pk:
        raise Refusal("SAME_ACCOUNT", "Choose two different accounts.")
    if source.owner_id != destination.owner_id:
        raise Refusal("OTHER_OWNER", f"{OTHER_OWNER}.")
    require(access_of(source, person), "transfer")
    require(access_of(destination, person), "transfer")
    least = 0 if terms.keeps else 1
    if not least <= terms.amount_atoms <= MAX_ATOMS:
        raise Refusal("INVALID_AMOUNT", "Write an amount above zero.")
    if terms.tops_up and not terms.keeps:
        raise Refusal("INVALID_SWEEP", "Only a level that is kept can be topped up.")
    owner = Account.objects.select_for_update().get(pk=source.owner_id)
    if SweepRule.objects.filter(owner=owner, ended_at=None).count() >= RULE_LIMIT:
        raise Refusal("SWEEP_LIMIT", f"There are {RULE_LIMIT} rules, the most: end one first.")
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    rule = SweepRule.objects.create(
        owner=owner,
        source=source,
        destination=destination,
        asset=terms.asset,
        amount=terms.amount_atoms,
        keeps=terms.keeps,
        tops_up=terms.tops_up,
        every=SweepRule.Every(terms.every),
        made_by=person,
        next_at=max(terms.starts_at or minute, minute),
    )
    acts.record(source, person, "CreateSweep", rule=words_of(rule))
    return rule


@transaction.atomic
def end_sweep(person: User, rule: SweepRule) -> None:
    """End a rule. Whoever may transfer out of its source may. Raises Refusal and Refused."""
    require(access_of(rule.source, person), "transfer", reduces=True)
    ended = SweepRule.objects.filter(pk=rule.pk, ended_at=None).update(ended_at=timezone.now())
    if not ended:
        raise Refusal("SWEEP_ENDED", "This rule has ended already.")
    acts.record(rule.source, person, "EndSweep", rule=words_of(rule))


def words_of(rule: SweepRule) -> str:
    """Return what a rule does, as a sentence."""
    amount = f"{format_decimal(int(rule.amount), decimals_of(rule.asset))} {rule.asset}"
    every = rule.get_every_display().lower()
    source, destination = rule.source.name, rule.destination.name
    if not rule.keeps:
        return f"Move {amount} from {source} to {destination} {every}"
    back = f"; take what is missing from {destination}" if rule.tops_up else ""
    return f"Keep {amount} in {source}: move what is above to {destination} {every}{back}"


def run_due(at: datetime | None = None) -> dict[str, int]:
    """Carry out the rules which are due, and return how many were done, refused, and left.

    An engine that is away leaves them: the next run takes them up under the same ids.
    """
    now = at or timezone.now()
    due = SweepRule.objects.filter(ended_at=None, next_at__lte=now)
    due = due.select_related("source__user", "destination__user", "made_by").order_by("next_at")
    counts = {"done": 0, "refused": 0, "left": 0}
    rules = list(due[:AT_ONCE])
    for place, rule in enumerate(rules):
        try:
            outcome = _run(rule)
            counts["done"] += 1
        except (EngineRefused, Refused) as refused:
            outcome = f"Not done: {getattr(refused, 'message', refused)}"
            counts["refused"] += 1
        except GatewayError as error:
            logger.warning("sweeps wait for the next run: %s", error)
            counts["left"] = len(rules) - place
            break
        _went(rule, outcome, now)
    acts.write_denials()
    return counts


def _run(rule: SweepRule) -> str:
    """Move what is due, and return what became of it in words."""
    source = access_of(rule.source, rule.made_by)
    destination = access_of(rule.destination, rule.made_by)
    command_id = f"sweep:{rule.pk}:{rule.next_at:%Y-%m-%dT%H:%M}"
    if not rule.keeps:
        amount = int(rule.amount)
        transfer_funds(
            source, destination, asset=rule.asset, amount_atoms=amount, command_id=command_id
        )
        return f"Moved {format_decimal(amount, decimals_of(rule.asset))} {rule.asset}."
    return _swept(rule, _sweep(source, destination, rule, command_id))


def _sweep(source: Access, destination: Access, rule: SweepRule, command_id: str) -> FundsSwept:
    require(source, "transfer")
    # Where it is topped up, money leaves the other account too.
    require(destination, "transfer", reduces=not rule.tops_up)
    answer = submit_accepted(
        SweepFunds(
            account=AccountId(source.account),
            other=AccountId(destination.account),
            actor=source.actor,
            asset=rule.asset,
            keep_atoms=int(rule.amount),
            top_up=rule.tops_up,
        ),
        command_id=command_id,
    )
    assert isinstance(answer, FundsSwept), f"{answer} is no sweep"
    return answer


def _swept(rule: SweepRule, swept: FundsSwept) -> str:
    decimals = decimals_of(rule.asset)
    if not swept.wanted_atoms:
        return "Nothing to move."
    names = {rule.source_id: rule.source.name, rule.destination_id: rule.destination.name}
    moved = f"{format_decimal(swept.amount_atoms, decimals)} {rule.asset}"
    where = f"from {names[swept.source]} to {names[swept.destination]}"
    short = swept.wanted_atoms - swept.amount_atoms
    if not short:
        return f"Moved {moved} {where}."
    missing = format_decimal(short, decimals)
    return f"Moved {moved} {where}; {missing} more could not be spared."


def _went(rule: SweepRule, outcome: str, now: datetime) -> None:
    """Note what became of a run and when the next is due: one covers all that were missed."""
    step = STEPS[SweepRule.Every(rule.every)]
    missed = (now - rule.next_at) // step
    same = SweepRule.objects.filter(pk=rule.pk, next_at=rule.next_at)
    same.update(ran_at=now, outcome=outcome, next_at=rule.next_at + (missed + 1) * step)
