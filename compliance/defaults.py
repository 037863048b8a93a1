"""The dated rules and example licences that a new installation starts with (docs/compliance.md).

Installed once, by a migration. Later changes are rows: a rule ends and another begins. A change of
the law is not a change of this file.
"""

from datetime import UTC, datetime
from typing import Any

# Where no law gives a day, the house's own policy began here.
HOUSE = "2026-01-01"
SANCTIONS = "We cannot offer our services to residents of this country or region."
CHINA = (
    "We do not offer our services in or to residents and nationals of mainland China. "
    "If you live elsewhere and are not a national, tell support."
)
OFAC = "https://ofac.treasury.gov/sanctions-programs-and-country-information"
FATF = "https://www.fatf-gafi.org/en/countries/black-and-grey-lists.html"
PBOC = "http://www.pbc.gov.cn/"
CEA = "https://www.law.cornell.edu/uscode/text/7/2"
SEC_LENDING = "https://www.sec.gov/newsroom/press-releases/2022-26"
FINCEN = "https://www.fincen.gov/money-services-business-definition"
MICA = "https://eur-lex.europa.eu/eli/reg/2023/1114/oj"
ESMA = "https://www.esma.europa.eu/"
VARA = "https://rulebooks.vara.ae/"
AUSTRAC = "https://www.austrac.gov.au/"
ASIC = "https://asic.gov.au/"
FCA = "https://www.fca.org.uk/publications/policy-statements/ps20-10-prohibiting-sale-retail-clients-investment-products-reference-cryptoassets"
# The house decided: docs/compliance.md says why.
POLICY = ""

# code, name, seat, and the licences: jurisdiction, product, regulator, since, source.
ENTITIES: list[tuple[str, str, str, list[tuple[str, str, str, str, str]]]] = [
    ("us", "Satchel US (example)", "US", [
        ("US", "spot", "FinCEN and states", HOUSE, FINCEN),
        ("US", "funds", "FinCEN and states", HOUSE, FINCEN),
    ]),
    ("eu", "Satchel EU (example)", "IE", [
        ("EU", "spot", "CASP under MiCA", HOUSE, MICA),
        ("EU", "funds", "CASP under MiCA", HOUSE, MICA),
    ]),
    ("ae", "Satchel MENA (example)", "AE", [
        ("AE", "spot", "VARA, exchange services", HOUSE, VARA),
        ("AE", "funds", "VARA, custody services", HOUSE, VARA),
    ]),
    ("au", "Satchel Australia (example)", "AU", [
        ("AU", "spot", "AUSTRAC", HOUSE, AUSTRAC),
        ("AU", "funds", "AUSTRAC", HOUSE, AUSTRAC),
    ]),
    ("intl", "Satchel International (example)", "VG", [
        ("ROW", "*", "Example licence", HOUSE, POLICY),
    ]),
]  # fmt: skip

# jurisdiction, basis, product, action, effect, tier, since, source, message, note
_Row = tuple[str, str, str, str, str, int, str, str, str, str]


def _deny_all(code: str, since: str, source: str, note: str) -> _Row:
    return (code, "residence", "*", "*", "deny", 0, since, source, SANCTIONS, note)


def _core(code: str, since: str, source: str) -> list[_Row]:
    """Return what every served jurisdiction allows: look at T0, spot and funds at T1."""
    return [
        (code, "residence", "account", "*", "allow", 0, since, source, "", "Open and look"),
        (code, "residence", "spot", "order", "allow", 1, since, source, "", "After identification"),
        (code, "residence", "funds", "*", "allow", 1, since, source, "", "After identification"),
    ]


def _deny(code: str, product: str, since: str, source: str, note: str) -> _Row:
    return (code, "residence", product, "*", "deny", 0, since, source, "", note)


RULES: list[_Row] = [
    ("CN", "residence", "*", "*", "deny", 0, "2021-09-15", PBOC, CHINA,
     "Yinfa [2021] 237 and [2026] 42: no services to domestic subjects. HK, MO, TW are not CN"),
    ("CN", "nationality", "*", "*", "deny", 0, "2021-09-15", PBOC, CHINA,
     "House policy: nationals are refused wherever they live"),
    _deny_all("IR", HOUSE, OFAC, "OFAC; FATF black list"),
    _deny_all("KP", HOUSE, OFAC, "OFAC; FATF black list"),
    _deny_all("CU", HOUSE, OFAC, "OFAC"),
    _deny_all("SY", HOUSE, OFAC, "OFAC ended its programme on 30 June 2025; kept until reviewed"),
    _deny_all("MM", HOUSE, FATF, "FATF black list"),
    _deny_all("UA-43", HOUSE, OFAC, "Crimea and Sevastopol: E.O. 13685"),
    _deny_all("UA-14", HOUSE, OFAC, "Donetsk region: E.O. 14065"),
    _deny_all("UA-09", HOUSE, OFAC, "Luhansk region: E.O. 14065"),
    *_core("US", HOUSE, FINCEN),
    _deny("US", "perp", HOUSE, CEA, "Retail perps only through a CFTC-registered DCM and FCM"),
    _deny("US", "lending", HOUSE, SEC_LENDING,
          "Margin: CEA 2(c)(2)(D). Interest accounts: SEC v. BlockFi"),
    *_core("EU", "2024-12-30", MICA),
    _deny("EU", "perp", "2026-02-24", ESMA,
          "ESMA35-243228190-8024: CFD rules; only with MiFID II permission, 2:1"),
    _deny("EU", "lending", "2024-12-30", MICA, "No interest on EMTs (Art. 50); else national law"),
    *_core("AE", HOUSE, VARA),
    ("AE", "residence", "perp", "order", "allow", 2, HOUSE, VARA, "",
     "With VARA's ETD approval only; retail leverage at most 5:1"),
    _deny("AE", "lending", HOUSE, VARA, "Separate lending licence; retail margin is denied"),
    *_core("AU", HOUSE, AUSTRAC),
    _deny("AU", "perp", HOUSE, ASIC, "Crypto CFD: needs an AFSL; order 2020/986"),
    _deny("AU", "lending", HOUSE, ASIC, "INFO 225: managed investment scheme analysis"),
    _deny("GB", "perp", "2021-01-06", FCA, "PS20/10: no crypto derivatives for retail clients"),
    *_core("ROW", HOUSE, POLICY),
    ("ROW", "residence", "perp", "order", "allow", 2, HOUSE, POLICY, "", "After questionnaire"),
    ("ROW", "residence", "lending", "*", "allow", 2, HOUSE, POLICY, "", "After questionnaire"),
]  # fmt: skip

# Conditions of allow rules, by (jurisdiction, product). A condition that the house does not enforce
# yet refuses (compliance.matrix): a licence alone must not open it.
CONDITIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("AE", "perp"): {"leverage_max": 5, "initial_margin_min_percent": 20},
}


def install(*, entity_model: Any, licence_model: Any, rule_model: Any) -> None:
    """Store entities, licences and rules into an empty matrix."""
    for code, name, seat, licences in ENTITIES:
        entity = entity_model.objects.create(code=code, name=name, country=seat)
        for jurisdiction, product, regulator, since, source in licences:
            licence_model.objects.create(
                entity=entity,
                jurisdiction=jurisdiction,
                product=product,
                regulator=regulator,
                number="EXAMPLE",
                effective_from=_day(since),
                source_url=source,
            )
    for code, basis, product, action, effect, tier, since, source, message, note in RULES:
        rule_model.objects.create(
            jurisdiction=code,
            basis=basis,
            product=product,
            action=action,
            effect=effect,
            required_tier=tier,
            params=CONDITIONS.get((code, product), {}) if effect == "allow" else {},
            message=message,
            effective_from=_day(since),
            source_url=source,
            note=note,
        )


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
