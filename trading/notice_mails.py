"""E-mails of margin calls and liquidations: an outbox, of which no mail is sent twice.

The notices are the outbox: they were committed with what they tell. Each is claimed by a row of its
own before it is handed to the mail server, and what became of it is written down after. A process
that dies between the two leaves a mail of which nobody knows whether the server took it: it is not
sent again by itself, but shown to staff, who may (docs/decisions/0028).
"""

import logging
import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.core.mail import EmailMessage, get_connection
from django.db import models, transaction
from django.utils import timezone

from accounts.models import Account
from trading import notices
from trading.notice_board import notice_in
from trading.notice_models import MAILED_KINDS, NoticeMail, RiskNotice

logger = logging.getLogger(__name__)

# One of each status of an account in so long.
PACE: Final = timedelta(hours=1)
# What is older when the mail server is back helps nobody any more: the page has it.
TOO_OLD: Final = timedelta(hours=24)
# After a refusal of the mail server.
RETRY_AFTER: Final = timedelta(minutes=1)
# A mail server that has not answered for so long has not answered at all.
UNSURE_AFTER: Final = timedelta(minutes=5)
SECONDS: Final = 20
ERROR_CHARACTERS: Final = 500
State = NoticeMail.State
# By these the server has said that it did not take the mail.
_REFUSED: Final = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)


def mail_all(at: datetime | None = None) -> dict[str, int]:
    """Send what is to be sent, and return how many of each there were."""
    now = at or timezone.now()
    counts = {"sent": 0, "failed": 0, "left_out": 0}
    for notice in _unsent(now):
        mail = _claim(notice, now)
        if mail is None:
            continue
        if mail.state == State.SENDING:
            _send(mail, notice)
        counts[_COUNTED.get(State(mail.state), "left_out")] += 1
    return counts


_COUNTED: Final = {State.SENT: "sent", State.FAILED: "failed", State.SENDING: "failed"}


def send_again(mail: NoticeMail) -> NoticeMail:
    """Send a mail of which nobody knows whether it left; for staff."""
    mail.claimed_at, mail.tries = timezone.now(), mail.tries + 1
    mail.save(update_fields=["claimed_at", "tries"])
    _send(mail, RiskNotice.objects.get(pk=mail.notice_id))
    return mail


def count_unsure(at: datetime | None = None) -> int:
    """Return how many were handed to the mail server, and nobody knows whether it took them."""
    return unsure(at).count()


def unsure(at: datetime | None = None) -> models.QuerySet[NoticeMail]:
    """Return those which were claimed and whose process has ended or given up."""
    before = (at or timezone.now()) - UNSURE_AFTER
    return NoticeMail.objects.filter(state=State.SENDING, claimed_at__lt=before)


def _unsent(now: datetime) -> Iterator[RiskNotice]:
    """Yield the notices that have no mail yet, and those whose mail was refused, oldest first."""
    recent = RiskNotice.objects.filter(kind__in=MAILED_KINDS, at__gte=now - TOO_OLD)
    failed = NoticeMail.objects.filter(state=State.FAILED, claimed_at__lte=now - RETRY_AFTER)
    known = NoticeMail.objects.filter(notice_id=models.OuterRef("pk"))
    new = recent.filter(~models.Exists(known)) | recent.filter(pk__in=failed.values("notice_id"))
    yield from new.order_by("id")


@transaction.atomic
def _claim(notice: RiskNotice, now: datetime) -> NoticeMail | None:
    """Claim a mail before it is sent, or write down why it is not; None: another process has it."""
    # Two processes claim one account's mails one after the other.
    rows = Account.objects.select_for_update(of=("self",)).select_related("user")
    account = rows.filter(pk=notice.account_id).first()
    if account is None:
        # A house account: nobody reads its mail.
        return None
    known = NoticeMail.objects.filter(notice_id=notice.pk).first()
    if known is not None:
        if known.state != State.FAILED or known.claimed_at > now - RETRY_AFTER:
            return None
        known.state, known.claimed_at, known.tries = State.SENDING, now, known.tries + 1
        known.save(update_fields=["state", "claimed_at", "tries"])
        return known
    state = State.SENDING
    if not account.risk_mails or not account.user.is_active:
        state = State.SWITCHED_OFF
    elif _sent_lately(notice, now):
        state = State.TOO_MANY
    return NoticeMail.objects.create(
        notice_id=notice.pk,
        account_id=notice.account_id,
        kind=notice.kind,
        state=state,
        claimed_at=now,
        tries=1 if state == State.SENDING else 0,
    )


def _sent_lately(notice: RiskNotice, now: datetime) -> bool:
    of_status = NoticeMail.objects.filter(account_id=notice.account_id, kind=notice.kind)
    going = (State.SENDING, State.SENT, State.FAILED)
    return of_status.filter(state__in=going, claimed_at__gt=now - PACE).exists()


def _send(mail: NoticeMail, notice: RiskNotice) -> None:
    """Hand a claimed mail to the server, and write down what came of it."""
    try:
        # What fails before anything is handed over was not sent.
        connection = get_connection(timeout=SECONDS)
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        _end(mail, State.FAILED, error=error)
        return
    try:
        connection.send_messages([message_of(notice)])
    except _REFUSED as error:
        _end(mail, State.FAILED, error=error)
    except (OSError, smtplib.SMTPException) as error:
        # The server fell silent: it may have taken it.
        _end(mail, State.SENDING, error=error)
    else:
        _end(mail, State.SENT)
    finally:
        connection.close()


def _end(mail: NoticeMail, state: str, *, error: Exception | None = None) -> None:
    mail.state = state
    mail.sent_at = timezone.now() if state == State.SENT else None
    mail.error = "" if error is None else f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS]
    mail.save(update_fields=["state", "sent_at", "error"])
    if error is not None:
        logger.error("the e-mail of notice %s: %s", mail.notice_id, mail.error)


def message_of(notice: RiskNotice) -> EmailMessage:
    """Return the e-mail of a notice to the account's owner."""
    account = Account.objects.select_related("user").get(pk=notice.account_id)
    said = notices.words(notice_in(notice))
    body = (
        f"{said.title}: your account {account.name}\n\n{said.message}\n{said.advice}\n\n"
        f"That was at {notice.at:%Y-%m-%d %H:%M:%S} UTC; prices have moved since. "
        "Sign in to see how the account stands now.\n\n"
        "You can switch these e-mails off on the settings page of the account.\n"
    )
    return EmailMessage(
        subject=f"{said.title} ({account.name})",
        body=body,
        to=[account.user.email],
        # Who gets it twice can tell that it is one.
        headers={"Message-ID": f"<risk-notice-{notice.pk}@satchel>"},
    )
