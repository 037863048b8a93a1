"""The checked-in OpenAPI document says what is served, no more and no less."""

from pathlib import Path

import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from edge.routes import ROUTES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_document_is_up_to_date() -> None:
    schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiYamlRenderer()
    written = renderer.render(schema, renderer_context={}).decode()  # type: ignore[no-untyped-call]
    hint = "run: ./manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
    assert DOCUMENT.read_text() == written, hint


def test_every_fast_path_of_the_edge_is_described() -> None:
    document = yaml.safe_load(DOCUMENT.read_text())
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert set(ROUTES) <= described


def test_signed_paths_ask_for_the_three_headers_and_public_ones_do_not() -> None:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    assert paths["/api/v1/capital"]["get"]["security"] == [
        {"Key": [], "Signature": [], "Timestamp": []}
    ]
    assert "security" not in paths["/api/v1/markets"]["get"] or paths["/api/v1/markets"]["get"][
        "security"
    ] == [{}]
