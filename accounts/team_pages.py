"""The pages of a team: its members, what each may do, and invitations."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import teams
from accounts.api.errors import EngineRefused, Refused
from accounts.choice import accounts_of, permitted, user_of
from accounts.models import Account, Grant, Member, MemberAllowance
from accounts.rights import RIGHTS, ROLES, role_of
from accounts.team_forms import ExpiryForm, GrantForm, InviteForm, grant_initial
from accounts.words import sentence, usd_text
from compliance.services import Refusal
from gateway.decimals import group_digits
from gateway.errors import EngineUnavailable, OutcomeUnknown

log = logging.getLogger(__name__)
AWAY = "The exchange does not answer, and keeps the limits: nothing has changed. Try again."


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def team(request: HttpRequest) -> HttpResponse:
    """Show the members of the user's team, and the teams that the user is in; invite somebody."""
    managed = _managed(request)
    form = InviteForm(managed, request.POST or None)
    if not form.is_valid():
        return _page(request, managed, form, status=422 if form.is_bound else 200)
    terms, person = form.terms(), user_of(request)
    owner = terms.account.main or terms.account
    try:
        member, token = teams.invite(
            person,
            owner,
            form.cleaned_data["email"],
            [terms],
            expires_at=form.cleaned_data["expires_at"],
        )
    except (Refusal, Refused) as refusal:
        form.add_error(_field_of(refusal), refusal.message)
        return _page(request, managed, form, status=422)
    _send(request, member, token)
    return redirect("accounts:member", member.pk)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def member(request: HttpRequest, member: int) -> HttpResponse:
    """Show what a member may do with each account, and change it."""
    row, managed = _member(request, member)
    if request.method == "GET":
        return _member_page(request, row, managed)
    form = GrantForm(managed, request.POST)
    if not form.is_valid():
        return _member_page(request, row, managed, form=form, status=422)
    said = _try(lambda: teams.change_grant(user_of(request), row, form.terms()))
    if said is not None:
        form.add_error(None, said)
        return _member_page(request, row, managed, form=form, status=422)
    messages.success(request, f"This holds for {row.email} from now on.")
    return redirect("accounts:member", row.pk)


@require_POST
@login_required
def take_back(request: HttpRequest, member: int, account: int) -> HttpResponse:
    """Take all rights to one account back."""
    row, managed = _member(request, member)
    chosen = next((one for one in managed if one.pk == account), None)
    if chosen is None:
        raise Http404("no such account of this team")
    said = f"{row.email} may do nothing in {chosen.name} any more; keys made there are revoked."
    return _done(request, row, lambda: teams.take_back(user_of(request), row, chosen), said)


@require_POST
@login_required
def set_expiry(request: HttpRequest, member: int) -> HttpResponse:
    """Say when a membership ends by itself."""
    row, _ = _member(request, member)
    form = ExpiryForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write a date and a time, or nothing.")
        return redirect("accounts:member", row.pk)
    at = form.cleaned_data["expires_at"]
    said = f"The membership ends {at:%Y-%m-%d %H:%M} UTC." if at else "It ends when you end it."
    return _done(request, row, lambda: teams.set_expiry(user_of(request), row, at), said)


@require_POST
@login_required
def end_membership(request: HttpRequest, member: int) -> HttpResponse:
    """Cut a member off; a member leaves."""
    person = user_of(request)
    rows = Member.objects.select_related("owner__user")
    row = get_object_or_404(rows, pk=member)
    if row.user_id != person.pk:
        row, _ = _member(request, member)
    said = _try(lambda: teams.end_membership(person, row))
    if said is not None:
        messages.error(request, said)
    elif row.user_id == person.pk:
        messages.success(request, "You have left the team.")
    else:
        messages.success(request, f"{row.email} is cut off; their keys are revoked.")
    return redirect("accounts:team")


@require_POST
@login_required
def renew_invitation(request: HttpRequest, member: int) -> HttpResponse:
    """Send an invitation again; the one before is void."""
    row, _ = _member(request, member)
    try:
        token = teams.renew_invitation(user_of(request), row)
    except (Refusal, Refused) as refusal:
        messages.error(request, refusal.message)
    else:
        _send(request, row, token)
    return redirect("accounts:member", row.pk)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what somebody is invited to, and let them accept or decline."""
    user = user_of(request)
    try:
        row = teams.invitation(token)
    except Refusal as refusal:
        return render(request, "accounts/invitation.html", {"refusal": refusal}, status=404)
    if request.method == "GET":
        return _invitation_page(request, row)
    try:
        if request.POST.get("act") == "decline":
            teams.decline(user, token)
            messages.success(request, "You have declined.")
            return redirect("accounts:team")
        teams.accept(user, token)
    except Refusal as refusal:
        return _invitation_page(request, row, refusal=refusal, status=422)
    except (EngineUnavailable, OutcomeUnknown, EngineRefused):
        messages.error(request, AWAY)
        return _invitation_page(request, row, status=503)
    messages.success(request, f"You are in the team of {row.owner.user.email}.")
    first = row.grants.first()
    return redirect(f"/?account={first.account_id}" if first else reverse("accounts:team"))


def _managed(request: HttpRequest) -> list[Account]:
    """Return the accounts whose members the user may manage, closed ones too if they are own."""
    return permitted(accounts_of(request), user_of(request), "manage_members")


def _member(request: HttpRequest, number: int) -> tuple[Member, list[Account]]:
    """Return a member whom the user may see, and the accounts whose members they manage."""
    person, managed = user_of(request), _managed(request)
    rows = Member.objects.select_related("owner__user", "user", "invited_by")
    row = get_object_or_404(rows, pk=number)
    of_team = [one for one in managed if one.owner_id == row.owner_id]
    shares = row.grants.filter(account__in=of_team).exists()
    if row.owner.user_id != person.pk and not shares:
        raise Http404("no such member of a team which you manage")
    return row, of_team


def _try(act: Callable[[], object]) -> str | None:
    """Do something; return why not, in words."""
    try:
        act()
    except (Refusal, Refused) as refusal:
        return refusal.message
    except EngineRefused as refused:
        return sentence(str(refused))
    except (EngineUnavailable, OutcomeUnknown):
        return AWAY
    return None


def _done(request: HttpRequest, row: Member, act: Callable[[], object], done: str) -> HttpResponse:
    said = _try(act)
    if said is None:
        messages.success(request, done)
    else:
        messages.error(request, said)
    return redirect("accounts:member", row.pk)


def _send(request: HttpRequest, row: Member, token: str) -> None:
    """Mail an invitation. Its link is shown too: mail may fail, and it serves nobody else."""
    link = request.build_absolute_uri(reverse("accounts:invitation", args=[token]))
    inviter = user_of(request).email
    text = render_to_string(
        "accounts/email/invitation.txt", {"member": row, "link": link, "inviter": inviter}
    )
    request.session[f"invitation-{row.pk}"] = link
    try:
        send_mail(f"{inviter} invites you to a team on Satchel", text, None, [row.email])
    except OSError as error:
        log.warning("the invitation of member %s could not be mailed: %s", row.pk, error)
        messages.error(request, "The e-mail could not be sent: hand the link over yourself.")
    else:
        messages.success(request, f"{row.email} is invited. The invitation is good for a week.")


def _field_of(refusal: Refusal | Refused) -> str | None:
    fields = {"INVITED_OWNER": "email", "MEMBER_EXISTS": "email", "EXPIRY_PAST": "expires_at"}
    return fields.get(refusal.code)


def _page(
    request: HttpRequest, managed: list[Account], form: InviteForm, *, status: int = 200
) -> HttpResponse:
    person = user_of(request)
    owners = {account.owner_id for account in managed}
    rows = Member.objects.filter(owner_id__in=owners, ended_at=None)
    rows = rows.exclude(user=person).select_related("owner__user")
    seen = {account.pk for account in managed}
    members = [
        (row, [_words(grant) for grant in row.grants.all() if grant.account_id in seen])
        for row in rows.prefetch_related("grants__account")
    ]
    context = {
        "members": members,
        "own": [
            (row, [_words(grant) for grant in row.grants.all()]) for row in teams.teams_of(person)
        ],
        "form": form,
        "may_invite": bool(managed),
        "roles": _role_words(),
    }
    return render(request, "accounts/team.html", context, status=status)


def _member_page(
    request: HttpRequest,
    row: Member,
    managed: list[Account],
    *,
    form: GrantForm | None = None,
    status: int = 200,
) -> HttpResponse:
    seen = {account.pk for account in managed}
    grants = [one for one in row.grants.select_related("account") if one.account_id in seen]
    granted = {grant.account_id for grant in grants}
    free = [account for account in managed if account.pk not in granted]
    bound = str(form["account"].value()) if form is not None else ""
    shown = []
    for grant in grants:
        mine = form if form is not None and bound == str(grant.account_id) else None
        prefix = f"grant-{grant.account_id}-%s"
        edit = mine or GrantForm(managed, initial=grant_initial(grant), auto_id=prefix)
        shown.append((_words(grant), edit))
    new = form if form is not None and bound not in map(str, granted) else None
    context = {
        "member": row,
        "grants": shown,
        "new_form": new or (GrantForm(free, auto_id="new-%s") if free else None),
        "expiry_form": ExpiryForm(initial={"expires_at": row.expires_at}),
        "link": request.session.get(f"invitation-{row.pk}") if row.state == "Invited" else None,
        "roles": _role_words(),
    }
    return render(request, "accounts/member.html", context, status=status)


def _invitation_page(
    request: HttpRequest, row: Member, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    grants = row.grants.select_related("account")
    context = {
        "member": row,
        "grants": [_words(grant) for grant in grants] if _is_for(request, row) else [],
        "is_for_me": _is_for(request, row),
        "refusal": refusal,
    }
    return render(request, "accounts/invitation.html", context, status=status)


def _is_for(request: HttpRequest, row: Member) -> bool:
    return user_of(request).email.lower() == row.email


def _words(grant: Grant) -> dict[str, Any]:
    """Return a grant as people read it."""
    return {
        "account": grant.account,
        "role": role_of(grant.rights),
        "rights": [RIGHTS[right] for right in grant.rights],
        "spend": _dollars(grant.spend_micros),
        "loss": _dollars(grant.loss_micros),
        **_used(grant),
    }


def _used(grant: Grant) -> dict[str, Any]:
    """Return what of today's limits is used, as the engine says; nothing where it says nothing."""
    told = MemberAllowance.objects.filter(
        account_id=grant.account_id, member_id=grant.member.user_id or 0
    ).first()
    if told is None or told.date != datetime.now(UTC).date():
        return {}
    return {"spent": _dollars(int(told.spent_micros)), "is_stopped": told.is_stopped}


def _dollars(micros: int | None) -> str:
    return "" if micros is None else group_digits(usd_text(micros))


def _role_words() -> list[tuple[str, str]]:
    return [
        (name, ", ".join(RIGHTS[right].lower() for right in one)) for name, one in ROLES.items()
    ]
