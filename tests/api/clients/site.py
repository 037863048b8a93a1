"""A session of the website without a browser: signs in and sends forms, as a person would."""

import html
import re
from typing import Any

import requests

from tests.live import LiveExchange

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class SiteSession:
    """Somebody who is signed in."""

    def __init__(self, exchange: LiveExchange, user: int) -> None:
        self.base = str(exchange["rest"])
        facts = exchange["users"][user]
        self.password = str(facts["password"])
        self._session = requests.Session()
        self.send("/accounts/login/", login=facts["email"], password=self.password)

    def read(self, path: str) -> str:
        """Return a page; says the password again where that is asked for."""
        answer = self._session.get(self.base + path, timeout=30)
        if "/reauthenticate/" in answer.url:
            answer = self._post(answer.url, answer.text, {"password": self.password})
        assert answer.ok, answer.text
        return answer.text

    def send(self, path: str, *, page: str | None = None, **words: Any) -> str:
        """Send the form of a page and return what comes of it.

        Args:
            page: where the form stands, if elsewhere.
        """
        answer = self._post(self.base + path, self.read(page or path), words)
        assert answer.ok, answer.text
        return answer.text

    def _post(self, url: str, page: str, words: dict[str, Any]) -> requests.Response:
        token = _TOKEN.search(page)
        assert token is not None, page
        form = {"csrfmiddlewaretoken": token[1], **words}
        return self._session.post(url, data=form, headers={"Referer": self.base}, timeout=30)

    def new_key(self, account: int, scopes: list[str]) -> tuple[str, str]:
        """Return the public key and the secret of a new key of an account."""
        shown = self.send("/account/keys", name="bot", account=account, scopes=scopes)
        key, secret = (re.search(rf'id="api-{name}">([^<]+)<', shown) for name in ("key", "secret"))
        assert key is not None and secret is not None, shown
        return html.unescape(key[1]), html.unescape(secret[1])
