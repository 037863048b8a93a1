"""The console of index prices: how each second came about, and the switch that halts one."""

import time
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import ReadOnlyAdmin, audited_action, submit_act
from compliance.tables import LargeTableAdmin
from engine.catalog import PriceState
from engine.commands import UpdatePrices
from gateway.explained import Exclusion, Explained
from trading.models import Asset
from trading.price_models import PriceHalt, PriceRecord
from trading.price_records import explained
from trading.price_words import UNIT_OF_ACCOUNT, price_text


@audited_action(permission="trading.halt_price", description="Halt the index price")
def halt_price(request: HttpRequest, row: Asset, reason: str, record: AuditRecord) -> str:
    """Take an asset's index out of use: at once, and until it is let go again."""
    if row.symbol == UNIT_OF_ACCOUNT:
        raise Refusal("UNIT_OF_ACCOUNT", f"{row.symbol} is the unit of account: it is always 1.")
    # The row first: the feed keeps it halted, also if the engine does not answer now.
    PriceHalt.objects.get_or_create(symbol=row.symbol, defaults={"since": timezone.now()})
    submit_act(UpdatePrices(prices_e8={}, states={row.symbol: PriceState.HALT}), record)
    return f"The index of {row.symbol} is halted."


@audited_action(permission="trading.halt_price", description="Let the halted index price go")
def release_price(request: HttpRequest, row: Asset, reason: str, record: AuditRecord) -> str:
    """Have the feed trust an asset's index again, after its good seconds."""
    deleted, _ = PriceHalt.objects.filter(symbol=row.symbol).delete()
    if not deleted:
        raise Refusal("NOT_HALTED", "Staff have not halted this index.")
    return f"The index of {row.symbol} is trusted again after its good seconds, while a feed runs."


class WordFilter(admin.SimpleListFilter):
    """Show the seconds whose troubles have a word."""

    words: Sequence[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the words."""
        return [(word, word) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow by the chosen word."""
        word = self.value()
        return queryset.filter(troubles__contains=[word]) if word else queryset


class StateFilter(WordFilter):
    """By the state of any asset."""

    title = "state"
    parameter_name = "state"
    words = tuple(state.value for state in PriceState if state is not PriceState.OK)


class ExclusionFilter(WordFilter):
    """By what a source was thrown out for."""

    title = "thrown out as"
    parameter_name = "out"
    words = tuple(reason.value for reason in Exclusion)


class AssetFilter(WordFilter):
    """By the asset with which something was wrong."""

    title = "trouble of"
    parameter_name = "asset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the listed assets."""
        symbols = Asset.objects.order_by("symbol").values_list("symbol", flat=True)
        return [(symbol, symbol) for symbol in symbols]


@admin.register(PriceRecord)
class PriceRecordAdmin(LargeTableAdmin):
    """How the index prices of each second came about; searched by Unix second or a trouble."""

    list_display = ("second", "at", "sequence", "indexes", "wrong")
    list_filter = (StateFilter, ExclusionFilter, AssetFilter)
    search_fields = ("=second", "=sequence")
    fields = ("second", "at", "sequence", "wrong", "explained")
    readonly_fields = ("at", "wrong", "explained")
    search_help_text = "A Unix second, or the number of the command."

    @admin.display(description="time (UTC)")
    def at(self, row: PriceRecord) -> str:
        """Show the second as a time."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.second))

    @admin.display(description="index prices")
    def indexes(self, row: PriceRecord) -> str:
        """Show the prices in a line."""
        told = explained(row)
        return ", ".join(f"{symbol} {price_text(one.index_e8)}" for symbol, one in told.items())

    @admin.display(description="wrong")
    def wrong(self, row: PriceRecord) -> str:
        """Show each state that was not OK, and who was thrown out for what."""
        told = explained(row)
        return ", ".join(word for symbol, one in told.items() for word in _wrong(symbol, one))

    @admin.display(description="explanation")
    def explained(self, row: PriceRecord) -> SafeString:
        """Show each asset's sources."""
        return format_html_join(
            "",
            '<div class="figures mb-3"><strong>{} {}</strong> {} ({}), raw {}{}'
            "<table>{}</table></div>",
            (
                (
                    symbol,
                    price_text(told.index_e8),
                    told.state.value,
                    told.why.value,
                    price_text(told.raw_e8),
                    ", capped" if told.is_capped else "",
                    format_html_join(
                        "",
                        "<tr><td>{}</td><td>{}</td><td>weight {}</td><td>{}</td></tr>",
                        (
                            (
                                source.venue,
                                price_text(source.price_e8),
                                source.weight,
                                source.excluded.value if source.excluded else "counted",
                            )
                            for source in told.sources
                        ),
                    ),
                )
                for symbol, told in explained(row).items()
            ),
        ) or format_html("none")


def _wrong(symbol: str, one: Explained) -> list[str]:
    out = [f"{symbol}:{s.venue}:{s.excluded.value}" for s in one.sources if s.excluded]
    return out if one.state is PriceState.OK else [f"{symbol}:{one.state.value}", *out]


@admin.register(PriceHalt)
class PriceHaltAdmin(ReadOnlyAdmin):
    """Index prices which staff have halted; the acts are on the table of assets."""

    list_display = ("symbol", "since")
    search_fields = ("=symbol",)
