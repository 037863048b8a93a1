"""What every page template is told about the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return whether this is a demo, and where its prices come from: every page says so."""
    return {
        "demo": settings.DEMO,
        "prices_walk": settings.FEED == "walk",
        "prices_tape": settings.FEED == "tape",
    }
