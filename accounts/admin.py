"""The console of users, accounts and keys. Nothing is edited here; acts are audited."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts import (
    admin_custody,  # noqa: F401 -- registers its tables
    admin_jobs,  # noqa: F401 -- registers its table
    admin_ledger,  # noqa: F401 -- registers its tables
    admin_teams,  # noqa: F401 -- registers its tables
    services,
    sub_accounts,
)
from accounts.models import Account, ApiKey, User
from compliance.groups import GROUPS
from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import ReadOnlyAdmin, audited_action

# Staff sign in where everybody does: with limits on tries, and a second factor once they have one.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Groups come from a migration; who is in them is decided by acts on users, which are audited.
admin.site.unregister(Group)
# allauth offers these for editing, second factors with their secrets: nobody may do that.
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)


@audited_action(permission="accounts.revoke_any_key", description="Revoke the selected keys")
def revoke(request: HttpRequest, row: ApiKey, reason: str, record: AuditRecord) -> str:
    """Stop a customer's key at once."""
    services.revoke_api_key(row)
    return f"{row} is revoked."


@audited_action(permission="accounts.change_user", description="Refuse sign-in and API keys")
def block(request: HttpRequest, row: User, reason: str, record: AuditRecord) -> str:
    """Stop a user's sessions and keys."""
    services.set_active(row, active=False)
    return f"{row} is out, with all keys."


@audited_action(permission="accounts.change_user", description="Allow sign-in again")
def unblock(request: HttpRequest, row: User, reason: str, record: AuditRecord) -> str:
    """Let a user in again."""
    services.set_active(row, active=True)
    return f"{row} may sign in again."


@audited_action(permission="accounts.change_user", description="Take out of all staff groups")
def leave_groups(request: HttpRequest, row: User, reason: str, record: AuditRecord) -> str:
    """Make a member of staff an ordinary user."""
    services.revoke_groups(row)
    return f"{row} is no longer staff."


def _join_group(name: str) -> Any:
    def join(request: HttpRequest, row: User, reason: str, record: AuditRecord) -> str:
        services.grant_group(row, name)
        return f"{row} is now in {name}."

    join.__name__ = f"join_{name}"
    description = f"Make staff: {name}"
    return audited_action(permission="accounts.change_user", description=description)(join)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Who signs in."""

    console_permission = "accounts.view_user"
    list_display = ("id", "email", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("=id", "=email")
    fields = ("email", "is_active", "is_staff", "is_superuser", "groups", "date_joined")
    actions = (block, unblock, *(_join_group(name) for name in GROUPS), leave_groups)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """The addresses of users, and which are verified."""

    console_permission = "accounts.view_user"
    list_display = ("email", "user", "primary", "verified")
    list_select_related = ("user",)
    search_fields = ("=email",)


@audited_action(
    permission="accounts.set_sub_limit",
    description="Set how many sub-accounts the customer may have",
    asks="A number from 0 to 1000",
)
def limit_sub_accounts(request: HttpRequest, row: Account, reason: str, record: AuditRecord) -> str:
    """Let a customer have more sub-accounts, or fewer; those which are open stay."""
    answer = record.details["answer"]
    if not (answer.isascii() and answer.isdigit() and len(answer) <= 4):
        raise Refusal("SUB_ACCOUNT_LIMIT", "Write a whole number, such as 50.")
    sub_accounts.set_sub_limit(row.user, int(answer))
    return f"{row.user} may have {answer} sub-accounts now."


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Main accounts and sub-accounts; the id is the engine's."""

    console_permission = "accounts.view_account"
    list_display = ("id", "user", "number", "name", "sub_limit", "created_at", "opened_at")
    list_select_related = ("user",)
    search_fields = ("=id", "=user__email")
    actions = (limit_sub_accounts,)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys by their public half; there is no other half here."""

    console_permission = "accounts.view_apikey"
    list_display = (
        *("name", "public_key", "account", "scopes", "addresses", "expires_at"),
        *("created_at", "last_used_at", "last_address", "revoked_at"),
    )
    list_select_related = ("account",)
    search_fields = ("=public_key", "=account__id", "=account__user__email")
    actions = (revoke,)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read the owner with the key."""
        return super().get_queryset(request).select_related("account__user")
