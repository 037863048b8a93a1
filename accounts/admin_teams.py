"""The console of teams: members, what they may do, sweeps and acts. Nothing is edited here."""

from typing import Any

from django.contrib import admin

from accounts.admin_columns import amount
from accounts.models import Act, Grant, Member, MemberAllowance, SweepRule
from accounts.rights import role_of
from accounts.sweeps import words_of
from accounts.words import usd_text
from compliance.staff import ReadOnlyAdmin
from compliance.tables import LargeTableAdmin


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Who is in whose team; the tokens of invitations are not shown."""

    console_permission = "accounts.view_account"
    list_display = (
        *("id", "owner", "email", "state", "invited_by", "invited_at"),
        *("accepted_at", "expires_at", "ended_at"),
    )
    list_select_related = ("owner", "invited_by")
    search_fields = ("=email", "=owner__id")
    fields = ("owner", "email", "user", "invited_by", "invited_at", "accepted_at", "ended_at")


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """What each member may do with which account, and their limits in USD a day."""

    console_permission = "accounts.view_account"
    list_display = ("id", "member", "account", "role", "rights", "spend", "loss", "changed_at")
    list_select_related = ("member", "account")
    search_fields = ("=member__email", "=account__id")

    @admin.display(description="role")
    def role(self, row: Grant) -> str:
        """Return the role which has these rights."""
        return role_of(row.rights)

    @admin.display(description="spending limit")
    def spend(self, row: Grant) -> str | None:
        """Return the limit in USD."""
        return _usd(row.spend_micros)

    @admin.display(description="loss limit")
    def loss(self, row: Grant) -> str | None:
        """Return the limit in USD."""
        return _usd(row.loss_micros)


@admin.register(SweepRule)
class SweepRuleAdmin(ReadOnlyAdmin):
    """The transfers which the clock makes."""

    console_permission = "accounts.view_account"
    list_display = (
        *("id", "owner", "rule", amount("amount", "amount"), "made_by"),
        *("next_at", "ran_at", "outcome", "ended_at"),
    )
    list_select_related = ("owner", "source", "destination", "made_by")
    search_fields = ("=owner__id",)

    @admin.display(description="rule")
    def rule(self, row: SweepRule) -> str:
        """Return what it does."""
        return words_of(row)


@admin.register(Act)
class ActAdmin(LargeTableAdmin):
    """What was done, tried and denied with accounts, by whom."""

    list_display = (
        *("id", "at", "account_id", "actor_id", "action", "outcome"),
        *("reason", "details", "count", "sequence"),
    )
    list_filter = ("outcome",)
    search_fields = ("=account_id", "=actor_id", "=sequence")


@admin.register(MemberAllowance)
class MemberAllowanceAdmin(LargeTableAdmin):
    """Limits of members per UTC day, as the engine keeps them; their account's owner sets them."""

    list_display = (
        *("id", "account_id", "member_id", "spending_limit", "loss_limit"),
        *("date", "spent", "base", "is_stopped"),
    )
    list_filter = ("is_stopped",)
    search_fields = ("=account_id", "=member_id")

    @admin.display(description="may spend a day, USD", ordering="spend_micros")
    def spending_limit(self, row: MemberAllowance) -> str | None:
        """Return the limit."""
        return _usd(row.spend_micros)

    @admin.display(description="may lose a day, USD", ordering="loss_micros")
    def loss_limit(self, row: MemberAllowance) -> str | None:
        """Return the limit."""
        return _usd(row.loss_micros)

    @admin.display(description="spent that day, USD", ordering="spent_micros")
    def spent(self, row: MemberAllowance) -> str | None:
        """Return what was spent on the day."""
        return _usd(row.spent_micros)

    @admin.display(description="loss counts from, USD", ordering="base_micros")
    def base(self, row: MemberAllowance) -> str | None:
        """Return what the account would be worth had it lost nothing that day."""
        return _usd(row.base_micros)

    @admin.display(description="day (UTC)", ordering="day")
    def date(self, row: MemberAllowance) -> str:
        """Return the day that the numbers are about."""
        return row.date.isoformat()


def _usd(micros: Any) -> str | None:
    return None if micros is None else usd_text(int(micros))
