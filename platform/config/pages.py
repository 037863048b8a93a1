"""What every page template is told about the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return whether this is a demo, which every page must say."""
    return {"demo": settings.DEMO}
