"""Every method of every unmodified client, on a live exchange; docs/clients.md tells the same."""

from collections import Counter

import pytest

from tests.api.clients.expected import AWAITED, CLIENT_FAULTS, NOT_COVERED, REFUSED
from tests.api.clients.survey import CLIENTS, Finding, Survey, survey
from tests.api.clients.table import DOCUMENT, written
from tests.live import running

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """What the clients get on an exchange of their own: nobody else moves what they look at."""
    with running(tmp_path_factory.mktemp("clients")) as exchange:
        return survey(exchange)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_is_expected_of_each_method(found: Survey, client: str) -> None:
    troubles = [finding for finding in found.findings if finding.client == client]
    assert troubles, f"{client} was asked nothing"
    said = [f"{f.method} {f.asks}: {f.trouble}" for f in troubles if f.trouble]
    assert not said, "\n\n".join(said)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_method_of_a_client_has_a_case_or_a_reason(found: Survey, client: str) -> None:
    cases = {finding.method for finding in found.findings if finding.client == client}
    reasons = {method for name, method in NOT_COVERED if name == client}
    assert cases.isdisjoint(reasons)
    assert set(found.methods[client]) - cases - reasons == set(), "without a case or a reason"
    assert reasons - set(found.methods[client]) == set(), "not a method of this client any more"


def test_every_expectation_is_about_something_that_is_asked(found: Survey) -> None:
    keys = {finding.asks or finding.method for finding in found.findings}
    assert set(AWAITED) | set(REFUSED) <= keys
    assert set(CLIENT_FAULTS) <= {(f.client, f.method) for f in found.findings}


def test_the_table_in_the_docs_is_what_was_found(found: Survey) -> None:
    hint = "run `make clients`, and look at what has changed"
    assert DOCUMENT.read_text(encoding="utf-8") == written(found.findings), hint


def test_no_case_is_counted_twice(found: Survey) -> None:
    counted = Counter((f.client, f.method, f.asks) for f in found.findings)
    assert [case for case, times in counted.items() if times > 1] == []


def test_a_finding_which_was_not_expected_is_shown_in_the_table() -> None:
    broken = Finding("sdk", "Public.get_depth", "GET /api/v1/depth", "raised KeyError", "why")
    assert "raised KeyError" in written([broken])
