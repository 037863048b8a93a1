"""The team of an owner: who is invited, what each member may do with which account, until when.

Whoever grants has the right to manage members there, and gives no more than they have themselves.
Each change is written down, holds at once, and takes keys along with the right to have them.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import acts
from accounts.access import Access, access_of
from accounts.allowances import set_allowance
from accounts.api.errors import require
from accounts.models import Account, ApiKey, Grant, Member, User
from accounts.models.teams import MEMBER_LIMIT
from accounts.rights import MANAGE_KEYS, RIGHT_OF, RIGHTS, VIEW, role_of
from accounts.services import locked_main
from compliance import services as compliance
from compliance.services import Refusal

INVITATION_LASTS = timedelta(days=7)
LIMIT_MAX_MICROS = 2**62
_UNKNOWN = "This invitation does not exist: ask who invited you for another."


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be granted of one account; limits are in USD × 1e6 a UTC day, None for none."""

    account: Account
    rights: Sequence[str]
    spend_micros: int | None = None
    loss_micros: int | None = None


@transaction.atomic
def invite(
    person: User,
    owner: Account,
    email: str,
    terms: Sequence[Terms],
    *,
    expires_at: datetime | None = None,
) -> tuple[Member, str]:
    """Invite somebody by e-mail, and return the member and the token of the invitation.

    Args:
        owner: the main account.
        expires_at: when the membership ends by itself.

    Raises Refusal, and Refused without the right to manage members of each account.
    """
    locked_main(owner.user)
    address = email.strip().lower()
    if address == owner.user.email.lower():
        raise Refusal("INVITED_OWNER", "These are your own accounts: invite somebody else.")
    live = Member.objects.filter(owner=owner, ended_at=None)
    if live.filter(email=address).exists():
        message = f"{address} is in the team or invited already: change what they may do there."
        raise Refusal("MEMBER_EXISTS", message)
    if live.count() >= MEMBER_LIMIT:
        message = f"A team has at most {MEMBER_LIMIT} members: end a membership first."
        raise Refusal("MEMBER_LIMIT", message)
    if not terms:
        raise Refusal("NOTHING_GRANTED", "Choose at least one account, and what they may do there.")
    _require_future(expires_at)
    token, digest = _new_token()
    member = Member.objects.create(
        owner=owner,
        email=address,
        invited_by=person,
        invitation=digest,
        invitation_until=timezone.now() + INVITATION_LASTS,
        expires_at=expires_at,
    )
    for one in terms:
        _require_may_grant(person, owner, one)
        Grant.objects.create(
            member=member,
            account=one.account,
            rights=_ordered(one.rights),
            spend_micros=one.spend_micros,
            loss_micros=one.loss_micros,
        )
        _record(person, one.account, member, "InviteMember", one)
    return member, token


@transaction.atomic
def renew_invitation(person: User, member: Member) -> str:
    """Make an invitation good for another week, and return its new token; the old one is void.

    Raises Refusal once it was accepted, and Refused.
    """
    row = _locked(member)
    _require_manages_all(person, row)
    if row.accepted_at is not None:
        raise Refusal("INVITATION_USED", f"{row.email} has accepted: there is nothing to send.")
    token, row.invitation = _new_token()
    row.invitation_until = timezone.now() + INVITATION_LASTS
    row.save(update_fields=["invitation", "invitation_until"])
    return token


def invitation(token: str) -> Member:
    """Return the member whom an invitation is for. Raises Refusal for an unknown token."""
    member = Member.objects.filter(invitation=_digest(token)).select_related("owner__user").first()
    if member is None:
        raise Refusal("INVITATION_UNKNOWN", _UNKNOWN)
    return member


@transaction.atomic
def accept(user: User, token: str) -> Member:
    """Make the user a member. Their address must be the one that was invited, and verified.

    Raises Refusal for an invitation that is used, lapsed, withdrawn or somebody else's; the
    gateway's errors if the engine does not take the limits.
    """
    member = _locked(invitation(token))
    _require_acceptable(user, member)
    member.user, member.accepted_at = user, timezone.now()
    for grant in member.grants.all():
        set_allowance(grant.account_id, user.pk, grant.spend_micros, grant.loss_micros)
    member.save(update_fields=["user", "accepted_at"])
    for grant in member.grants.select_related("account"):
        acts.record(grant.account, user, "AcceptInvitation", role=role_of(grant.rights))
    _announce(member)
    return member


@transaction.atomic
def decline(user: User, token: str) -> None:
    """Turn an invitation down. Raises as `accept`."""
    member = _locked(invitation(token))
    _require_acceptable(user, member)
    _end(user, member, "DeclineInvitation")


@transaction.atomic
def change_grant(person: User, member: Member, terms: Terms) -> Grant:
    """Say anew what a member may do with one account; holds at once.

    Raises Refusal, Refused without the right, and the gateway's errors if the engine does not take
    the limits.
    """
    row = _locked(member)
    if row.ended_at is not None:
        raise Refusal("MEMBER_ENDED", f"{row.email} has left the team: invite them again.")
    _require_other(person, row)
    _require_may_grant(person, row.owner, terms)
    before = row.grants.filter(account=terms.account).first()
    if before is not None:
        _require_no_more(person, terms.account, before.rights)
    if row.user_id is not None:
        set_allowance(terms.account.pk, row.user_id, terms.spend_micros, terms.loss_micros)
    grant, _ = Grant.objects.update_or_create(
        member=row,
        account=terms.account,
        defaults={
            "rights": _ordered(terms.rights),
            "spend_micros": terms.spend_micros,
            "loss_micros": terms.loss_micros,
            "changed_at": timezone.now(),
        },
    )
    _record(person, terms.account, row, "ChangeRights", terms)
    if MANAGE_KEYS not in grant.rights:
        _revoke_keys(person, row, [terms.account.pk])
    _announce(row)
    return grant


@transaction.atomic
def take_back(person: User, member: Member, account: Account) -> None:
    """Take all rights to one account back, with the keys made under them. Raises as `change_grant`.

    The membership stays, and with it what the member may do elsewhere.
    """
    row = _locked(member)
    _require_other(person, row)
    require(access_of(account, person), "manage_members")
    grant = row.grants.filter(account=account).first()
    if grant is None:
        raise Refusal("NOTHING_GRANTED", f"{row.email} has no rights to {account.name}.")
    _require_no_more(person, account, grant.rights)
    grant.delete()
    acts.record(account, person, "TakeBackRights", member=row.email)
    _revoke_keys(person, row, [account.pk])
    _announce(row)


@transaction.atomic
def set_expiry(person: User, member: Member, expires_at: datetime | None) -> None:
    """Say when a membership ends by itself; None for never. Raises Refusal and Refused."""
    row = _locked(member)
    _require_other(person, row)
    _require_manages_all(person, row)
    _require_future(expires_at)
    row.expires_at = expires_at
    row.save(update_fields=["expires_at"])
    said = f"{expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "never"
    acts.record(row.owner, person, "SetExpiry", member=row.email, expires=said)
    _announce(row)


@transaction.atomic
def end_membership(person: User, member: Member) -> None:
    """Cut a member off, with all keys; or leave, if `person` is the member. Holds at once.

    Raises Refusal if it has ended, and Refused to whom it is not for to end.
    """
    row = _locked(member)
    if row.ended_at is not None:
        raise Refusal("MEMBER_ENDED", f"{row.email} has left the team already.")
    if row.user_id != person.pk:
        _require_manages_all(person, row)
    _end(person, row, "LeaveTeam" if row.user_id == person.pk else "EndMembership")


def teams_of(user: User) -> list[Member]:
    """Return the memberships of a user which are not over."""
    live = Member.objects.filter(user=user, ended_at=None).select_related("owner__user")
    return list(live.prefetch_related("grants__account"))


def _end(person: User, member: Member, action: str) -> None:
    member.ended_at = timezone.now()
    member.save(update_fields=["ended_at"])
    grants = list(member.grants.select_related("account"))
    for grant in grants:
        acts.record(grant.account, person, action, member=member.email)
    _revoke_keys(person, member, [grant.account_id for grant in grants])
    _announce(member)


def _require_acceptable(user: User, member: Member) -> None:
    if member.ended_at is not None:
        raise Refusal("INVITATION_WITHDRAWN", "This invitation was withdrawn.")
    if member.accepted_at is not None:
        raise Refusal("INVITATION_USED", "This invitation was accepted before.")
    if timezone.now() >= member.invitation_until:
        message = "This invitation is too old: ask who invited you to send another."
        raise Refusal("INVITATION_EXPIRED", message)
    if user.email.lower() != member.email or user.is_staff:
        message = f"This invitation is for {member.email}: sign in with that address."
        raise Refusal("INVITATION_OTHER_USER", message)
    verified = EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True)
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" and not verified.exists():
        raise Refusal("EMAIL_NOT_VERIFIED", "Verify your e-mail address first, then accept.")


def _require_may_grant(person: User, owner: Account, terms: Terms) -> None:
    """Refuse to grant what is unknown, of somebody else's account, or more than one has."""
    if terms.account.owner_id != owner.pk:
        raise Refusal("OTHER_OWNER", "You can only share accounts of this owner.")
    access = access_of(terms.account, person)
    require(access, "manage_members")
    unknown = sorted(set(terms.rights) - set(RIGHTS))
    if unknown or VIEW not in terms.rights:
        message = f"Choose among the rights {', '.join(RIGHTS)}; all of them need {VIEW}."
        raise Refusal("RIGHTS_UNKNOWN", message)
    for micros in (terms.spend_micros, terms.loss_micros):
        if micros is not None and not 0 <= micros <= LIMIT_MAX_MICROS:
            raise Refusal("LIMIT_INVALID", "A limit is an amount in USD, from 0 up.")
    _require_no_more(person, terms.account, terms.rights)
    if access.is_owner:
        return
    own = Grant.objects.get(member__user=person, member__ended_at=None, account=terms.account)
    pairs = ((own.spend_micros, terms.spend_micros), (own.loss_micros, terms.loss_micros))
    if any(mine is not None and (given is None or given > mine) for mine, given in pairs):
        raise Refusal("BEYOND_OWN_LIMIT", "You cannot give a higher limit than your own.")


def _require_no_more(person: User, account: Account, rights: Iterable[str]) -> None:
    """Refuse a member to give, or take from somebody who has, a right that they lack themselves."""
    if person.pk == account.user_id:
        return
    access = access_of(account, person)
    own = {right for name, right in RIGHT_OF.items() if right and not _lacks(access, name)}
    beyond = [RIGHTS[right] for right in rights if right not in own]
    if beyond:
        message = f"You lack the right yourself: {beyond[0].lower()}. Ask the owner."
        raise Refusal("BEYOND_OWN_RIGHTS", message)


def _lacks(access: Access, permission: str) -> bool:
    denial = access.denial(permission)
    return denial is not None and denial.layer == "member"


def _require_manages_all(person: User, member: Member) -> None:
    """Refuse whoever may not manage the members of every account that was shared with this one."""
    if person.pk == member.owner.user_id:
        return
    grants = list(member.grants.select_related("account__user"))
    if not grants:
        raise Refusal("NOTHING_GRANTED", "Only the owner may change this membership.")
    for grant in grants:
        require(access_of(grant.account, person), "manage_members")
        _require_no_more(person, grant.account, grant.rights)


def _require_other(person: User, member: Member) -> None:
    if member.user_id == person.pk:
        raise Refusal("OWN_RIGHTS", "You cannot change your own rights: ask the owner.")


def _require_future(moment: datetime | None) -> None:
    if moment is not None and moment <= timezone.now():
        raise Refusal("EXPIRY_PAST", "The membership would have ended already: choose later.")


def _locked(member: Member) -> Member:
    rows = Member.objects.select_for_update(of=("self",)).select_related("owner__user", "user")
    return rows.get(pk=member.pk)


def _revoke_keys(person: User, member: Member, accounts: list[int]) -> None:
    keys = ApiKey.objects.filter(
        made_by=member.user_id, account_id__in=accounts, revoked_at=None, made_by__isnull=False
    )
    for key in keys.select_related("account"):
        acts.record(key.account, person, "RevokeKey", key=key.name, member=member.email)
    keys.update(revoked_at=timezone.now())


def _announce(member: Member) -> None:
    """Have the edges read the keys of the owner and of the member anew."""
    compliance.announce(member.owner.user_id)
    if member.user_id is not None:
        compliance.announce(member.user_id)


def _record(person: User, account: Account, member: Member, action: str, terms: Terms) -> None:
    rights = _ordered(terms.rights)
    acts.record(
        account,
        person,
        action,
        member=member.email,
        role=role_of(rights),
        rights=rights,
        spend_micros=terms.spend_micros,
        loss_micros=terms.loss_micros,
    )


def _ordered(rights: Iterable[str]) -> list[str]:
    return [right for right in RIGHTS if right in set(rights)]


def _new_token() -> tuple[str, bytes]:
    token = secrets.token_urlsafe(32)
    return token, _digest(token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
