"""A verifier that asks a register of people over HTTP whether a name and a number agree.

One question, one exchange: POST {"query": …, "name": …, "number": …} and the answer is exactly
{"query": the same, "match": true or false}. A register that hangs, lies, redirects or grows has
not checked anything. Names and numbers go over https, or to this very machine. A platform's
register with another protocol is another plug-in of this size. Form: docs/formats.md.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msb_identity.errors import EncodingRefused, FetchRefused
from msb_identity.foundation import strict_json
from msb_identity.people.identifiers import IdentifierKind
from msb_identity.people.proofing import Answer, Finding
from msb_identity.x509.fetch import HttpFetcher

if TYPE_CHECKING:
    import ssl
    from datetime import datetime

    from msb_identity.people.proofing import Claim

MAX_ANSWER_BYTES = 1_000
TIMEOUT = timedelta(seconds=5)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NUMBERS = frozenset({IdentifierKind.IDENTITY_NUMBER, IdentifierKind.RESIDENCE_PERMIT})
_FINDINGS = {True: Finding.PASSED, False: Finding.FAILED}


class HttpRegister:
    """A register of the population that compares two items: name and number (两要素核验)."""

    def __init__(
        self,
        url: str,
        *,
        source: str,
        method: str = "two-factor",
        valid_for: timedelta | None = None,
        timeout: timedelta = TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Name the register's address, and itself as evidence names it.

        url: https, or http to this machine. valid_for: how long its yes holds, where that is
        shorter than the scale says. timeout: for the whole exchange. tls: whose certificates are
        believed, and our own for the register to see; default the system's.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            message = "a register is asked over https, or on this machine"
            raise ValueError(message)
        self.source, self.method = source, method
        self._url, self._valid_for = url, valid_for
        self._fetcher = HttpFetcher(
            timeout=timeout,
            allow_private=True,  # whoever runs the platform named it, not a message
            schemes=frozenset({parts.scheme}),
            redirects=0,
            tls=tls,
        )

    def check(self, claim: Claim, *, now: datetime) -> Answer:
        """Ask whether the two items agree; NOT_CHECKED for all but a plain answer to this."""
        if not claim.name or claim.identifier.kind not in _NUMBERS:
            return Answer(Finding.NOT_CHECKED)
        query = secrets.token_urlsafe(16)
        question = {"query": query, "name": claim.name, "number": claim.identifier.value}
        try:
            body = self._fetcher.post(
                self._url,
                strict_json.dump(question),
                content_type="application/json",
                limit=MAX_ANSWER_BYTES,
            )
            answer = strict_json.load_object(body)
        except (FetchRefused, EncodingRefused):
            return Answer(Finding.NOT_CHECKED)
        match = answer.get("match")
        # The query comes back: else an answer to another question would be taken for this one's.
        if {*answer} != {"query", "match"} or answer["query"] != query or type(match) is not bool:
            return Answer(Finding.NOT_CHECKED)
        expires = None if self._valid_for is None else now + self._valid_for
        return Answer(_FINDINGS[match], expires)
