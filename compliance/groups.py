"""The groups of staff and what each may do in the console. Installed once, by a migration.

Nobody can edit money: it moves by commands only. Treasury says what has come in and what became of
a withdrawal, keeps chains and addresses, funds the insurance and writes off bad debt; risk says
what a book or a pool accepts and what one account may owe.
"""

from typing import Any

# app, model, codename. Everybody reads the exchange's tables; few read what customers say of
# themselves (view_kycrequest), and only compliance decides.
_READ = ("compliance", "auditrecord", "read_console")
_CUSTOMERS = [
    ("accounts", "user", "view_user"),
    ("accounts", "account", "view_account"),
    ("accounts", "apikey", "view_apikey"),
    ("compliance", "customer", "view_customer"),
]
_RULES = [
    ("compliance", "bookingentity", "view_bookingentity"),
    ("compliance", "licence", "view_licence"),
    ("compliance", "rule", "view_rule"),
]
_TRAIL = [
    ("compliance", "decision", "view_decision"),
    ("compliance", "auditrecord", "view_auditrecord"),
    ("compliance", "kycrequest", "view_kycrequest"),
]
_DECIDE = [
    ("compliance", "kycrequest", "decide_kyc"),
    ("compliance", "customer", "change_customer_status"),
    ("compliance", "rule", "add_rule"),
    ("compliance", "rule", "end_rule"),
    ("compliance", "licence", "add_licence"),
    ("compliance", "licence", "end_licence"),
    ("accounts", "apikey", "revoke_any_key"),
]
GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "support": [
        _READ,
        *_CUSTOMERS,
        ("accounts", "apikey", "revoke_any_key"),
        ("accounts", "account", "set_sub_limit"),
    ],
    "risk": [
        _READ,
        *_CUSTOMERS,
        *_RULES,
        ("trading", "market", "set_market_state"),
        ("trading", "asset", "halt_price"),
        ("trading", "asset", "update_asset"),
        ("trading", "market", "update_market"),
        ("lending", "pool", "set_pool_state"),
        ("accounts", "accountsettings", "set_borrow_limit"),
        ("accounts", "accountsettings", "set_position_limit"),
        ("hedging", "desk", "set_desk"),
        ("hedging", "desk", "run_desk"),
        ("stress", "stressrun", "run_stress"),
    ],
    "treasury": [
        _READ,
        *_CUSTOMERS,
        ("accounts", "withdrawal", "settle_withdrawal"),
        ("lending", "pool", "fund_insurance"),
        ("accounts", "balance", "write_off_debt"),
        ("accounts", "depositarrival", "credit_deposit"),
        ("accounts", "depositaddress", "import_addresses"),
        ("accounts", "tokenterms", "set_token_terms"),
        ("accounts", "exchangewallet", "list_wallets"),
        ("hedging", "desk", "insure_profit"),
    ],
    "compliance": [_READ, *_CUSTOMERS, *_RULES, *_TRAIL, *_DECIDE],
    "auditor": [_READ, *_CUSTOMERS, *_RULES, *_TRAIL],
}


def install_groups(apps: Any, schema_editor: Any = None) -> None:
    """Make the groups and the permissions they hold, by a registry of apps: also of a migration.

    Django itself would make permissions only after all migrations.
    """
    kinds = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    for name, grants in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        for app, model, codename in grants:
            kind, _ = kinds.get_or_create(app_label=app, model=model)
            permission, _ = permissions.get_or_create(
                content_type=kind,
                codename=codename,
                defaults={"name": codename.replace("_", " ").capitalize()},
            )
            group.permissions.add(permission)
