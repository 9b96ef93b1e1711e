"""A portal's side of signing in: the authorisation code flow with PKCE, and what follows from it.

OpenID Connect Core 1.0 section 3.1, OAuth 2.1, RFC 7636, RFC 9207; RP-initiated and back-channel
logout. It holds no state: what ties a browser to the request it began is one secret, which the
portal puts into a cookie (`Pending`), and from which state, nonce and code verifier are derived.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Protocol
from urllib.parse import quote_plus, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msb_identity.envelopes.jose import encode_base64url, sign_jws
from msb_identity.errors import EncodingRefused, FetchRefused, OAuthRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, seconds
from msb_identity.sso.http import FORM
from msb_identity.sso.idtokens import VerifiedIdToken, verify_id_token
from msb_identity.sso.keysets import PublishedKeys, issuer_fetcher
from msb_identity.sso.logout_tokens import LogoutNotice, ReplayMemory, verify_logout_token

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.sso.http import Parameters
    from msb_identity.sso.logout_tokens import Replays

MAX_ANSWER_BYTES = 100_000
ASSERTION_LIFE = timedelta(seconds=60)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that a browser has begun; `secret` goes into its cookie and nowhere else."""

    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Pending:
        """Begin one."""
        return cls(secrets.token_urlsafe(_SECRET_BYTES))

    @property
    def state(self) -> str:
        """What the answer must carry (RFC 6749 section 10.12)."""
        return self._derive("state")

    @property
    def nonce(self) -> str:
        """What the ID token must carry (OpenID Connect Core section 15.5.2)."""
        return self._derive("nonce")

    @property
    def code_verifier(self) -> str:
        """What proves that the code comes back to who asked for it (RFC 7636 section 4.1)."""
        return self._derive("code verifier")

    def _derive(self, what: str) -> str:
        return encode_base64url(hmac.digest(self.secret.encode(), what.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave for a code or a refresh token."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    expires_at: datetime
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who came back from the provider: who it is, and the tokens to act with."""

    person: VerifiedIdToken
    tokens: Tokens


class Sender(Protocol):
    """What posts to the provider: `x509.fetch.HttpFetcher`, or whatever stands for the network."""

    def send(
        self, url: str, body: bytes, *, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        """Post `body` and give the status and the answer; FetchRefused where there is none."""


class SignInClient:
    """Signs people in at one OpenID Provider, for one portal."""

    def __init__(
        self,
        published: PublishedKeys,
        sender: Sender,
        *,
        client_id: str,
        credential: str | SigningKey,
        redirect_address: str,
        scope: tuple[str, ...] = ("openid",),
        replays: Replays | None = None,
    ) -> None:
        """Say who the portal is.

        credential: its secret (client_secret_basic), or its key (private_key_jwt, RFC 7523).
        redirect_address: as registered. replays: where logout tokens are remembered; default: in
        this process.
        """
        self.client_id, self.redirect_address = client_id, redirect_address
        self._published, self._sender, self._credential = published, sender, credential
        self._scope = scope
        self._replays = replays or ReplayMemory()

    @classmethod
    def from_issuer(
        cls,
        url: str,
        *,
        client_id: str,
        credential: str | SigningKey,
        redirect_address: str,
        scope: tuple[str, ...] = ("openid",),
        replays: Replays | None = None,
        allow_http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> SignInClient:
        """Take addresses and keys from what the provider at `url` publishes.

        allow_http: also plain http, on loopback only, for trying out. tls: whose certificates are
        believed; default the system's.
        """
        fetcher = issuer_fetcher(url, allow_http=allow_http, tls=tls)
        return cls(
            PublishedKeys(url, fetcher=fetcher),
            fetcher,
            client_id=client_id,
            credential=credential,
            redirect_address=redirect_address,
            scope=scope,
            replays=replays,
        )

    @property
    def issuer(self) -> str:
        """The provider's address."""
        return self._published.issuer

    def begin(
        self,
        pending: Pending,
        *,
        acr: str = "",
        max_age: timedelta | None = None,
        login_hint: str = "",
        further: Parameters | None = None,
    ) -> str:
        """Give the address to send the browser to; FetchRefused where the provider is not there.

        acr, max_age: how strong and fresh the sign-in must be, as a step-up answer asks (RFC 9470).
        further: other parameters that the provider knows.
        """
        challenge = encode_base64url(sha256(pending.code_verifier.encode()).digest())
        asked = {
            **(further or {}),
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_address,
            "scope": " ".join(self._scope),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "acr_values": acr,
            "login_hint": login_hint,
            "max_age": "" if max_age is None else str(int(max_age.total_seconds())),
        }
        sent = {name: value for name, value in asked.items() if value}
        return f"{self._address('authorization_endpoint')}?{urlencode(sent)}"

    def complete(
        self,
        answer: Parameters,
        pending: Pending,
        *,
        max_age: timedelta | None = None,
        now: datetime | None = None,
    ) -> SignedIn:
        """Turn the answer that a browser brought back into a person and tokens.

        answer: the query of the redirect. pending: from this very browser's cookie.
        Raises OAuthRefused (`state`, `issuer`, or what the provider says), Refused for an ID token
        that is not good, FetchRefused where the provider cannot be asked.
        """
        moment = aware(now)
        if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise OAuthRefused("state", "the answer is not to this browser's request")
        # RFC 9207 section 2.4: before anything in the answer is believed, an error included.
        if answer.get("iss") != self.issuer:
            raise OAuthRefused("issuer", "the answer is another issuer's")
        if "error" in answer or "code" not in answer:
            raise OAuthRefused(answer.get("error", "no-code"), "the provider did not sign in")
        tokens = self._exchange(
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": self.redirect_address,
                "code_verifier": pending.code_verifier,
            },
            moment,
        )
        if tokens.id_token is None:
            raise OAuthRefused("no-id-token", "the provider gave no ID token")
        person = verify_id_token(
            tokens.id_token,
            issuer=self.issuer,
            client_id=self.client_id,
            keys=self._published,
            nonce=pending.nonce,
            access_token=tokens.access_token,
            max_age=max_age,
            now=moment,
        )
        return SignedIn(person, tokens)

    def refresh(self, refresh_token: str, *, now: datetime | None = None) -> Tokens:
        """Get new tokens; the refresh token given must not be used again where a new one came.

        OAuthRefused (`invalid_grant`) where the session has ended: the person is signed out.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._exchange(form, aware(now))

    def revoke(self, refresh_token: str, *, now: datetime | None = None) -> None:
        """Give a refresh token back (RFC 7009)."""
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        self._post("revocation_endpoint", form, aware(now))

    def sign_out_address(self, *, id_token: str, back_to: str = "", state: str = "") -> str:
        """Give the address that signs the browser out everywhere (RP-Initiated Logout 1.0).

        id_token: shows the provider that the portal may ask. back_to: registered beforehand.
        """
        asked = {
            "id_token_hint": id_token,
            "client_id": self.client_id,
            "post_logout_redirect_uri": back_to,
            "state": state,
        }
        sent = {name: value for name, value in asked.items() if value}
        return f"{self._address('end_session_endpoint')}?{urlencode(sent)}"

    def read_logout_token(self, token: str, *, now: datetime | None = None) -> LogoutNotice:
        """Say whose sessions the provider ended (Back-Channel Logout 1.0); Refused otherwise."""
        return verify_logout_token(
            token,
            issuer=self.issuer,
            client_id=self.client_id,
            keys=self._published,
            seen=self._replays,
            now=now,
        )

    def _exchange(self, form: Mapping[str, str], now: datetime) -> Tokens:
        answer = self._post("token_endpoint", form, now)
        try:
            given = _TokenAnswer.model_validate(strict_json.load_object(answer))
        except (ValidationError, EncodingRefused):
            message = "the provider's answer is not one to a token request"
            raise FetchRefused(message) from None
        return Tokens(
            access_token=given.access_token,
            refresh_token=given.refresh_token,
            id_token=given.id_token,
            expires_at=now + timedelta(seconds=given.expires_in),
            scope=tuple(given.scope.split()) if given.scope else self._scope,
        )

    def _post(self, endpoint: str, form: Mapping[str, str], now: datetime) -> bytes:
        address = self._address(endpoint)
        headers, proof = self._prove(now)
        body = urlencode({**form, **proof}).encode()
        status, answer = self._sender.send(
            address, body, headers={"Content-Type": FORM, **headers}, limit=MAX_ANSWER_BYTES
        )
        if status != HTTPStatus.OK:
            raise _refusal(status, answer)
        return answer

    def _prove(self, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """Give the header or the form fields that show who asks (OAuth 2.1 section 2.4)."""
        if isinstance(self._credential, str):
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._credential)}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}, {}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": seconds(now),
            "exp": seconds(now + ASSERTION_LIFE),
            "jti": secrets.token_urlsafe(_SECRET_BYTES),
        }
        assertion = sign_jws(strict_json.dump(claims), self._credential, type_="JWT")
        return {}, {"client_assertion_type": _ASSERTION, "client_assertion": assertion}

    def _address(self, name: str) -> str:
        address = self._published.address(name)
        if address is None:
            message = f"the provider has no {name}"
            raise FetchRefused(message)
        return address


class _TokenAnswer(BaseModel):
    """RFC 6749 section 5.1."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: Annotated[str, Field(min_length=1)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    expires_in: Annotated[int, Field(gt=0, le=86_400)]
    refresh_token: Annotated[str, Field(min_length=1)] | None = None
    id_token: Annotated[str, Field(min_length=1)] | None = None
    scope: str | None = None


class _ErrorAnswer(BaseModel):
    """RFC 6749 section 5.2; the description is for developers, and is not passed on."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    error: Annotated[str, Field(pattern=r"^[a-z_]{1,50}$")]


def _refusal(status: int, answer: bytes) -> OAuthRefused | FetchRefused:
    """Tell what the provider refused from what it could not do."""
    try:
        said = _ErrorAnswer.model_validate(strict_json.load_object(answer))
    except (ValidationError, EncodingRefused):
        return FetchRefused(f"HTTP status {status}")
    return OAuthRefused(said.error, "the provider refused", status=status)
