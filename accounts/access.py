"""What somebody may do with an account: the one place where it is decided.

    right of the member  ∩  state of the account  ∩  jurisdictions of both  ∩  scope of the key

The first layer which refuses gives the reason. `AccessBook` (access_book.py) is each edge's copy of
all keys; `access_of` is the same answer for pages, and `access_of_key` for DRF, from the database.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from accounts.models import Account, AccountSettings, ApiKey, Grant, Member, User
from accounts.rights import RIGHT_OF, RIGHTS
from accounts.scopes import ALL_SCOPES, SCOPE_OF, AllowList, allow_list
from compliance import matrix, selectors
from compliance.matrix import Facts, Permissions
from engine.kinds import AccountState

_EXPIRED = "This API key has expired: extend it in the settings, or make another"
_FROZEN = "This account is frozen: only what reduces its risk is taken. Its owner may unfreeze it"
_CLOSED = "This account is closed: its owner may open it again"
_NO_CUSTOMER = "You may not do this. Ask support for the reason."
# What a frozen account may not do; of managing it, nothing is taken away.
_MOVES = ("trade_spot", "trade_perp", "lend", "borrow", "transfer", "withdraw")
_FROM_CLOSED = (*_MOVES, "deposit", "manage_keys")


class Objection(NamedTuple):
    """Why a key may not make a call: the HTTP status and code, and what to do about it."""

    status: int
    code: str
    message: str


class Denial(NamedTuple):
    """Why an act is not allowed. `layer` is member, account, jurisdiction or key."""

    permission: str
    layer: str
    message: str


class Access(msgspec.Struct, frozen=True):
    """What one key, or one signed-in person, may do with one account.

    `user` is whose account it is, `person` who acts. Commands carry `actor`: the person where a
    team shares the account, else 0.
    """

    account: int
    owner: int
    user: int
    person: int
    actor: int
    denials: dict[str, Denial]
    # The same of acts which only take risk away: a freeze or a jurisdiction does not stop them.
    reducing: dict[str, Denial]
    # Unix seconds at which a dated rule, or the person's membership, next begins or ends.
    valid_until: float | None = None
    # The limits of the key; a page has none.
    scopes: frozenset[str] = ALL_SCOPES
    addresses: AllowList | None = None
    expires_at: float | None = None

    @property
    def is_owner(self) -> bool:
        """Return whether the account is the person's own."""
        return self.person == self.user

    @property
    def allowed(self) -> frozenset[str]:
        """Return all that is allowed, without reserve."""
        return frozenset(RIGHT_OF).difference(self.denials)

    def denial(self, permission: str, *, reduces: bool = False) -> Denial | None:
        """Return why `permission` is denied, or None if it is granted.

        Args:
            reduces: whether the act only takes risk away: cancels, repays, redeems, reduces.
        """
        return (self.reducing if reduces else self.denials).get(permission)

    def refusal(self, permission: str, *, reduces: bool = False) -> str | None:
        """Return what to tell of a denied permission, for pages which show it; else None."""
        denial = self.denial(permission, reduces=reduces)
        return None if denial is None else denial.message

    def without_key(self) -> "Access":
        """Return what the person may do whatever the scopes of their key, for what only looks."""
        denials = {name: one for name, one in self.denials.items() if one.layer != "key"}
        reducing = {name: one for name, one in self.reducing.items() if one.layer != "key"}
        return msgspec.structs.replace(self, denials=denials, reducing=reducing)

    def objection(self, *, scope: str, address: str, now: float) -> Objection | None:
        """Return why the key may not make a call of `scope` at all, or None if it may.

        Asked at every door before anything else: fast paths, REST views and sockets.

        Args:
            address: where the call comes from.
            now: Unix seconds.
        """
        if self.expires_at is not None and now >= self.expires_at:
            return Objection(401, "UNAUTHORIZED", _EXPIRED)
        unseen = self.denials.get("view")
        if unseen is not None and unseen.layer != "key":
            # Whom the law or the owner lets not even look (docs/compliance.md) is refused whatever
            # is asked.
            return Objection(403, "FORBIDDEN", unseen.message)
        if scope not in self.scopes:
            return Objection(403, "FORBIDDEN", _lacks(scope))
        if self.addresses is not None and not self.addresses.covers(address):
            message = f"This API key may not be used from {address or 'an unknown address'}: "
            return Objection(403, "FORBIDDEN", message + "add the address to the key's list")
        return None


class Membership(msgspec.Struct, frozen=True):
    """What an owner lets a member do with one account, until `until` (Unix seconds).

    Without rights the person is, or is no longer, a member for this account.
    """

    rights: frozenset[str] = frozenset()
    until: float | None = None
    # What the matrix looks at of the member; None: they are no customer.
    facts: Facts | None = None


class Holder(msgspec.Struct, frozen=True):
    """Who acts for which account, and all that decides what they may do there.

    Without facts the owner is no customer; without a membership the person is the owner.
    """

    account: int
    owner: int
    user: int
    person: int
    facts: Facts | None
    in_team: bool = False
    membership: Membership | None = None
    state: str = AccountState.OPEN
    scopes: frozenset[str] = ALL_SCOPES
    addresses: AllowList | None = None
    expires_at: float | None = None


def effective(
    holder: Holder, owner: Permissions | None, member: Permissions | None, *, now: float
) -> Access:
    """Return what a holder may do now: what every layer allows.

    Args:
        owner: the permissions of the account's owner; None if they are no customer.
        member: those of the member who acts; looked at only with a membership.
        now: Unix seconds.
    """
    denials: dict[str, Denial] = {}
    reducing: dict[str, Denial] = {}
    for permission in RIGHT_OF:
        membership = _not_granted(holder, permission, now)
        scope = None
        if SCOPE_OF[permission] not in holder.scopes:
            scope = Denial(permission, "key", _lacks(SCOPE_OF[permission]))
        always = membership or scope
        if always is not None:
            reducing[permission] = always
        denied = (
            membership
            or _stopped(holder, permission)
            or _unlawful(permission, owner)
            or (_unlawful(permission, member) if holder.membership is not None else None)
            or scope
        )
        if denied is not None:
            denials[permission] = denied
    ends = [] if holder.membership is None else [holder.membership.until]
    until = [one.valid_until for one in (owner, member) if one is not None] + ends
    return Access(
        account=holder.account,
        owner=holder.owner,
        user=holder.user,
        person=holder.person,
        actor=holder.person if holder.in_team else 0,
        denials=denials,
        reducing=reducing,
        valid_until=min((at for at in until if at is not None and at > now), default=None),
        scopes=holder.scopes,
        addresses=holder.addresses,
        expires_at=holder.expires_at,
    )


def _not_granted(holder: Holder, permission: str, now: float) -> Denial | None:
    membership = holder.membership
    if membership is None:
        return None
    right = RIGHT_OF[permission]
    if membership.until is not None and membership.until <= now:
        message = "Your membership of this team has expired: ask the account's owner to extend it"
        return Denial(permission, "member", message)
    if right is None:
        message = "Only the owner of this account may do this: ask them"
        return Denial(permission, "member", message)
    if right not in membership.rights:
        message = f"You have no right to this in this account ({RIGHTS[right].lower()}): "
        return Denial(permission, "member", message + "ask its owner")
    return None


def _stopped(holder: Holder, permission: str) -> Denial | None:
    if holder.state == AccountState.FROZEN and permission in _MOVES:
        return Denial(permission, "account", _FROZEN)
    if holder.state == AccountState.CLOSED and permission in _FROM_CLOSED:
        return Denial(permission, "account", _CLOSED)
    return None


def _unlawful(permission: str, granted: Permissions | None) -> Denial | None:
    if granted is None:
        return Denial(permission, "jurisdiction", _NO_CUSTOMER)
    # To manage an account is as good as to look at it.
    asked = permission if permission in matrix.PERMISSIONS else "view"
    if asked in granted.allowed:
        return None
    return Denial(permission, "jurisdiction", granted.refusals.get(asked, _NO_CUSTOMER))


def access_of(account: Account, user: User, *, scopes: frozenset[str] = ALL_SCOPES) -> Access:
    """Return what `user` may do with `account` now; for pages.

    Args:
        scopes: those of the key by which they ask, if by one.
    """
    (access,) = accesses_of([account], user, scopes=scopes)
    return access


def accesses_of(
    accounts: Sequence[Account], user: User, *, scopes: frozenset[str] = ALL_SCOPES
) -> list[Access]:
    """Return what `user` may do with each account now, in few queries for any number of them."""
    now, rulebook = time.time(), selectors.rulebook()
    lawful: dict[Facts | None, Permissions | None] = {None: None}

    def permitted(facts: Facts | None) -> Permissions | None:
        if facts not in lawful:
            assert facts is not None
            lawful[facts] = matrix.permissions_of(rulebook, facts, now)
        return lawful[facts]

    return [
        effective(
            holder,
            permitted(holder.facts),
            permitted(holder.membership.facts if holder.membership is not None else None),
            now=now,
        )
        for holder in _holders_of(accounts, user, scopes)
    ]


def access_of_key(key: ApiKey) -> Access:
    """Return what a stored key may do now; for DRF."""
    (holder,) = holders([key])
    return _now(holder)


class _Known(NamedTuple):
    """What the database says of many accounts and persons at once."""

    granted: dict[tuple[int, int], Membership]
    teams: set[int]
    stopped: dict[int, str]


def _known(pairs: Iterable[tuple[Account, int]]) -> _Known:
    """Read what is known of (account, person) pairs; a handful of queries for any number."""
    pairs = list(pairs)
    shared = [(person, one.pk) for one, person in pairs if person != one.user_id]
    return _Known(
        granted=memberships(shared),
        teams=owners_with_a_team({one.owner_id for one, _ in pairs}),
        stopped=states({one.pk for one, _ in pairs}),
    )


def _holder(
    account: Account, person: int, facts: Facts | None, known: _Known, **limits: Any
) -> Holder:
    membership = None
    if person != account.user_id:
        membership = known.granted.get((person, account.pk), Membership())
    return Holder(
        account=account.pk,
        owner=account.owner_id,
        user=account.user_id,
        person=person,
        facts=facts,
        in_team=account.owner_id in known.teams,
        membership=membership,
        state=known.stopped.get(account.pk, AccountState.OPEN),
        **limits,
    )


def _holders_of(
    accounts: Sequence[Account], user: User, scopes: frozenset[str]
) -> Iterable[Holder]:
    """Yield who `user` is to each account."""
    known = _known((account, user.pk) for account in accounts)
    facts = {
        customer.user_id: selectors.facts_of(customer)
        for customer in selectors.customers_of({account.user_id for account in accounts})
    }
    for account in accounts:
        yield _holder(account, user.pk, facts.get(account.user_id), known, scopes=scopes)


def holders(keys: Sequence[ApiKey]) -> list[Holder]:
    """Return the holders of keys, in their order.

    The keys come with `account__user__customer`.
    """
    known = _known((key.account, key.holder_id) for key in keys)
    return [
        _holder(
            key.account,
            key.holder_id,
            _facts_of(key.account.user),
            known,
            scopes=frozenset(key.scopes),
            addresses=allow_list(tuple(key.addresses)),
            expires_at=key.expires_at.timestamp() if key.expires_at else None,
        )
        for key in keys
    ]


def memberships(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Membership]:
    """Return what (user, account) pairs are granted; a pair without a grant is left out."""
    wanted = set(pairs)
    if not wanted:
        return {}
    grants = Grant.objects.filter(
        member__user_id__in={user for user, _ in wanted},
        account_id__in={account for _, account in wanted},
        member__ended_at=None,
        member__accepted_at__isnull=False,
        member__user__is_active=True,
    ).select_related("member__user__customer")
    return {
        (grant.member.user_id, grant.account_id): Membership(
            rights=frozenset(grant.rights),
            until=grant.member.expires_at.timestamp() if grant.member.expires_at else None,
            facts=_facts_of(grant.member.user) if grant.member.user else None,
        )
        for grant in grants
        if grant.member.user_id is not None
    }


def owners_with_a_team(owners: Iterable[int]) -> set[int]:
    """Return which of these main accounts somebody else has ever acted for."""
    accepted = Member.objects.filter(owner_id__in=list(owners), accepted_at__isnull=False)
    return set(accepted.values_list("owner_id", flat=True))


def states(accounts: Iterable[int]) -> dict[int, str]:
    """Return the state of each of these accounts that is frozen or closed, as the engine said."""
    rows = AccountSettings.objects.filter(account_id__in=list(accounts))
    stopped = rows.exclude(state=AccountState.OPEN)
    return dict(stopped.values_list("account_id", "state"))


def _facts_of(user: User) -> Facts | None:
    customer = getattr(user, "customer", None)
    return selectors.facts_of(customer) if customer else None


def _now(holder: Holder) -> Access:
    now, rulebook = time.time(), selectors.rulebook()
    member = None if holder.membership is None else holder.membership.facts
    return effective(
        holder,
        None if holder.facts is None else matrix.permissions_of(rulebook, holder.facts, now),
        None if member is None else matrix.permissions_of(rulebook, member, now),
        now=now,
    )


def _lacks(scope: str) -> str:
    return f"This API key has no scope `{scope}`: add it to the key, or use a key which has it"
