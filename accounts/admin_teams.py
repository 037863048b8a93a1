"""The console of teams: what members may do in an account."""

from django.contrib import admin

from accounts.models import MemberAllowance
from compliance.tables import LargeTableAdmin
from gateway.decimals import format_decimal


def _dollars(micros: object) -> str:
    return "-" if micros is None else format_decimal(int(str(micros)), 6)


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
    def spending_limit(self, row: MemberAllowance) -> str:
        """Show the limit, or a dash where there is none."""
        return _dollars(row.spend_micros)

    @admin.display(description="may lose a day, USD", ordering="loss_micros")
    def loss_limit(self, row: MemberAllowance) -> str:
        """Show the limit, or a dash where there is none."""
        return _dollars(row.loss_micros)

    @admin.display(description="spent that day, USD", ordering="spent_micros")
    def spent(self, row: MemberAllowance) -> str:
        """Show what was spent on the day."""
        return _dollars(row.spent_micros)

    @admin.display(description="loss counts from, USD", ordering="base_micros")
    def base(self, row: MemberAllowance) -> str:
        """Show what the account would be worth had it lost nothing that day."""
        return _dollars(row.base_micros)

    @admin.display(description="day (UTC)", ordering="day")
    def date(self, row: MemberAllowance) -> str:
        """Show the day that the numbers are about."""
        return row.date.isoformat()
