"""Every address which Django serves. Sockets and the fast paths of the API stay at the edge."""

from django.contrib import admin
from django.urls import include, path, re_path

from accounts import docs_page
from config.rest import not_found
from config.schema import SchemaView

urlpatterns = [
    path("", include("trading.urls")),
    path("account/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("compliance/", include("compliance.urls")),
    path("ops/", admin.site.urls),
    path("", include("accounts.api.urls")),
    path("", include("lending.api.urls")),
    path("", include("trading.api.urls")),
    path("api/docs", docs_page.api_docs, name="api_docs"),
    path("api/docs/try", docs_page.try_api, name="api_docs_try"),
    path("api/docs/key", docs_page.make_key, name="api_docs_key"),
    path("api/docs/key/end", docs_page.end_key, name="api_docs_key_end"),
    path("openapi.yaml", SchemaView.as_view(), name="openapi"),
    # What the API does not have is answered in its own words, not with a page.
    re_path("^w?api/", not_found),
]
