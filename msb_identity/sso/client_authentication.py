"""Which client asks: by its secret, by a signed assertion, or, for public ones, by PKCE alone.

RFC 6749 section 2.3 (one way at a time), RFC 7523 and OpenID Connect Core section 9 for
private_key_jwt. An unknown client, a wrong secret and another way than the registered one get the
same answer. An assertion names this provider as its only audience, so that what a client signed for
another provider is nothing here, and is taken once.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import BigInteger, Column, LargeBinary, Table, insert
from sqlalchemy.exc import IntegrityError

from msb_identity.envelopes import cbor
from msb_identity.envelopes.jose import parse_jws
from msb_identity.errors import AlgorithmRefused, EncodingRefused, OAuthRefused, SignatureRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some
from msb_identity.sso.claims import CLOCK_TOLERANCE, Text, Time
from msb_identity.sso.clients import SECRETS, Authentication

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.envelopes.jose import Jws
    from msb_identity.foundation.store import Store
    from msb_identity.sso.clients import Client, Clients
    from msb_identity.sso.http import Parameters, WebRequest

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
ASSERTION_LIFE = timedelta(minutes=5)
"""An assertion is good this long after it was made, whatever later end it claims."""
MAX_ASSERTION_CHARS = 8_000
MAX_CREDENTIALS_CHARS = 2_000
_TYPES = frozenset({None, "jwt", "client-authentication+jwt"})

metadata = IDENTITY.tables()
client_assertions = Table(
    "client_assertions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class _Presented:
    """What a request brings as proof."""

    client_id: str
    way: Authentication
    proof: str = ""


class ClientAuthenticator:
    """Finds out which client asks."""

    def __init__(self, clients: Clients, store: Store, *, issuer: str) -> None:
        """Use the clients of one store; issuer: what assertions must name as their audience."""
        self._clients, self._store, self._issuer = clients, store, issuer

    def authenticate(
        self, request: WebRequest, form: Parameters, *, endpoint: str, now: datetime
    ) -> Client:
        """Give the client that proves itself in the way it is registered with.

        endpoint: the address that is asked, which clients of the time before RFC 7523bis name as
        the audience. OAuthRefused (`invalid_client`, 401) for whoever does not prove it.
        """
        presented = _presented(request, form)
        client = self._clients.live(presented.client_id)
        basic = presented.way is Authentication.SECRET_BASIC
        if client is None or client.registration.authentication is not presented.way:
            detail = "unknown" if client is None else "another-way"
            raise _refused(detail, basic=basic)
        if presented.way in SECRETS and not client.has_secret(presented.proof):
            raise _refused("wrong-secret", basic=basic)
        if presented.way is Authentication.PRIVATE_KEY_JWT:
            self._check_assertion(client, presented.proof, {self._issuer, endpoint}, now)
        return client

    def _check_assertion(
        self, client: Client, assertion: str, audiences: set[str], now: datetime
    ) -> None:
        """RFC 7523 section 3, in its order."""
        try:
            jws = parse_jws(assertion)
            claims = _Assertion.model_validate(strict_json.load_object(jws.payload))
        except (EncodingRefused, ValidationError):
            raise _refused("assertion-form") from None
        until = claims.good_until()
        rules = {
            "type": jws.type in _TYPES,
            "issuer or subject": claims.iss == claims.sub == client.id,
            "audience": claims.audience in audiences,
            "made in the future": claims.begins <= seconds(now + CLOCK_TOLERANCE),
            "expired": until > seconds(now),
            "no iat, and too long": claims.iat is not None
            or until <= seconds(now + ASSERTION_LIFE + CLOCK_TOLERANCE),
            "signature": _is_signed(jws, client),
        }
        wrong = next((name for name, holds in rules.items() if not holds), None)
        if wrong is None and not self._take(client.id, claims.jti, until, now):
            wrong = "replayed"
        if wrong is not None:
            detail = f"assertion: {wrong}"
            raise _refused(detail)

    def _take(self, client_id: str, assertion_id: str, until: int, now: datetime) -> bool:
        """Remember an assertion until it is over; whether it comes for the first time."""
        name = sha256(cbor.encode([client_id, assertion_id])).digest()
        try:
            with self._store.write(locks=()) as connection:
                connection.execute(insert(client_assertions).values(hash=name, expires_at=until))
                over = client_assertions.c.expires_at <= seconds(now)
                remove_some(connection, client_assertions, over)
        except IntegrityError:
            return False
        return True


class _Assertion(BaseModel):
    """The claims of RFC 7523 section 3; `jti` is required, so that it is taken once."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    iss: Text
    sub: Text
    aud: Text | Annotated[list[Text], Field(min_length=1, max_length=1)]
    exp: Time
    jti: Text
    iat: Time | None = None
    nbf: Time = 0

    @property
    def audience(self) -> str:
        """The one audience."""
        return self.aud if isinstance(self.aud, str) else self.aud[0]

    @property
    def begins(self) -> int:
        """From when it is good."""
        return max(self.nbf, self.iat or 0)

    def good_until(self) -> int:
        """Until when it is good: libraries claim an hour, which nobody needs."""
        if self.iat is None:
            return self.exp
        return min(self.exp, self.iat + int(ASSERTION_LIFE.total_seconds()))


def _presented(request: WebRequest, form: Parameters) -> _Presented:
    """Find the one proof that a request brings; OAuthRefused where it brings several."""
    found = []
    if "authorization" in request.headers:
        found.append(_basic(request.headers["authorization"]))
    if "client_secret" in form:
        secret = form["client_secret"]
        found.append(_Presented(form.get("client_id", ""), Authentication.SECRET_POST, secret))
    if "client_assertion" in form or "client_assertion_type" in form:
        found.append(_assertion(form))
    if len(found) > 1:
        raise OAuthRefused("invalid_request", "a client proves itself in one way")
    presented = found[0] if found else _Presented(form.get("client_id", ""), Authentication.NONE)
    if form.get("client_id", presented.client_id) != presented.client_id:
        raise _refused("client-id-differs")
    return presented


def _basic(header: str) -> _Presented:
    """RFC 6749 section 2.3.1: both halves are encoded as in a form before they are joined."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic" or len(credentials) > MAX_CREDENTIALS_CHARS:
        raise _refused("credentials", basic=True)
    try:
        decoded = b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _refused("credentials", basic=True) from None
    name, _, secret = decoded.partition(":")
    return _Presented(unquote_plus(name), Authentication.SECRET_BASIC, unquote_plus(secret))


def _assertion(form: Parameters) -> _Presented:
    """Read, without believing it, whose assertion it is; RFC 7521 section 4.2: client_id is one."""
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") != ASSERTION_TYPE or len(assertion) > MAX_ASSERTION_CHARS:
        raise _refused("assertion-kind")
    try:
        said = strict_json.load_object(parse_jws(assertion).payload).get("sub")
    except EncodingRefused:
        raise _refused("assertion-form") from None
    name = said if isinstance(said, str) else ""
    return _Presented(name, Authentication.PRIVATE_KEY_JWT, assertion)


def _is_signed(jws: Jws, client: Client) -> bool:
    """Whether the assertion is signed by a registered key: the one it names, or the only one."""
    listed = (client.registration.keys or {"keys": []})["keys"]
    name = listed[0]["kid"] if jws.key_id is None and len(listed) == 1 else jws.key_id
    key = client.key_set.get(name)
    if key is None:
        return False
    try:
        jws.verify(key)
    except (AlgorithmRefused, SignatureRefused):
        return False
    return True


def _refused(detail: str, *, basic: bool = False) -> OAuthRefused:
    """Give the one answer to whoever did not prove to be a client (RFC 6749 section 5.2)."""
    return OAuthRefused(
        "invalid_client",
        "the client is not known, or did not prove itself",
        status=401,
        detail=f"client: {detail}",
        challenge='Basic realm="msb"' if basic else "",
    )
