"""Requests and responses as plain values, so that the provider needs no web framework.

An adapter turns its framework's request into a `WebRequest` with `WebRequest.of` and writes the
`WebResponse` back; it decides nothing. Reading parameters is here too, since RFC 6749 section 3.1
rules it once for all endpoints: repeated ones are refused, empty ones count as left out, unknown
ones are ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from msb_identity.errors import OAuthRefused
from msb_identity.foundation import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_QUERY_CHARS = 16_384
MAX_BODY_BYTES = 65_536
"""What an adapter reads of a body at most; a longer one it hands over as `body=None`."""
MAX_PARAMETERS = 64
MAX_VALUE_CHARS = 8_192
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
Parameters = Mapping[str, str]

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
"""RFC 6749 section 5.1: of what holds tokens, nothing is kept on the way."""
_PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What came from the network; nothing in it is trusted.

    method: in capitals. path: below the host, decoded, as frameworks give it.
    query: names and values in their order, decoded. headers: names in lower case.
    address: where the request comes from, as the server sees it, for the log of sign-ins.
    malformed: something was too long or could not be read; every endpoint answers 400.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    address: str = ""
    malformed: bool = False

    @classmethod
    def of(
        cls,
        method: str,
        path: str,
        *,
        query_string: str | bytes = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = b"",
        address: str = "",
    ) -> WebRequest:
        """Make one of what a web server hands over; never raises.

        query_string: what stands behind the "?", still encoded.
        body: None where it was longer than MAX_BODY_BYTES, so that nobody keeps it.
        """
        raw = query_string.decode("latin-1") if isinstance(query_string, bytes) else query_string
        pairs = _pairs(raw, MAX_QUERY_CHARS)
        too_long = body is None or len(body) > MAX_BODY_BYTES
        named: dict[str, str] = {}
        for name, value in headers:
            # RFC 9110 section 5.3 joins them: credentials sent twice mean nothing then.
            lower = name.lower()
            named[lower] = f"{named[lower]}, {value}" if lower in named else value
        return cls(
            method=method.upper(),
            path=path,
            query=pairs or (),
            headers=named,
            body=b"" if too_long or body is None else body,
            address=address,
            malformed=too_long or pairs is None,
        )

    def query_parameters(self) -> Parameters:
        """Give the parameters of the query; OAuthRefused for repeated or unreadable ones."""
        return _parameters(self, self.query)

    def form_parameters(self) -> Parameters:
        """Give the parameters of a posted form; OAuthRefused for anything else in the body."""
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.body and content_type != FORM:
            raise OAuthRefused("invalid_request", "the body is not a form")
        pairs = _pairs(self.body.decode("latin-1"), MAX_BODY_BYTES)
        return _parameters(self, pairs)


@dataclass(frozen=True, slots=True)
class WebResponse:
    """What goes to the network; the body of a token response is a secret."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Give the first header of that name, in whatever case."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


def json_response(
    value: object,
    *,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = NO_STORE,
    content_type: str = JSON,
) -> WebResponse:
    """Answer with JSON that nobody keeps, unless the headers say otherwise."""
    kind = (("Content-Type", content_type), ("X-Content-Type-Options", "nosniff"))
    return WebResponse(status, (*kind, *headers), strict_json.dump(value))


def redirect(address: str, parameters: Parameters) -> WebResponse:
    """Send the browser to a registered address with these parameters behind its own query.

    303, so that what was posted here is never posted on (RFC 9700 section 4.12).
    """
    location = address
    if parameters:
        joint = "&" if urlsplit(address).query else "?"
        location = f"{address}{joint}{urlencode(parameters)}"
    headers = (("Location", location), ("Referrer-Policy", "no-referrer"), *NO_STORE)
    return WebResponse(303, headers)


def page(status: int, zh: str, en: str) -> WebResponse:
    """Answer with a small page of ours; it loads nothing and repeats nothing it was sent."""
    body = (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{escape(zh)}</title>'
        f"<p>{escape(zh)}</p><p>{escape(en)}</p></html>"
    )
    return WebResponse(status, (*_PAGE_HEADERS, *NO_STORE), body.encode())


def _pairs(text: str, limit: int) -> tuple[tuple[str, str], ...] | None:
    """Read an encoded form; None where it is longer or has more in it than any request needs."""
    if len(text) > limit or text.count("&") >= MAX_PARAMETERS:
        return None
    # What is not UTF-8 becomes lone surrogates, which `_parameters` refuses.
    return tuple(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def _parameters(request: WebRequest, pairs: tuple[tuple[str, str], ...] | None) -> Parameters:
    if request.malformed or pairs is None or len(pairs) > MAX_PARAMETERS:
        raise OAuthRefused("invalid_request", "the request is too long or unreadable")
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise OAuthRefused("invalid_request", "a parameter is repeated")
    for name, value in pairs:
        if not _is_text(name) or not _is_text(value):
            raise OAuthRefused("invalid_request", "a parameter is too long or no text")
    return {name: value for name, value in pairs if value}


def _is_text(value: str) -> bool:
    """Whether a value is short enough and has no controls and no broken characters."""
    if len(value) > MAX_VALUE_CHARS or any(c < " " or c == "\x7f" for c in value):
        return False
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
