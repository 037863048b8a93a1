"""The countries that forms offer, and the regions with rules of their own."""

from django_countries import countries

from compliance.matrix import REST_OF_WORLD

# ISO 3166-2. A region of its own in a form, where the law treats it unlike its country.
REGIONS = {
    "UA-43": "Ukraine: Crimea and Sevastopol",
    "UA-14": "Ukraine: Donetsk region",
    "UA-09": "Ukraine: Luhansk region",
}


def residence_choices() -> list[tuple[str, str]]:
    """Return where somebody can live, by name, and the regions of Ukraine after it."""
    choices = [("", "Choose a country")]
    for code, name in countries:
        choices.append((code, str(name)))
        if code == "UA":
            choices.extend(REGIONS.items())
    return choices


def nationality_choices() -> list[tuple[str, str]]:
    """Return which passport somebody can hold, by name."""
    return [("", "Choose a country"), *((code, str(name)) for code, name in countries)]


def country_name(code: str) -> str:
    """Return the name of a country or region; the code itself if it has none."""
    return REGIONS.get(code) or str(countries.name(code)) or code


def is_jurisdiction(code: str) -> bool:
    """Return whether a rule for `code` could ever meet a customer."""
    return code in {"EU", REST_OF_WORLD, *REGIONS} or code in dict(countries)
