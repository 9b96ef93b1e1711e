"""The story's part on single sign-on (一次认证、全网通行): two portals, one sign-in, one sign-out.

Provider and portals are the real ones; only the network between them is a table of addresses, and
the browser a dictionary of cookies, so that the story needs neither ports nor a web server.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from msb_identity.errors import AccessDenied, FetchRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.commands import CommandError
from msb_identity.foundation.protect import mask_name
from msb_identity.foundation.store import Store, file_url
from msb_identity.people.accounts import Accounts
from msb_identity.people.firms import Firms
from msb_identity.people.mandates import Mandates
from msb_identity.people.proofing import Attestation, Proofing
from msb_identity.people.staff import Staff
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.sms import SmsSignIn
from msb_identity.sso.clients import Clients, Registration
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.http import FORM, WebRequest, WebResponse, json_response
from msb_identity.sso.keyring import KeyRing
from msb_identity.sso.keysets import PublishedKeys
from msb_identity.sso.logout_queue import LogoutQueue
from msb_identity.sso.provider import Provider, Reason, SignInNeeded
from msb_identity.sso.sessions import Sessions
from msb_identity.sso.signin_client import SignInClient
from msb_identity.sso.subjects import StoredSubjects
from msb_identity.sso.tokens import TokenVerifier
from msb_identity.tables import TABLES
from msb_identity.web import portal_sessions
from msb_identity.web.cookies import PREFIX, read_cookie
from msb_identity.web.guard import ANY_TOKEN, Guard
from msb_identity.web.portal import PortalSignIn
from msb_identity.web.portal_sessions import PortalSessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msb_identity.sso.provider import SignOutNeeded
    from msb_wallet.folder import DataFolder

ISSUER = "https://id.example"
AGENT_NAME, AGENT_NUMBER, AGENT_MOBILE = "李四", "440524188001010014", "13900139000"
FIRM_NAME, FIRM_CODE, MATTER = "示例建材公司", "91350100M000100Y43", "tax.declare"
_PREFIX, _SESSION = "/sso", "msb-session"
_MAX_STEPS = 10


class Telephone(Protocol):
    """Where text messages arrive, and the person reads them."""

    last: str

    def send(self, mobile: str, text: str) -> None:
        """Take a message."""

    def code(self) -> str:
        """Give the code in the last one."""


class Teller(Protocol):
    """What the story is told to."""

    faults: list[str]

    def say(self, zh: str, en: str) -> None:
        """Tell one sentence."""

    def chapter(self, zh: str, en: str) -> None:
        """Begin a chapter."""


@dataclass
class _Network:
    """Who answers at which address; stands for HTTP between provider, portals and browser."""

    sites: dict[str, Callable[[WebRequest], WebResponse | SignInNeeded | SignOutNeeded]] = field(
        default_factory=dict
    )

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b""
    ) -> WebResponse | SignInNeeded | SignOutNeeded:
        """Send a request to whoever has that address."""
        parts = urlsplit(url)
        asked = WebRequest.of(
            method, parts.path, query_string=parts.query, headers=headers.items(), body=body
        )
        return self.sites[f"{parts.scheme}://{parts.netloc}"](asked)

    def get(self, url: str, *, limit: int) -> bytes:  # noqa: ARG002 - as HttpFetcher has it
        """Fetch a document."""
        answered = self.request("GET", url, headers={})
        return _body(answered if isinstance(answered, WebResponse) else None)

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Post a notice."""
        status, answer = self.send(url, body, headers={"Content-Type": content_type}, limit=limit)
        return _body(WebResponse(status, (), answer))

    def send(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        limit: int,  # noqa: ARG002
    ) -> tuple[int, bytes]:
        """Post a form."""
        answered = self.request("POST", url, headers=headers, body=body)
        if not isinstance(answered, WebResponse):
            raise FetchRefused(url)
        return answered.status, answered.body


@dataclass
class _Browser:
    """One browser: a cookie jar for each host."""

    network: _Network
    jars: dict[str, dict[str, str]] = field(default_factory=dict)

    def go(self, url: str, method: str = "GET") -> tuple[str, WebResponse | SignInNeeded]:
        """Follow redirects, and give where it ended and what was there."""
        for _ in range(_MAX_STEPS):
            jar = self.jars.setdefault(urlsplit(url).netloc, {})
            cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
            headers = {"Cookie": cookies, "Content-Type": FORM}
            answered = self.network.request(method, url, headers=headers)
            if isinstance(answered, SignInNeeded):
                return url, answered
            if not isinstance(answered, WebResponse):
                zh, en = "不该再问是否退出", "asked once more whether to sign out"
                raise CommandError(zh, en)
            for name, value in answered.headers:
                if name == "Set-Cookie":
                    key, _, content = value.partition(";")[0].partition("=")
                    jar[key] = content
            location = answered.header("Location")
            if location is None:
                return url, answered
            url, method = urljoin(url, location), "GET"
        zh, en = "重定向过多", "redirected for ever"
        raise CommandError(zh, en)


@dataclass(frozen=True)
class _Portal:
    """A portal: its name and address, its sign-in, the client that asks for tokens."""

    zh: str
    en: str
    home: str
    sso: PortalSignIn
    sessions: PortalSessions
    verifier: TokenVerifier

    def serve(self, request: WebRequest) -> WebResponse:
        """Serve the portal's one page, and what signs in to it."""
        if request.path.startswith(f"{_PREFIX}/"):
            below = request.path.removeprefix(_PREFIX)
            return self.sso.handle(
                WebRequest(request.method, below, request.query, request.headers, request.body)
            )
        try:
            token = self.sso.admit(request)
        except AccessDenied as denied:
            return self.sso.answer(denied, request, ANY_TOKEN)
        return json_response({"subject": token.subject, "actor": token.actor})

    def token_of(self, browser: _Browser) -> str:
        """Give the access token that the portal holds for a browser's person."""
        jar = browser.jars.get(urlsplit(self.home).netloc, {})
        found = [self.sessions.find(value) for value in jar.values()]
        return next((visitor.access_token for visitor in found if visitor is not None), "")


class SingleSignOn:
    """The part of the story; `tell` tells it."""

    def __init__(self, folder: DataFolder, teller: Teller, telephone: Telephone) -> None:
        """Open the provider over the story's own store."""
        self._teller, self._telephone, self._folder = teller, telephone, folder
        store, protector, audit = folder.store, folder.protector, folder.audit
        self._accounts = Accounts(store, protector, audit=audit)
        self._firms = Firms(store, self._accounts, audit=audit)
        self._mandates = Mandates(store, self._accounts, audit=audit)
        self._proofing = Proofing(store, protector, self._accounts, audit=audit)
        cut_offs = CutOffs(store)
        self._sessions = Sessions(store, cut_offs=cut_offs, audit=audit)
        desk = SignInDesk(store, protector, sessions=self._sessions, audit=audit)
        self._sms = SmsSignIn(store, protector, self._accounts, telephone, desk=desk)
        self._ring = KeyRing(store, protector, kinds=(KeyKind.SM2,))
        self._clients = Clients(store, audit=audit)
        staff = Staff(store, protector, audit=audit)
        subjects = StoredSubjects(
            self._accounts, firms=self._firms, mandates=self._mandates, staff=staff
        )
        self._provider = Provider(
            ISSUER,
            store=store,
            protector=protector,
            ring=self._ring,
            clients=self._clients,
            sessions=self._sessions,
            cutoffs=cut_offs,
            subjects=subjects,
            audit=audit,
        )
        self._network = _Network({ISSUER: self._serve})
        self._queue = LogoutQueue(
            ISSUER,
            store=store,
            ring=self._ring,
            clients=self._clients,
            poster=self._network,
            audit=audit,
        )

    def tell(self, representative: str) -> None:
        """Tell it; representative: the account that a firm's mandate comes from."""
        self._teller.chapter("一次认证、全网通行", "Sign in once, be in everywhere")
        with ExitStack() as closing_:
            land = self._portal(closing_, "land", "不动产登记", "Land registration", level=3)
            taxes = self._portal(closing_, "taxes", "税费缴纳", "Taxes", level=0)
            browser = _Browser(self._network)
            agent = self._walk_in(browser, land, taxes)
            self._act_for_a_firm(browser, taxes, representative, agent)
            self._sign_out(browser, land, taxes)

    def _serve(self, request: WebRequest) -> WebResponse | SignInNeeded | SignOutNeeded:
        secret = read_cookie(request, _SESSION)
        session = None if secret is None else self._sessions.by_secret(secret)
        return self._provider.handle(request, session)

    def _portal(self, closing_: ExitStack, name: str, zh: str, en: str, *, level: int) -> _Portal:
        home = f"https://{name}.example"
        registration = Registration(
            id=name,
            name=zh,
            audience=home,
            level=level,
            mandate_scope=MATTER,
            redirect_addresses=(f"{home}{_PREFIX}/callback",),
            logout_address=f"{home}{_PREFIX}/ended",
            signed_out_addresses=(f"{home}/",),
        )
        _, secret = self._clients.register(registration)
        path = self._folder.path / f"portal-{name}.sqlite"
        store = closing_.enter_context(
            closing(Store.open(file_url(path), portal_sessions.metadata))
        )
        sessions = PortalSessions(store)
        published = PublishedKeys(ISSUER, fetcher=self._network)
        client = SignInClient(
            published,
            self._network,
            client_id=name,
            credential=secret or "",
            redirect_address=registration.redirect_addresses[0],
            replays=sessions,
        )
        verifier = TokenVerifier(
            issuer=ISSUER, audience=home, keys=published, cutoffs=_at_once(self._folder.store)
        )
        sso = PortalSignIn(
            client, sessions, Guard(verifier), prefix=_PREFIX, signed_out_address=f"{home}/"
        )
        portal = _Portal(zh, en, home, sso, sessions, verifier)
        self._network.sites[home] = portal.serve
        return portal

    def _walk_in(self, browser: _Browser, land: _Portal, taxes: _Portal) -> str:
        """Register, sign in, raise the level, be in both portals; give the person's id."""
        person = self._accounts.register(
            name=AGENT_NAME, identity_number=AGENT_NUMBER, mobile=AGENT_MOBILE
        )
        self._teller.say(
            f"{mask_name(AGENT_NAME)}自行注册，实名等级 {person.level}。",
            f"A person registers alone: real-name level {person.level}.",
        )
        _, needed = browser.go(f"{land.home}/")
        if not isinstance(needed, SignInNeeded):
            zh, en = "没有要求登录", "no sign-in was asked for"
            raise CommandError(zh, en)
        self._sms.request_code(AGENT_MOBILE, address="127.0.0.1")
        session = self._sms.sign_in(AGENT_MOBILE, self._telephone.code(), address="127.0.0.1")
        jar = browser.jars[urlsplit(ISSUER).netloc]
        jar[f"{PREFIX}{_SESSION}"] = session.secret
        _, needed = browser.go(urljoin(ISSUER, needed.return_to))
        is_too_low = isinstance(needed, SignInNeeded) and needed.reason is Reason.HIGHER_LEVEL
        self._expect("level", is_too_low)
        counter = Attestation("示例区政务服务中心")
        level = self._proofing.check(person.id, counter, by="window-1").person.level
        self._teller.say(
            f"{land.zh}要求实名等级 3，先不放行；窗口核验身份后等级为 {level}。",
            f"{land.en} wants level 3: not yet. A counter checks the papers: level {level}.",
        )
        self._expect("first portal", _said(browser.go(f"{land.home}/")) == (person.id, None))
        self._expect("second portal", _said(browser.go(f"{taxes.home}/")) == (person.id, None))
        self._teller.say(
            f"短信登录一次，{land.zh}和{taxes.zh}都已登录，令牌用 SM2 签名。",
            f"One sign-in by SMS, and both portals are open: {land.en}, {taxes.en}; SM2 tokens.",
        )
        return person.id

    def _act_for_a_firm(
        self, browser: _Browser, taxes: _Portal, representative: str, agent: str
    ) -> None:
        """Offer a mandate, accept it, act under it, and withdraw it."""
        firm = self._firms.register(
            credit_code=FIRM_CODE,
            name=FIRM_NAME,
            representative=representative,
            method="counter",
            source="示例区市场监督管理局",
            by="window-1",
        )
        until = datetime.now(UTC) + timedelta(days=30)
        mandate = self._mandates.offer(
            firm.id, agent=agent, scope=[MATTER], valid_until=until, by=representative
        )
        self._mandates.accept(mandate.id, by=agent)
        here = f"{taxes.home}{_PREFIX}/login?acting_for={firm.id}"
        self._expect("acting", _said(browser.go(here)) == (firm.id, agent))
        token = taxes.token_of(browser)
        self._expect("act in the token", taxes.verifier.verify(token).mandate == mandate.id)
        self._teller.say(
            f"法定代表人授权{mask_name(AGENT_NAME)}办理{taxes.zh}，令牌写明：法人、经办人、授权编号。",
            "The representative mandates an agent: the token names firm, person and mandate.",
        )
        self._mandates.withdraw(mandate.id, by=representative)
        self._refused("withdrawn mandate", taxes.verifier, token)
        self._expect("own name", _said(browser.go(f"{taxes.home}/")) == (agent, None))
        answered = browser.go(here)[1]
        self._expect(
            "mandate is over",
            isinstance(answered, WebResponse) and answered.status == HTTPStatus.BAD_REQUEST,
        )
        self._teller.say(
            "授权撤回，令牌立即失效，只能以本人身份办理。",
            "The mandate is withdrawn: the token is refused at once, only the own name is left.",
        )

    def _sign_out(self, browser: _Browser, land: _Portal, taxes: _Portal) -> None:
        """Sign out of one portal, be out of both, also for who opens the store anew."""
        tokens = {portal: portal.token_of(browser) for portal in (land, taxes)}
        browser.go(f"{land.home}{_PREFIX}/logout", "POST")
        told = self._queue.deliver().delivered
        for portal in (land, taxes):
            self._expect("signed out", isinstance(browser.go(f"{portal.home}/")[1], SignInNeeded))
        with closing(Store.open(self._folder.store_url, *TABLES)) as again:
            for portal, token in tokens.items():
                reopened = TokenVerifier(
                    issuer=ISSUER,
                    audience=portal.home,
                    keys=self._ring.key_set(),
                    cutoffs=CutOffs(again),
                )
                self._refused("old token", reopened, token)
        self._teller.say(
            f"在一处退出，处处退出：已通知 {told} 个门户，旧令牌在重新打开的库里也被拒绝。",
            f"Out of one, out of all: {told} portals told; old tokens are refused after a restart.",
        )

    def _expect(self, what: str, holds: bool) -> None:  # noqa: FBT001 - what is expected is its point
        if not holds:
            self._teller.faults.append(f"single sign-on: {what}")

    def _refused(self, what: str, verifier: TokenVerifier, token: str) -> None:
        report = verifier.check(token)
        step = report.decisive_step
        self._expect(what, step is not None and (step.id, step.code) == ("session", "ended"))


def _said(arrived: tuple[str, WebResponse | SignInNeeded]) -> tuple[str | None, str | None]:
    """Give the subject and the actor that a portal's page names."""
    answered = arrived[1]
    if isinstance(answered, SignInNeeded) or answered.status != HTTPStatus.OK:
        return None, None
    said = strict_json.load_object(answered.body)
    return said["subject"], said["actor"]


def _body(answered: WebResponse | None) -> bytes:
    if answered is None or answered.status != HTTPStatus.OK:
        message = "no good answer"
        raise FetchRefused(message)
    return answered.body


def _at_once(store: Store) -> CutOffs:
    """Give cut-offs as one who asks the store each time sees them."""
    return CutOffs(store, max_age=timedelta(0))
