"""A provider on a store, one person signed in, portals registered, and what a portal sends."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlencode, urlsplit

import jwt

from msb_identity.errors import FetchRefused
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind
from msb_identity.sso.claims import Acting
from msb_identity.sso.clients import Clients, Registration
from msb_identity.sso.codes import challenge_of
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.http import FORM, WebRequest, WebResponse
from msb_identity.sso.keyring import KeyRing
from msb_identity.sso.logout_queue import LogoutQueue
from msb_identity.sso.parts import Standing
from msb_identity.sso.provider import Endpoint, Provider
from msb_identity.sso.sessions import Sessions
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from msb_identity.sso.claims import VerifiedToken
    from msb_identity.sso.clients import Client
    from msb_identity.sso.provider import SignInNeeded, SignOutNeeded
    from msb_identity.sso.sessions import NewSession, Session

NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ISSUER = "https://id.example.gov.cn/sso"
PORTAL = "https://portal.example.gov.cn"
BACK, HEAR = f"{PORTAL}/back", f"{PORTAL}/hear"
PERSON, FIRM, MANDATE = "p" * 26, "f" * 26, "m" * 26
VERIFIER = "v" * 43
STATE, NONCE = "state-1", "nonce-1"
CLAIMS = {
    "name": "张*三",
    "real_name_level": 3,
    "real_name": "张小三",
    "identity_number": "11010519491231002X",
    "phone_number": "+8613800138000",
    "phone_number_verified": True,
    "organization_name": "某某公司",
    "credit_code": "91350100M000100Y43",
}


@dataclass
class FakeSubjects:
    """People as the tests want them."""

    levels: int = 3
    mandates: dict[str, tuple[str, ...]] = field(default_factory=lambda: {FIRM: (MANDATE,)})
    until: datetime | None = None
    asked: list[str] = field(default_factory=list)

    def level(self, session: Session, *, now: datetime) -> int:  # noqa: ARG002
        return self.levels

    def roles(self, session: Session, *, now: datetime) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def acting(
        self,
        session: Session,  # noqa: ARG002
        firm_id: str,
        *,
        scope: str,
        now: datetime,  # noqa: ARG002
        mandate_id: str | None = None,
    ) -> Standing | None:
        self.asked.append(scope)
        held = self.mandates.get(firm_id, ())
        named = next((one for one in held if mandate_id in {None, one}), None)
        return None if named is None else Standing(Acting(firm_id, named), self.until)

    def claims(self, token: VerifiedToken, *, now: datetime) -> Mapping[str, object]:  # noqa: ARG002
        return CLAIMS


@dataclass
class Portal:
    """A registered client with what it proves itself by."""

    client: Client
    secret: str | None

    @property
    def headers(self) -> dict[str, str]:
        if self.secret is None:
            return {}
        pair = f"{quote_plus(self.client.id)}:{quote_plus(self.secret)}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


@dataclass
class ProviderWorld:
    url: str
    store: Store
    protector: Protector
    provider: Provider
    clients: Clients
    sessions: Sessions
    cutoffs: CutOffs
    ring: KeyRing
    subjects: FakeSubjects

    @classmethod
    def open(
        cls, url: str, folder: Path, *, kinds: tuple[KeyKind, ...] = (KeyKind.P256,)
    ) -> ProviderWorld:
        """Open it, also a second time as another process would."""
        store = Store.open(url, *TABLES)
        protector = Protector.from_folder(store, folder / "keys")
        ring, clients, sessions = (
            KeyRing(store, protector, kinds=kinds),
            Clients(store),
            Sessions(store),
        )
        cutoffs, subjects = CutOffs(store), FakeSubjects()
        provider = Provider(
            ISSUER,
            store=store,
            protector=protector,
            ring=ring,
            clients=clients,
            sessions=sessions,
            cutoffs=cutoffs,
            subjects=subjects,
            audit=Audit(store, protector, writer="provider"),
        )
        return cls(url, store, protector, provider, clients, sessions, cutoffs, ring, subjects)

    def register(self, **changed: Any) -> Portal:  # noqa: ANN401 - whatever a registration has
        """Register a portal, the usual one save for what is said."""
        values: dict[str, Any] = {
            "id": "portal",
            "name": "政务服务网",
            "redirect_addresses": (BACK,),
            "signed_out_addresses": (f"{PORTAL}/bye",),
            "scopes": ("openid", "profile", "licence.read"),
            "audience": PORTAL,
            "mandate_scope": "tax.declare",
        } | changed
        return Portal(*self.clients.register(Registration.read(values), now=NOW))

    def sign_in(self, *, acr: str = "urn:msb:aal:1", now: datetime = NOW) -> NewSession:
        return self.sessions.start(PERSON, level=3, acr=acr, amr=("sms",), now=now)

    def authorize(
        self, session: Session | None, now: datetime = NOW, **changed: str | None
    ) -> WebResponse | SignInNeeded:
        """Send the usual request, save for what is said; None leaves a parameter out."""
        return self.provider.authorize(self.request(**changed), session, now)

    def request(self, **changed: str | None) -> WebRequest:
        parameters: dict[str, str | None] = {
            "client_id": "portal",
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid profile",
            "state": STATE,
            "nonce": NONCE,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        parameters |= changed
        kept = {name: value for name, value in parameters.items() if value is not None}
        return get(Endpoint.AUTHORIZE, kept)

    def code(self, session: Session, now: datetime = NOW, **changed: str | None) -> str:
        answer = self.authorize(session, now, **changed)
        assert isinstance(answer, WebResponse), answer
        return back(answer)["code"]

    def exchange(
        self, portal: Portal, code: str, now: datetime = NOW, /, **changed: str | None
    ) -> WebResponse:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        form |= changed
        return self.post(Endpoint.TOKEN, form, portal.headers, now)

    def tokens(self, portal: Portal, session: Session, now: datetime = NOW, **changed: str) -> Any:  # noqa: ANN401
        """Go all the way to tokens."""
        code = self.code(session, now, client_id=portal.client.id, **changed)
        return good(self.exchange(portal, code, now, client_id=portal.client.id))

    def refresh(
        self, portal: Portal, token: str, now: datetime = NOW, **more: str | None
    ) -> WebResponse:
        form: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
        form |= more
        return self.post(Endpoint.TOKEN, form, portal.headers, now)

    def post(
        self,
        endpoint: Endpoint,
        form: Mapping[str, str | None],
        headers: Mapping[str, str],
        now: datetime = NOW,
    ) -> WebResponse:
        answer = self.provider.handle(post(endpoint, form, headers), None, now)
        assert isinstance(answer, WebResponse)
        return answer

    def userinfo(self, access_token: str, now: datetime = NOW) -> WebResponse:
        request = WebRequest(
            "GET", path(Endpoint.USERINFO), headers={"authorization": f"Bearer {access_token}"}
        )
        return self.provider.userinfo(request, now)

    def is_active(self, portal: Portal, token: str, now: datetime = NOW) -> bool:
        answer = self.post(Endpoint.INTROSPECT, {"token": token}, portal.headers, now)
        active: bool = good(answer)["active"]
        return active

    def sign_out(
        self, session: Session | None, now: datetime = NOW, **parameters: str
    ) -> WebResponse | SignOutNeeded:
        return self.provider.end_session(get(Endpoint.END_SESSION, parameters), session, now)


@dataclass
class FakePoster:
    """Takes what is posted, but not at addresses that are down."""

    down: set[str] = field(default_factory=set)
    posted: list[tuple[str, str]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def send(
        self, url: str, body: bytes, *, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        assert headers == {"Content-Type": FORM}
        assert limit <= 65_536
        self.tried.append(url)
        if url in self.down:
            message = "down"
            raise FetchRefused(message)
        self.posted.append((url, parse_qs(body.decode())["logout_token"][0]))
        return 200, b""


def make_queue(sso: ProviderWorld, poster: FakePoster | None) -> LogoutQueue:
    return LogoutQueue(ISSUER, store=sso.store, ring=sso.ring, clients=sso.clients, poster=poster)


def path(endpoint: Endpoint) -> str:
    return urlsplit(f"{ISSUER}{endpoint}").path


def get(endpoint: Endpoint, parameters: Mapping[str, str]) -> WebRequest:
    return WebRequest.of("GET", path(endpoint), query_string=urlencode(parameters))


def post(
    endpoint: Endpoint, form: Mapping[str, str | None], headers: Mapping[str, str]
) -> WebRequest:
    kept = {name: value for name, value in form.items() if value is not None}
    named = [*headers.items(), ("Content-Type", FORM)]
    return WebRequest.of("POST", path(endpoint), headers=named, body=urlencode(kept).encode())


def back(answer: WebResponse, address: str = BACK) -> dict[str, str]:
    """What the portal finds in the address to which the browser was sent."""
    assert answer.status == 303, answer
    location = answer.header("location") or ""
    assert location.startswith(f"{address}?"), location
    return dict(parse_qsl(location.partition("?")[2], strict_parsing=True))


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def good(answer: WebResponse) -> Any:  # noqa: ANN401 - JSON
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def error(answer: WebResponse, status: int = 400) -> str:
    assert answer.status == status, (answer.status, answer.body)
    assert answer.header("cache-control") == "no-store"
    code: str = json.loads(answer.body)["error"]
    return code
