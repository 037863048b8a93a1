"""The console of accounts at risk: statuses, liquidations, who paid, who was told what."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.assets import decimals_of
from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import audited_action
from compliance.tables import LargeTableAdmin
from gateway.decimals import format_decimal
from trading import notice_mails
from trading.admin_columns import price, quantity, usd
from trading.notice_models import NoticeMail, NoticeMark, RiskNotice
from trading.risk_models import (
    AccountRisk,
    Backstop,
    Liquidation,
    LiquidationPayment,
    Takeover,
)


@admin.register(AccountRisk)
class AccountRiskAdmin(LargeTableAdmin):
    """How far accounts are above their maintenance margin."""

    list_display = (
        *("account_id", "status"),
        usd("equity_micros", "equity, USD"),
        usd("margin_micros", "maintenance margin, USD"),
        "at",
    )
    list_filter = ("status",)
    search_fields = ("=account_id",)


@admin.register(Backstop)
class BackstopAdmin(LargeTableAdmin):
    """Who takes over positions that are liquidated, and how much of them."""

    list_display = (
        *("account_id", "market"),
        usd("minute_micros", "USD in a minute"),
        usd("hour_micros", "USD in an hour"),
        "at",
    )
    list_filter = ("market",)
    search_fields = ("=account_id",)


@admin.register(Liquidation)
class LiquidationAdmin(LargeTableAdmin):
    """Liquidations, under way and ended."""

    list_display = (
        *("sequence", "account_id", "started_at"),
        usd("equity_micros", "equity, USD"),
        usd("margin_micros", "maintenance margin, USD"),
        *("ended_at", "end"),
        usd("end_equity_micros", "equity at the end, USD"),
    )
    list_filter = ("end",)
    search_fields = ("=account_id", "=sequence")


@admin.register(LiquidationPayment)
class LiquidationPaymentAdmin(LargeTableAdmin):
    """Fees into the insurance fund, what it paid, and losses that winners bore."""

    list_display = ("id", "at", "account_id", "kind", "market", "amount", "asset", "sequence")
    list_filter = ("kind", "market")
    search_fields = ("=account_id", "=sequence")

    @admin.display(description="amount", ordering="amount_atoms")
    def amount(self, row: LiquidationPayment) -> str:
        """Show the amount; what the account lost is negative."""
        return format_decimal(int(row.amount_atoms), decimals_of(row.asset))


@admin.register(Takeover)
class TakeoverAdmin(LargeTableAdmin):
    """Positions that changed hands off the book: to backstops, and by ADL."""

    list_display = (
        *("id", "at", "account_id", "taker_id", "system", "market", "side"),
        *(price("price_ticks", "price"), quantity("lots", "quantity"), "sequence"),
    )
    list_filter = ("system", "market")
    search_fields = ("=account_id", "=taker_id", "=sequence")


@admin.register(RiskNotice)
class RiskNoticeAdmin(LargeTableAdmin):
    """What owners of accounts at risk were told."""

    list_display = (
        *("id", "at", "account_id", "kind", "market"),
        usd("equity_micros", "equity, USD"),
        usd("margin_micros", "maintenance margin, USD"),
        "sequence",
    )
    list_filter = ("kind",)
    search_fields = ("=account_id", "=sequence")


@admin.register(NoticeMark)
class NoticeMarkAdmin(LargeTableAdmin):
    """Up to which notice an owner has read."""

    list_display = ("account_id", "read_id")
    search_fields = ("=account_id",)


@audited_action(
    permission="accounts.set_position_limit",
    description="Send again what may not have been sent",
)
def send_again(request: HttpRequest, row: NoticeMail, reason: str, record: AuditRecord) -> str:
    """Send an e-mail of which nobody knows whether the mail server took it."""
    if not notice_mails.unsure().filter(pk=row.pk).exists():
        raise Refusal("NOT_UNSURE", "It was sent, is being sent, or was not to be sent.")
    notice_mails.send_again(row)
    return f"{row}: {row.get_state_display()}."


@admin.register(NoticeMail)
class NoticeMailAdmin(LargeTableAdmin):
    """E-mails of margin calls and liquidations, and what became of them."""

    list_display = (
        *("notice_id", "account_id", "kind", "state", "claimed_at"),
        *("sent_at", "tries", "error"),
    )
    list_filter = ("state", "kind")
    search_fields = ("=account_id", "=notice_id")
    actions = (send_again,)
