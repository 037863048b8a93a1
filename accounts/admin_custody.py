"""The console of custody: arrivals, addresses, terms of chains, our wallets, users' guards."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from accounts import arrivals, custody
from accounts.admin_columns import amount
from accounts.admin_forms import CreditForm, ImportForm, TermsForm, WalletForm
from accounts.models import (
    AddressBookEntry,
    DepositAddress,
    DepositArrival,
    ExchangeWallet,
    PageKey,
    TokenTerms,
    WithdrawalGuard,
)
from compliance.models import AuditRecord
from compliance.staff import ReadOnlyAdmin, audited_action, audited_form
from compliance.tables import LargeTableAdmin


class _WithForm:
    """A table with a form of its own, for those who hold `act_permission`."""

    act_permission = ""

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Show the form's button and open the form."""
        return bool(request.user.has_perm(self.act_permission))


def import_addresses(form: Any) -> str:
    """Fill the pool."""
    count = custody.import_addresses(form.cleaned_data["addresses"])
    return f"{count} addresses are in the pool."


def credit_deposit(form: Any) -> str:
    """Credit what has come in."""
    arrival = arrivals.credit_arrival(form.arrived())
    return f"Deposit {arrival.pk} is credited to account {arrival.account_id}."


def set_token_terms(form: Any) -> str:
    """Set the terms of one asset on one chain."""
    return f"The terms of {custody.set_token_terms(form.terms())} hold from now on."


def list_wallet(form: Any) -> str:
    """List one more wallet of ours."""
    data = form.cleaned_data
    return f"{custody.add_wallet(data['blockchain'], data['address'])} is listed."


@admin.register(DepositAddress)
class DepositAddressAdmin(LargeTableAdmin, _WithForm):
    """The pool of addresses, and who has been given which."""

    act_permission = "accounts.import_addresses"
    list_display = ("id", "blockchain", "address", "account", "imported_at", "assigned_at")
    list_filter = ("blockchain",)
    list_select_related = ("account",)
    search_fields = ("=address", "=account__id")
    actions_list = ("import_page",)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Import addresses",
        url_path="import",
        permissions=["act"],
    )
    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for addresses and add them to the pool."""
        form = ImportForm(request.POST or None)
        return audited_form(self, request, form, title="Import addresses", act=import_addresses)


@admin.register(DepositArrival)
class DepositArrivalAdmin(LargeTableAdmin, _WithForm):
    """Where each deposit came from. `credited` is the engine's word."""

    act_permission = "accounts.credit_deposit"
    list_display = (
        *("id", "created_at", "account", "asset"),
        amount("amount", "amount"),
        *("blockchain", "transaction_hash", "output_index", "credited"),
    )
    list_filter = ("blockchain", "asset")
    list_select_related = ("account",)
    search_fields = ("=id", "=account__id", "=transaction_hash", "=address")
    actions_list = ("credit_page",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DepositArrival]:
        """Ask for all rows at once whether the engine has credited them."""
        rows: QuerySet[DepositArrival] = super().get_queryset(request)
        return rows.annotate(is_credited=arrivals.CREDITED)

    @admin.display(boolean=True, description="credited")
    def credited(self, row: Any) -> bool:
        """Say whether the engine has credited it."""
        return bool(row.is_credited)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Credit a deposit", url_path="credit", permissions=["act"]
    )
    def credit_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a deposit and credit it."""
        form = CreditForm(request.POST or None)
        return audited_form(self, request, form, title="Credit a deposit", act=credit_deposit)


@admin.register(TokenTerms)
class TokenTermsAdmin(ReadOnlyAdmin, _WithForm):
    """Over which chains each asset comes in and goes out."""

    act_permission = "accounts.set_token_terms"
    list_display = (
        *("asset", "blockchain", "deposit_enabled"),
        amount("minimum_deposit", "least deposit"),
        "withdraw_enabled",
        amount("minimum_withdrawal", "least withdrawal"),
        amount("maximum_withdrawal", "most"),
        amount("withdrawal_fee", "fee"),
    )
    list_filter = ("asset", "blockchain")
    search_fields = ("=asset", "=blockchain")
    actions_list = ("terms_page",)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Set terms", url_path="terms", permissions=["act"]
    )
    def terms_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for terms and set them."""
        form = TermsForm(request.POST or None)
        return audited_form(self, request, form, title="Set terms", act=set_token_terms)


@audited_action(permission="accounts.list_wallets", description="Take off the public list")
def unlist(request: HttpRequest, row: ExchangeWallet, reason: str, record: AuditRecord) -> str:
    """Show a wallet no longer."""
    custody.unlist_wallet(row)
    return f"{row} is not shown any more."


@admin.register(ExchangeWallet)
class ExchangeWalletAdmin(ReadOnlyAdmin, _WithForm):
    """The exchange's own addresses, as everybody may read them."""

    act_permission = "accounts.list_wallets"
    list_display = ("blockchain", "address", "listed", "created_at")
    list_filter = ("blockchain", "listed")
    search_fields = ("=address",)
    actions = (unlist,)
    actions_list = ("wallet_page",)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="List a wallet", url_path="list", permissions=["act"]
    )
    def wallet_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a wallet and list it."""
        form = WalletForm(request.POST or None)
        return audited_form(self, request, form, title="List a wallet", act=list_wallet)


@admin.register(AddressBookEntry)
class AddressBookEntryAdmin(LargeTableAdmin):
    """Where users withdraw to."""

    list_display = ("id", "user", "blockchain", "address", "exempt", "created_at", "usable_at")
    list_filter = ("blockchain", "exempt")
    list_select_related = ("user",)
    search_fields = ("=id", "=user__email", "=address")


@admin.register(WithdrawalGuard)
class WithdrawalGuardAdmin(LargeTableAdmin):
    """How users guard their withdrawals."""

    list_display = (
        *("user", "whitelist_only", "open_at", "delay_hours"),
        *("next_delay_hours", "next_delay_at"),
    )
    list_filter = ("whitelist_only",)
    list_select_related = ("user",)
    search_fields = ("=user__email",)


@admin.register(PageKey)
class PageKeyAdmin(LargeTableAdmin):
    """Keys which the page of the API has made for itself."""

    list_display = ("key", "expires_at")
    list_select_related = ("key",)
    search_fields = ("=key__public_key",)
